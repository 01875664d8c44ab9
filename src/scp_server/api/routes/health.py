"""Health: is it alive, is it ready, what does it count."""

from starlette.responses import Response

from scp_server.api.caller import on_loopback
from scp_server.api.operations import Call
from scp_server.domain.errors import ShuttingDown, StorageUnavailable
from scp_wire.rest import Health


async def alive(_: Call) -> Health:
    """`GET /healthz`: the process answers."""
    return Health(status="ok")


async def ready(call: Call) -> Health:
    """`GET /readyz`: it can take work.

    Raises: ShuttingDown, StorageUnavailable.
    """
    if call.services.draining():
        raise ShuttingDown("The server is shutting down and takes no new work.")
    if not await call.services.ready():
        raise StorageUnavailable("The database does not answer. Try again in a few seconds.")
    return Health(status="ok")


async def metrics(call: Call) -> Response:
    """`GET /metrics`: for the operator, and for a scraper on this machine."""
    if not (call.services.values.trust_loopback and on_loopback(call.request)):
        call.services.gate.need_operator(call.caller)
    return Response(
        call.services.metrics_text(), media_type="text/plain; version=0.0.4; charset=utf-8"
    )
