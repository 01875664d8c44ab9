"""Tokens: a valid access token of a session, now. Implemented by consent, used by the link."""

from typing import Protocol

from scp_server.domain.secrets import Secret


class Tokens(Protocol):
    """One refresh at a time per session, ahead of expiry."""

    async def access_token(self, session_pk: int) -> Secret:
        """A token good for at least another minute.

        Raises: ConsentLost, ProviderUnavailable, OperatorFault.
        """
        ...

    async def refused(self, session_pk: int, token: Secret, *, claims: str | None = None) -> None:
        """The provider answered 401 to this token: make sure the next one is another.

        `claims`: what it demanded that the next one prove, as JSON.

        Raises: as `access_token`.
        """
        ...
