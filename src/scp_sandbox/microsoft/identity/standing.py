"""What stands between an account and the client: consents, challenges, demands, the secret.

Everything a test may switch is here; see `scp_sandbox.microsoft.control`.
"""

import base64
from dataclasses import dataclass, field
from typing import Any

import msgspec

from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.identity.refusals import Refusal, interaction, no_consent
from scp_sandbox.microsoft.identity.tokens import Claims, TokenMint

CAPABLE = "cp1"
_POLICY = "7f1b3ac5-52d0-4a64-9a0e-c1d83be0f4a9"
MFA_CLAIMS = f'{{"access_token":{{"capolids":{{"essential":true,"values":["{_POLICY}"]}}}}}}'


@dataclass(slots=True)
class _Challenge:
    """A revocation that Graph has noticed: tokens before `floor` are refused (None: all are)."""

    value: int
    floor: int | None = None


@dataclass(slots=True)
class _State:
    scopes: set[str] = field(default_factory=set)
    consent_floor: int = 0
    challenge: _Challenge | None = None
    demand: str | None = None
    capable: bool = False


class Standing:
    """Remembers it all, by account."""

    def __init__(self, mint: TokenMint) -> None:
        self.secret_expired = False
        self._mint = mint
        self._states: dict[str, _State] = {}

    def consented(self, account: Account, scopes: tuple[str, ...]) -> None:
        """A user has signed in (with whatever factors were asked for) and said yes."""
        state = self._state(account.oid)
        state.scopes.update(scopes)
        state.demand = None

    def covers(self, account: Account, scopes: tuple[str, ...]) -> bool:
        """Whether the account has already allowed all this."""
        return self._state(account.oid).scopes.issuperset(scopes)

    def revoke(self, account: Account) -> None:
        """The user takes the consent back: refresh tokens die, access tokens live to their end."""
        state = self._state(account.oid)
        state.scopes.clear()
        state.consent_floor = self._mint.serial()

    def demand(self, account: Account, error: str | None) -> None:
        """Asks for a second factor at the next refresh, in the words of `error`; None lifts it."""
        self._state(account.oid).demand = error

    def challenge(self, account: Account) -> None:
        """Lets Graph refuse all tokens until one is redeemed with the challenge's claims."""
        serial = self._mint.serial()
        self._state(account.oid).challenge = _Challenge(value=serial // 1_000_000)

    def challenged(self, claims: Claims) -> str | None:
        """The base64 claims to answer a Graph call with; None when the token is accepted."""
        found = self._state(claims.oid).challenge
        if found is None or (found.floor is not None and claims.serial >= found.floor):
            return None
        nbf = {"essential": True, "value": str(found.value)}
        return base64.b64encode(msgspec.json.encode({"access_token": {"nbf": nbf}})).decode()

    def check_refresh(self, account: Account, claims: Claims, wanted: tuple[str, ...]) -> None:
        """Whether a refresh token may be redeemed.

        Raises:
            Refusal: 65001 or 70000 without a consent, 50076 while a second factor is asked for.
        """
        state = self._state(account.oid)
        if claims.serial <= state.consent_floor or not state.scopes.issuperset(wanted):
            raise no_consent(claims.client, personal=account.personal)
        if state.demand is not None:
            raise interaction(state.demand, MFA_CLAIMS)

    def met(self, account: Account, claims: str | None) -> None:
        """Takes notice of a request's `claims` parameter, just before a token is made for it.

        Raises:
            Refusal: 9002313 when it is no JSON of that form.
        """
        if not claims:
            return
        access = _access_token(claims)
        state = self._state(account.oid)
        capabilities = (access.get("xms_cc") or {}).get("values") or []
        state.capable = state.capable or CAPABLE in capabilities
        value = str((access.get("nbf") or {}).get("value") or "")
        challenge = state.challenge
        if challenge and value.isdecimal() and int(value[:12]) >= challenge.value:
            challenge.floor = self._mint.serial()

    def report(self, account: Account) -> dict[str, Any]:
        """How an account stands, for the control API."""
        state = self._state(account.oid)
        challenge = state.challenge
        return {
            "consented": sorted(state.scopes),
            "challenged": challenge is not None and challenge.floor is None,
            "demand": state.demand,
            "cae_capable": state.capable,
        }

    def _state(self, oid: str) -> _State:
        return self._states.setdefault(oid, _State())


def _access_token(text: str) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(text, type=dict[str, Any])
        shapes = dict[str, dict[str, Any] | None]
        return msgspec.convert(body.get("access_token") or {}, shapes)
    except msgspec.DecodeError as error:
        words = "The claims parameter is not valid: it is not JSON of the expected form."
        raise Refusal(error="invalid_request", code=9002313, words=words) from error
