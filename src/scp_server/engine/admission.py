"""Admission: whether a session may run a stream as it is configured."""

from scp_server.domain.errors import InsufficientScope, SessionPending, TokenExpired
from scp_server.domain.sessions import Session, SessionState
from scp_server.domain.streams import StreamConfig
from scp_server.ports.links import Links


def check(session: Session, config: StreamConfig, links: Links) -> None:
    """Refuse what cannot run.

    Raises: SessionPending, TokenExpired, StreamConfigError, InsufficientScope.
    """
    if session.state is SessionState.PENDING:
        raise SessionPending("The user has not consented yet. Open the authorization URL first.")
    if session.state is not SessionState.ACTIVE:
        raise TokenExpired("The user's consent is gone. Renew it at the authorization URL.")
    links.check(config)
    lacking = scopes_lacking(session, config, links)
    if lacking is not None:
        raise lacking


def scopes_lacking(
    session: Session, config: StreamConfig, links: Links
) -> InsufficientScope | None:
    """Why what the user granted is not enough for a stream; None when it is."""
    missing = links.scopes(config.stream_type, session) - session.scopes
    if not missing:
        return None
    return InsufficientScope(
        "The user did not grant what this stream type needs. Renew the consent and leave "
        "these scopes ticked.",
        missing_scopes=sorted(missing),
    )
