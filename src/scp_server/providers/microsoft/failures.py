"""What Graph's refusals mean to us.

Graph says why in `error.code`, more exactly in the `code` of nested inner errors, spelled
`innerError` by Outlook and `innererror` by OneDrive (Graph, "error responses"). The innermost known
one decides; codes are compared without regard to case, because Microsoft's are not steady in it.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from scp_server.domain.errors import (
    ConsentLost,
    PositionLost,
    ProviderError,
    ProviderProtocolError,
    ProviderRateLimited,
    ProviderUnavailable,
    RequestRefused,
    ScopeMissing,
)
from scp_server.ports.connector import Ask
from scp_server.providers.answers import Answer
from scp_server.providers.foreign import thing
from scp_server.providers.retry_after import retry_after

NO_MAILBOX: Final = "mailboxnotenabledforrestapi"

_THROTTLED: Final = frozenset(
    {"applicationthrottled", "activitylimitreached", "toomanyrequests", "errorserverbusy"}
)
_LOST: Final = frozenset(
    {
        "syncstatenotfound",
        "syncstateinvalid",
        "resyncrequired",
        "resyncchangesapplydifferences",
        "resyncchangesuploaddifferences",
    }
)
_BY_STATUS: Final[Mapping[int, type[ProviderError]]] = MappingProxyType(
    {
        401: ConsentLost,
        403: ScopeMissing,
        408: ProviderUnavailable,
        410: PositionLost,
        423: ProviderUnavailable,
        429: ProviderRateLimited,
        509: ProviderRateLimited,
    }
)
"""What a status means where no code says more. All other 4xx: RequestRefused."""
_BY_CODE: Final[Mapping[tuple[int, str], type[ProviderError]]] = MappingProxyType(
    {
        (403, "erroraccountsuspend"): ConsentLost,
        (410, "itemnotfound"): RequestRefused,
        (410, "erroritemnotfound"): RequestRefused,
    }
)

_MENDS: Final[Mapping[type[ProviderError], str]] = MappingProxyType(
    {
        ConsentLost: "Microsoft no longer accepts the token ({shown}): "
        "the user must consent again.",
        ScopeMissing: "The user's consent, or their organisation, does not cover {method} "
        "({shown}): ask for it again, or ask their administrator.",
        PositionLost: "Microsoft no longer knows the place {method} goes on from ({shown}).",
    }
)
_AT_ONCE: Final = re.compile("concurrency", re.IGNORECASE)
"""The code does not tell: "Application is over its MailboxConcurrency limit."."""
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}\Z")
_DEEPEST: Final = 8


def microsoft_refusal(ask: Ask, answer: Answer, now: float) -> ProviderError:
    """What a refused request means. The error says method, status and code, nothing else."""
    envelope = _envelope(answer)
    codes = list(_codes(envelope or {}))
    shown = f"{answer.status} {codes[0]}" if codes else f"{answer.status}"
    kind = _meaning(ask, answer, {code.lower() for code in codes}, known=envelope is not None)
    if kind is ProviderProtocolError:
        return ProviderProtocolError(
            f"Microsoft answered {answer.status} to {ask.method} in a form its API does not have; "
            "check that SCP_MICROSOFT__GRAPH_URL is the right address."
        )
    if kind is ProviderRateLimited:
        return ProviderRateLimited(
            f"Microsoft asked to slow down ({shown} to {ask.method}).",
            retry_after=retry_after(answer.headers.get("retry-after", ""), now),
            at_once=_AT_ONCE.search(str((envelope or {}).get("message"))) is not None,
        )
    if kind is ProviderUnavailable:
        return ProviderUnavailable(
            f"Microsoft answered {shown} to {ask.method}.",
            retry_after=retry_after(answer.headers.get("retry-after", ""), now),
        )
    if kind is RequestRefused:
        return RequestRefused(_refused(ask, shown, {code.lower() for code in codes}))
    message = _MENDS[kind].format(method=ask.method, shown=shown)
    return kind(message)


def _meaning(ask: Ask, answer: Answer, codes: set[str], *, known: bool) -> type[ProviderError]:
    status = answer.status
    if codes & _THROTTLED and status >= 400:
        return ProviderRateLimited
    if status >= 500:
        return _BY_STATUS.get(status, ProviderUnavailable)
    if status < 400 or (not known and status in {404, 410}):
        return ProviderProtocolError
    if codes & _LOST or (status == 400 and ask.link is not None):
        # A link of Graph's own that it calls malformed has died.
        return PositionLost
    for code in codes:
        if (status, code) in _BY_CODE:
            return _BY_CODE[status, code]
    return _BY_STATUS.get(status, RequestRefused)


def _refused(ask: Ask, shown: str, codes: set[str]) -> str:
    if NO_MAILBOX in codes:
        return (
            f"This Microsoft account has no mailbox that can be read ({shown}): it has no licence "
            "for Exchange Online, or its mailbox is kept on a server of its own."
        )
    return f"Microsoft refused {ask.method} ({shown})."


def _envelope(answer: Answer) -> Mapping[str, Any] | None:
    try:
        body = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    error = thing(body).get("error")
    return error if isinstance(error, dict) else None


def _codes(error: Mapping[str, Any]) -> Iterator[str]:
    """The codes of an error, the innermost first."""
    chain = [error]
    while len(chain) < _DEEPEST:
        inner = chain[-1].get("innerError", chain[-1].get("innererror"))
        if not isinstance(inner, dict):
            break
        chain.append(inner)
    for one in reversed(chain):
        code = one.get("code")
        # Shown in messages: so only what looks like a code, whatever was put there.
        if isinstance(code, str) and _CODE.match(code):
            yield code
