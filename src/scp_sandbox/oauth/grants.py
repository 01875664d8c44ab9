"""What users have consented to, and the one-time codes on their way to a client."""

import secrets
from dataclasses import dataclass, field

from scp_sandbox.clock import Clock

CODE_SECONDS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthRequest:
    """What a client asked the consent page for."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None = None
    nonce: str | None = None
    offline: bool = False
    prompt: tuple[str, ...] = ()
    include_granted: bool = False
    login_hint: str | None = None
    challenge: str | None = None
    challenge_method: str = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a code stands for. `refresh`: a refresh token comes with it."""

    request: AuthRequest
    sub: str
    scopes: tuple[str, ...]
    expires: float
    refresh: bool


@dataclass(slots=True)
class _Grant:
    scopes: set[str] = field(default_factory=set)
    offline: bool = False


class Grants:
    """Remembers consents by account and client."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._grants: dict[tuple[str, str], _Grant] = {}
        self._codes: dict[str, Code] = {}

    def covers(self, sub: str, request: AuthRequest) -> bool:
        """Whether the account has already allowed the client all it asks for."""
        grant = self._grants.get((sub, request.client_id))
        return grant is not None and grant.scopes.issuperset(request.scopes)

    def approve(self, sub: str, request: AuthRequest, allowed: tuple[str, ...]) -> str:
        """Records a consent and returns the code for it.

        A refresh token comes with the first offline consent only, or with `prompt=consent`
        (Google, "Using OAuth 2.0 for Web Server Applications"); with `include_granted_scopes` the
        code covers the union.
        """
        grant = self._grants.setdefault((sub, request.client_id), _Grant())
        first = not grant.offline
        before = grant.scopes if request.include_granted else set()
        scopes = (*allowed, *sorted(before.difference(allowed)))
        grant.scopes.update(allowed)
        refresh = request.offline and (first or "consent" in request.prompt)
        grant.offline = grant.offline or request.offline
        code = f"4/0A{secrets.token_urlsafe(40)}"
        self._codes[code] = Code(
            request=request,
            sub=sub,
            scopes=scopes,
            expires=self._clock.now() + CODE_SECONDS,
            refresh=refresh,
        )
        return code

    def redeem(self, code: str) -> Code | None:
        """What a code stands for, once; None when it is used, too old or not ours."""
        found = self._codes.pop(code, None)
        return found if found and self._clock.now() < found.expires else None

    def forget(self, sub: str, client_id: str) -> None:
        """Drops what an account allowed a client."""
        self._grants.pop((sub, client_id), None)

    def forget_all(self) -> None:
        """Drops everything anybody allowed."""
        self._grants.clear()
