"""The end of a session in the database, whoever ends it."""

from sqlalchemy import Connection, delete, update

from scp_server.domain.sessions import SessionState
from scp_server.storage.sql.tables import consent_requests, sessions, vault


def end_session(connection: Connection, pk: int, *, now: float) -> None:
    """Delete its tokens, its data key and consents under way; what has ended stays as it ended.

    The account's hash stays for a week: others_of_account may still be asked.
    """
    connection.execute(delete(vault).where(vault.c.session_pk == pk))
    connection.execute(delete(consent_requests).where(consent_requests.c.session_pk == pk))
    connection.execute(
        update(sessions)
        .where(sessions.c.pk == pk, sessions.c.state != SessionState.ENDED)
        .values(state=SessionState.ENDED, account=None, ended_at=now)
    )
