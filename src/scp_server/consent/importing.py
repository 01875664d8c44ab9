"""Importing: a grant from elsewhere, brought by the operator, is looked at before it is kept."""

import re
from typing import Final

from scp_server.domain.errors import ConsentLost, InvalidRequest
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Grant
from scp_server.ports.authority import Authority, Consented
from scp_wire.rest import ImportedTokens

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_USUAL_LIFETIME: Final = 3600.0


async def brought(tokens: ImportedTokens, authority: Authority, *, now: float) -> Consented:
    """The grant and whose it is, asked of the provider; refreshed first when it has expired.

    Raises: InvalidRequest naming the field, ProviderUnavailable, OperatorFault,
    ProviderProtocolError.
    """
    grant = _grant(tokens, now=now)
    try:
        if grant.expires_at <= now:
            grant = await authority.refresh(grant)
        return await authority.account_of(grant)
    except ConsentLost as error:
        raise InvalidRequest(
            f"The tokens cannot be used. {error.message} They must have been issued to this"
            " server's own client id, with its identity scopes (openid, email, profile).",
            field="tokens",
        ) from error


def _grant(tokens: ImportedTokens, *, now: float) -> Grant:
    if not _TOKEN.fullmatch(tokens.access_token):
        raise _unfit("tokens.access_token", "holds characters that no token has")
    if tokens.refresh_token is not None and not _TOKEN.fullmatch(tokens.refresh_token):
        raise _unfit("tokens.refresh_token", "holds characters that no token has")
    if tokens.refresh_token is None and tokens.expires_at <= now:
        raise _unfit("tokens.expires_at", "is past, and there is no refresh_token")
    return Grant(
        access_token=Secret(tokens.access_token),
        refresh_token=None if tokens.refresh_token is None else Secret(tokens.refresh_token),
        expires_at=tokens.expires_at,
        scopes=frozenset(tokens.scope.split()),
        lifetime=min(max(tokens.expires_at - now, 0.0), _USUAL_LIFETIME),
    )


def _unfit(field: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"{field} {why}.", field=field)
