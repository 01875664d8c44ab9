"""Where a session was made: its tokens go nowhere else."""

from collections.abc import Mapping
from typing import Final

from scp_server.domain.errors import OperatorFault, ProviderNotConfigured
from scp_server.domain.sessions import Session
from scp_server.ports.authority import Authority
from scp_wire.stream_types import Provider

# For the answer to who meets a provider that is not set up.
SETTINGS: Final[Mapping[Provider, tuple[str, ...]]] = {
    Provider.GOOGLE: ("SCP_GOOGLE__CLIENT_ID", "SCP_GOOGLE__CLIENT_SECRET"),
    Provider.MICROSOFT: ("SCP_MICROSOFT__CLIENT_ID", "SCP_MICROSOFT__CLIENT_SECRET"),
}

_DECISIVE: Final = ("issuer", "token_url")


def configured(authorities: Mapping[Provider, Authority], provider: Provider) -> Authority:
    """The authority of a provider.

    Raises: ProviderNotConfigured, naming the settings.
    """
    authority = authorities.get(provider)
    if authority is None:
        settings = SETTINGS[provider]
        raise ProviderNotConfigured(
            f"{provider.value} is not set up on this server. Its operator has to set"
            f" {' and '.join(settings)}.",
            field="provider",
            value=provider.value,
            missing=list(settings),
        )
    return authority


def made_at(session: Session, authority: Authority) -> bool:
    """Whether the session's grant is of this very server of the provider."""
    here = authority.endpoints
    return all(session.endpoints.get(name) == here.get(name) for name in _DECISIVE)


def authority_of(authorities: Mapping[Provider, Authority], session: Session) -> Authority:
    """The authority that may see the session's tokens.

    Raises: OperatorFault when it is gone from the settings, or its addresses were changed: a
    refresh token must never be sent to another server than the one that gave it.
    """
    authority = authorities.get(session.provider)
    if authority is None:
        raise OperatorFault(
            f"{session.provider.value} is no longer set up on this server. Set"
            f" {' and '.join(SETTINGS[session.provider])} again."
        )
    if not made_at(session, authority):
        raise OperatorFault(
            f"This session was made at other addresses of {session.provider.value} than those"
            " set now (issuer, token_url). Set them back, or open a new session."
        )
    return authority
