"""What Google's refusals mean to us.

Google says why in three envelopes (Gmail's "Resolve errors"): `errors[].reason` of the older APIs,
`details[].reason` (google.rpc.ErrorInfo) of the newer ones, and the canonical `status`. All are
read; the most telling known one decides. Throttling comes as 403 as well as 429.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, Final

import msgspec

from scp_server.domain.errors import (
    ConsentLost,
    OperatorFault,
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
from scp_server.providers.foreign import items, text, thing

SLOW_QUOTA_WAIT: Final = 900.0
"""Seconds. Operational and daily quotas come back after hours; asking more often is no use."""

_MEANINGS: Final[Mapping[tuple[int, str], type[ProviderError]]] = MappingProxyType(
    {
        (400, "EXPIRED_SYNC_TOKEN"): PositionLost,
        (401, ""): ConsentLost,
        (403, ""): RequestRefused,
        (403, "rateLimitExceeded"): ProviderRateLimited,
        (403, "userRateLimitExceeded"): ProviderRateLimited,
        (403, "quotaExceeded"): ProviderRateLimited,
        (403, "dailyLimitExceeded"): ProviderRateLimited,
        (403, "RATE_LIMIT_EXCEEDED"): ProviderRateLimited,
        (403, "RESOURCE_EXHAUSTED"): ProviderRateLimited,
        (403, "insufficientPermissions"): ScopeMissing,
        (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"): ScopeMissing,
        (403, "accessNotConfigured"): OperatorFault,
        (403, "SERVICE_DISABLED"): OperatorFault,
        (408, ""): ProviderUnavailable,
        (410, ""): PositionLost,
        (410, "deleted"): RequestRefused,
        (429, ""): ProviderRateLimited,
    }
)
"""By status and reason; "" is the rest of that status. All other 4xx: RequestRefused."""

_SLOW: Final = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_PLACES: Final = frozenset({"pageToken", "syncToken"})
_RETRY_AT: Final = re.compile(r"Retry after (\S+)", re.IGNORECASE)
"""Gmail's own form of Retry-After: "User-rate limit exceeded.  Retry after 2026-...Z"."""
_AT_ONCE: Final = re.compile("concurrent", re.IGNORECASE)
"""Gmail has no reason of its own for it: "Too many concurrent requests for user."."""
_REASON: Final = re.compile(r"[A-Za-z_]{1,64}\Z")

FOLLOWING: Final = frozenset({"gmail.history.list", "drive.changes.list"})
"""What a 404 says of these is that the place they were to go on from is unknown."""


def google_refusal(ask: Ask, answer: Answer, now: float) -> ProviderError:
    """What a refused request means. The error says method, status and reason, nothing else."""
    envelope = _envelope(answer)
    if answer.status >= 500:
        return ProviderUnavailable(f"Google answered {answer.status} to {ask.method}.")
    if answer.status < 400 or (envelope is None and answer.status in {404, 410}):
        return ProviderProtocolError(
            f"Google answered {answer.status} to {ask.method} in a form its API does not have; "
            f"check that SCP_GOOGLE__{ask.base.upper()} is the right address."
        )
    reasons = list(_reasons(envelope or {}))
    kind, reason = _meaning(ask, answer.status, reasons, envelope or {})
    shown = f"{answer.status} {reason}".rstrip()
    if kind is ProviderRateLimited:
        wait = _retry_after(answer, envelope or {}, now)
        slow = SLOW_QUOTA_WAIT if reason in _SLOW else None
        return ProviderRateLimited(
            f"Google asked to slow down ({shown} to {ask.method}).",
            retry_after=slow if wait is None else wait,
            at_once=_AT_ONCE.search(text((envelope or {}).get("message")) or "") is not None,
        )
    return kind(
        _MENDS.get(kind, "Google refused {method} ({shown}).").format(
            method=ask.method, shown=shown
        )
    )


_MENDS: Final[Mapping[type[ProviderError], str]] = MappingProxyType(
    {
        ConsentLost: "Google no longer accepts the token ({shown}): the user must consent again.",
        ScopeMissing: "The user's consent does not cover {method} ({shown}): ask for it again.",
        OperatorFault: "The Google Cloud project may not use {method} ({shown}): enable its API.",
        PositionLost: "Google no longer knows the place {method} goes on from ({shown}).",
        ProviderUnavailable: "Google did not answer {method} ({shown}).",
    }
)


def _meaning(
    ask: Ask, status: int, reasons: list[str], envelope: Mapping[str, Any]
) -> tuple[type[ProviderError], str]:
    shown = reasons[0] if reasons else ""
    if status == 404 and ask.method in FOLLOWING:
        # The documented sign of a start that is too old (Gmail API sync guide).
        return PositionLost, shown
    if status == 400 and _place_refused(ask, envelope):
        return PositionLost, shown
    for reason in reasons:
        known = _MEANINGS.get((status, reason))
        if known is not None:
            return known, reason
    return _MEANINGS.get((status, ""), RequestRefused), shown


def _place_refused(ask: Ask, envelope: Mapping[str, Any]) -> bool:
    # A token that has died is refused as an invalid one.
    if any(name in _PLACES for name, _ in ask.params):
        return True
    wrong = [text(thing(e).get("location")) for e in items(thing(envelope).get("errors"))]
    return any(name in _PLACES for name in wrong if name)


def _envelope(answer: Answer) -> Mapping[str, Any] | None:
    try:
        body = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    error = thing(body).get("error")
    return error if isinstance(error, dict) else None


def _reasons(envelope: Mapping[str, Any]) -> Iterator[str]:
    found = [thing(d).get("reason") for d in items(envelope.get("details"))]
    found += [thing(e).get("reason") for e in items(envelope.get("errors"))]
    found.append(envelope.get("status"))
    for reason in found:
        # Shown in messages: so only what looks like a reason, whatever the provider put there.
        if isinstance(reason, str) and _REASON.match(reason):
            yield reason


def _retry_after(answer: Answer, envelope: Mapping[str, Any], now: float) -> float | None:
    """Seconds the provider asked to wait for; None when it did not, or not understandably."""
    header = answer.headers.get("retry-after", "").strip()
    seconds = _number(header)
    if seconds is None:
        said = _RETRY_AT.search(text(envelope.get("message")) or "")
        at = _http_date(header) or (said and _iso_date(said.group(1)))
        seconds = at.timestamp() - now if at else None
    return seconds


def _number(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _http_date(value: str) -> datetime | None:
    try:
        return _aware(parsedate_to_datetime(value))
    except (ValueError, OverflowError, TypeError):
        return None


def _iso_date(value: str) -> datetime | None:
    try:
        return _aware(datetime.fromisoformat(value.rstrip(".,)")))
    except ValueError:
        return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
