"""What a client asked the consent page for, and the one-time codes on their way back."""

import secrets
from dataclasses import dataclass

import msgspec

from scp_sandbox.clock import Clock
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.identity.refusals import expired_code, malformed_grant, used_code

CODE_SECONDS = 600


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """A request for consent."""

    tenant: str
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None = None
    nonce: str | None = None
    prompt: tuple[str, ...] = ()
    login_hint: str | None = None
    response_mode: str = "query"
    challenge: str | None = None
    challenge_method: str = "plain"
    claims: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a code stands for."""

    request: SignIn
    account: Account
    scopes: tuple[str, ...]
    expires: float


class Codes:
    """Gives codes out, and takes each back once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._codes: dict[str, Code] = {}
        self._used: set[str] = set()

    def issue(self, account: Account, request: SignIn, scopes: tuple[str, ...]) -> str:
        """A code for a consent."""
        opening = "M.C519_BAY.2.U." if account.personal else "0.AXoA"
        code = opening + secrets.token_urlsafe(60)
        self._codes[code] = Code(
            request=request,
            account=account,
            scopes=scopes,
            expires=self._clock.now() + CODE_SECONDS,
        )
        return code

    def redeem(self, text: str) -> Code:
        """What a code stands for.

        Raises:
            Refusal: 54005 the second time, 70008 when it is too old, 9002313 when it is not ours.
        """
        if text in self._used:
            raise used_code()
        found = self._codes.pop(text, None)
        if found is None:
            raise malformed_grant()
        self._used.add(text)
        if self._clock.now() >= found.expires:
            raise expired_code()
        return found
