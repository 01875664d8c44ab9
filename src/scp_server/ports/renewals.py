"""Renewals: where a user whose consent is gone gives it again."""

from typing import Protocol

from scp_server.domain.sessions import Session


class Renewals(Protocol):
    """Implemented by `consent.connect.Connect`."""

    async def renewal_url(self, session: Session) -> str:
        """A one-use address of this server at which the user can consent again, ten minutes long.

        Raises: StorageUnavailable.
        """
        ...
