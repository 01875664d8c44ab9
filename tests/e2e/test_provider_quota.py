"""A provider's quota that runs short: consumers are warned, the operator can see it."""

import aiohttp
import anyio
from support.guide_client import Heard, listening
from support.running import StartServer, assert_quiet


async def test_consumers_are_warned_and_the_stream_says_that_it_waits(start: StartServer) -> None:
    # 15 messages a minute: the first group does not fit.
    server = start(google__quota_units_per_minute="310")
    session, heard = await server.open_session("gmail_messages"), Heard()
    with anyio.fail_after(30):
        async with listening(server.url, session, heard):
            stream = await server.start_stream(session)
            while not (warnings := [e for e in heard.events if _is_warning(e)]):
                await heard.more.wait()
            while (await server.call(f"/api/stream/{stream}/status")).data[
                "state_reason"
            ] != "rate_limited":
                await anyio.lowlevel.checkpoint()
    (warning,) = warnings
    assert warning["session_id"] == session
    assert warning["data"]["limit"] == 310
    assert 0 <= warning["data"]["remaining_quota"] <= 31
    assert warning["data"]["reset_time"] > warning["timestamp"]
    assert "event_id" not in warning
    async with aiohttp.ClientSession() as client, client.get(f"{server.url}/metrics") as answer:
        metrics = await answer.text()
    assert 'scp_quota_believed_units{provider="google",service="gmail"} 310.0' in metrics
    assert_quiet(server)


def _is_warning(event: dict[str, object]) -> bool:
    return event["event_type"] == "rate_limit_warning"
