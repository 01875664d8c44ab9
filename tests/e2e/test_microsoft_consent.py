"""Microsoft consent from end to end: our pages, the sandboxed Microsoft, and what may befall it."""

from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from support.guide_client import Heard, listening
from support.processes import Child, fetch
from support.running import Server, StartSandbox, StartServer

from scp_sdk.sandbox_consent import consent_in_sandbox

MESSAGES = 60
PATIENCE = 60.0


@dataclass(slots=True)
class Desk:
    """A server, its sandboxed Microsoft, and a session that somebody has consented to."""

    server: Server
    sandbox: Child
    session: str = ""
    login: str = ""

    async def connect(self, user: str | None = None) -> None:
        """Open a session as an agent, and let its user consent on our pages and Microsoft's."""
        asked = {"provider": "microsoft", "stream_types": ["outlook_messages"], "agent_id": "bee"}
        opened = (await self.server.call("/api/sessions", asked)).data
        self.session, self.login = opened["session_id"], opened["authorization_url"]
        await consent_in_sandbox(self.server.url, begin_at=self.login, user=user)

    async def state(self) -> dict[str, Any]:
        """The session, as its holder is told of it."""
        told: dict[str, Any] = (await self.server.call("/api/session", session=self.session)).data
        return told

    async def start(self, **configuration: object) -> str:
        """Stream the mailbox."""
        return await self.server.start_stream(
            self.session, stream_type="outlook_messages", **configuration
        )

    def order(self, verb: str, **details: object) -> None:
        """Let something befall everybody at Microsoft."""
        fetch(f"{self.sandbox.url}/sandbox/outlook/{verb}", details)

    def deliver(self, account: str, subject: str) -> None:
        """A letter comes."""
        fetch(f"{self.sandbox.url}/sandbox/outlook/{account}/mail", {"subject": subject})

    def ledger(self) -> dict[str, Any]:
        """What Microsoft has counted."""
        counted: dict[str, Any] = fetch(f"{self.sandbox.url}/sandbox/outlook/ledger")
        return counted

    def mailbox(self, account: str) -> list[dict[str, Any]]:
        """All messages of an account."""
        listed = fetch(f"{self.sandbox.url}/sandbox/outlook/{account}/messages")
        found: list[dict[str, Any]] = listed["messages"]
        return found


@pytest.fixture
async def desk(own_sandbox: StartSandbox, start: StartServer) -> Desk:
    sandbox = own_sandbox(f"--messages={MESSAGES}")
    server = start(
        sandbox, limits__stream_events_per_minute="0", limits__data_requests_per_minute="0"
    )
    desk = Desk(server, sandbox)
    await desk.connect()
    return desk


@pytest.fixture
async def calm(server: Server, sandbox: Child) -> Desk:
    """A desk at the shared sandbox: nothing may befall it."""
    desk = Desk(server, sandbox)
    await desk.connect()
    return desk


async def heard_of(heard: Heard, *kinds: str) -> dict[str, Any]:
    """The first event of one of these types, or wait for it."""
    with anyio.fail_after(PATIENCE):
        while not (found := [e for e in heard.events if e["event_type"] in kinds]):
            await heard.more.wait()
    return found[0]


async def came(heard: Heard, subject: str) -> None:
    """Wait for a message."""
    with anyio.fail_after(PATIENCE):
        while subject not in {item["payload"].get("subject") for item in heard.items}:
            await heard.more.wait()


async def test_a_user_consents_on_our_pages_and_microsofts_and_the_mailbox_is_streamed(
    calm: Desk,
) -> None:
    state = await calm.state()
    assert state["state"] == "active"
    assert state["provider"] == "microsoft"
    assert {"Mail.Read", "User.Read"} <= set(state["scopes"])
    heard = Heard()
    async with listening(calm.server.url, calm.session, heard):
        await calm.start(rate_limit_per_minute=600)
        await heard.until(10**6)
    ids = {item["payload"]["id"] for item in heard.items}
    assert ids == {message["immutableId"] for message in calm.mailbox(state["account"])}


async def test_both_providers_are_listed_with_what_each_can_read(server: Server) -> None:
    listed = (await server.call("/api/providers")).data["providers"]
    assert listed["microsoft"]["configured"]
    assert listed["microsoft"]["stream_types"]["outlook_messages"]
    assert set(listed["microsoft"]["stream_types"]) == {
        "outlook_messages", "outlook_events", "contacts", "files",
    }  # fmt: skip


@pytest.mark.parametrize("befalls", ["tokens/expire", "challenge"])
async def test_a_token_that_dies_early_is_replaced_and_no_message_is_missed(
    desk: Desk, befalls: str
) -> None:
    """`challenge`: Graph wants the next token to prove that it was issued later (CAE)."""
    account = (await desk.state())["account"]
    desk.order(befalls)
    heard = Heard()
    async with listening(desk.server.url, desk.session, heard):
        await desk.start(rate_limit_per_minute=600)
        await heard.until(10**6)
    assert {item["payload"]["id"] for item in heard.items} == {
        message["immutableId"] for message in desk.mailbox(account)
    }
    assert "stream_error" not in {event["event_type"] for event in heard.events}
    assert "token_refresh" in {event["event_type"] for event in heard.events}
    counted = desk.ledger()
    assert counted["refreshes"] == 1
    assert counted["refresh_tokens"] == 2
    assert (await desk.state())["state"] == "active"


@pytest.mark.parametrize(
    ("befalls", "details", "why"),
    [
        ("consent/revoke", {}, "withdrawn"),
        ("mfa", {"error": "interaction_required"}, "multi-factor"),
        ("mfa", {"error": "invalid_grant"}, "multi-factor"),
    ],
)
async def test_a_lost_consent_says_why_and_its_renewal_keeps_session_and_stream(
    desk: Desk, befalls: str, details: dict[str, object], why: str
) -> None:
    account = (await desk.state())["account"]
    heard = Heard()
    async with listening(desk.server.url, desk.session, heard):
        stream = await desk.start(real_time=True, rate_limit_per_minute=600)
        await heard.until(MESSAGES)
        desk.order(befalls, **details)
        desk.order("tokens/expire")
        trouble = (await heard_of(heard, "stream_error"))["data"]
        assert trouble["code"] == "TOKEN_EXPIRED"
        assert why in trouble["message"]
        assert not trouble["fatal"]
        waiting = await desk.state()
        assert waiting["state"] == "needs_consent"
        refreshes = desk.ledger()["refreshes"]
        await consent_in_sandbox(desk.server.url, begin_at=waiting["authorization_url"])
        desk.deliver(account, "After the renewal")
        await came(heard, "After the renewal")
        assert {event["stream_id"] for event in heard.events if event.get("stream_id")} == {stream}
    assert (await desk.state())["state"] == "active"
    assert desk.ledger()["refreshes"] == refreshes


async def test_an_expired_client_secret_is_the_operators_and_no_user_consents_again(
    desk: Desk,
) -> None:
    account = (await desk.state())["account"]
    heard = Heard()
    async with listening(desk.server.url, desk.session, heard):
        stream = await desk.start(real_time=True, rate_limit_per_minute=600)
        await heard.until(MESSAGES)
        desk.order("secret", expired=True)
        desk.order("tokens/expire")
        trouble = (await heard_of(heard, "stream_error"))["data"]
        assert trouble["code"] == "PROVIDER_ERROR"
        assert "operator" in trouble["message"]
        assert not trouble["fatal"]
        assert (await desk.state())["state"] == "active"
    assert "operator_needed" in desk.server.log
    # A secret is changed in the settings, and settings are read at the start.
    desk.server.child.stop()
    desk.order("secret", expired=False)
    desk.server.start_again()
    desk.deliver(account, "With the new secret")
    again = Heard()
    async with listening(desk.server.url, desk.session, again):
        await came(again, "With the new secret")
    status = (await desk.server.call(f"/api/stream/{stream}/status", session=desk.session)).data
    assert status["status"] == "active"
    assert (await desk.state())["state"] == "active"


async def test_ending_a_personal_account_s_session_says_that_only_the_user_can_remove_the_app(
    server: Server, sandbox: Child
) -> None:
    desk = Desk(server, sandbox)
    people = fetch(f"{sandbox.url}/sandbox/outlook")["users"]
    (personal,) = (person["email"] for person in people if person["personal"])
    await desk.connect(personal)
    assert (await desk.state())["account"] == personal
    ended = await server.call("/api/session", session=desk.session, method="DELETE")
    assert ended.data == {"state": "ended", "provider_revocation": "unavailable"}
    assert (await server.call("/api/session", session=desk.session)).status == 404
