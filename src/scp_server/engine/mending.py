"""What consumers are told about how a waiting stream is mended."""

from typing import Any

from scp_server.domain.errors import ProviderError, Remedy, StorageUnavailable
from scp_server.domain.sessions import Session
from scp_server.ports.renewals import Renewals


async def mending(error: ProviderError, renewals: Renewals, session: Session) -> dict[str, Any]:
    """`details` of a `stream_error`: where the user consents again, if only that mends it.

    Without the database there is no such address; `GET /api/session` gives one later.
    """
    if error.remedy is not Remedy.ASK_USER:
        return {}
    try:
        return {"authorization_url": await renewals.renewal_url(session)}
    except StorageUnavailable:
        return {}
