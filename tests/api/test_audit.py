"""GET /api/audit: each sees their own, the operator sees all, and refusals leave rows."""

import pytest
from support.api_server import AS_OPERATOR, House, serving
from support.stores import MemoryAudit

from scp_server.access.limits import LimitValues


def actions(audit: MemoryAudit) -> list[tuple[str, str, int]]:
    return [(row.action, row.result, row.items) for row in audit.rows]


def as_session(session_id: str) -> dict[str, str]:
    return {"X-Session-ID": session_id}


async def test_a_session_sees_its_own_rows_newest_first_and_in_pages() -> None:
    async with serving() as house:
        mine, other = await house.session(), await house.session()
        await house.start(mine)
        refused = await house.ask("GET", "/api/stream/stream-x/status", headers=as_session(mine))
        assert refused.status == 404
        await house.refusals.write()
        first = await house.ask("GET", "/api/audit?limit=1", headers=as_session(mine))
        assert [row["action"] for row in first.data["entries"]] == ["refused.ids"]
        rest = await house.ask(
            "GET", "/api/audit", params={"cursor": first.data["cursor"]}, headers=as_session(mine)
        )
        assert [row["action"] for row in rest.data["entries"]] == ["consent.imported"]
        assert rest.data["cursor"] is None
        assert {row["session"] for row in (*first.data["entries"], *rest.data["entries"])} == {None}
        theirs = await house.ask("GET", "/api/audit", headers=as_session(other))
        assert [row["action"] for row in theirs.data["entries"]] == ["consent.imported"]


async def test_the_operator_sees_all_with_their_numbers_and_can_choose() -> None:
    async with serving() as house:
        for _ in range(2):
            await house.session()
        everybody = await house.ask("GET", "/api/audit", headers=AS_OPERATOR)
        assert [row["session"] for row in everybody.data["entries"]] == [2, 1]
        one = await house.ask("GET", "/api/audit?session=1", headers=AS_OPERATOR)
        assert [row["session"] for row in one.data["entries"]] == [1]
        none = await house.ask("GET", "/api/audit?action=delivered", headers=AS_OPERATOR)
        assert none.data["entries"] == []


async def test_nobody_in_particular_sees_nothing() -> None:
    async with serving() as house:
        assert (await house.ask("GET", "/api/audit")).code == "SESSION_REQUIRED"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("limit=\uff11\uff10", "limit"),
        ("since=yesterday", "since"),
        ("until=1e400", "until"),
        ("action=' OR 1=1--", "action"),
        ("session=2", "session"),
        ("cursor=", "cursor"),
        ("limit=1&limit=2", "limit"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(query: str, field: str) -> None:
    async with serving() as house:
        session_id = await house.session()
        refused = await house.ask("GET", f"/api/audit?{query}", headers=as_session(session_id))
        assert (refused.code, refused.details["field"]) == ("INVALID_REQUEST", field)


# -- what leaves a row ----------------------------------------------------------------------------


async def test_a_refused_credential_leaves_a_row_that_says_who_without_an_address() -> None:
    async with serving() as house:
        await house.ask("GET", "/api/session", headers=as_session("session-" + "x" * 43))
        await house.ask("GET", "/api/session", headers={"Authorization": "Bearer operator-wrong"})
        await house.ask("GET", "/api/streams")
        await house.refusals.write()
        (known, required) = house.audit.rows
        assert (known.action, known.result, known.items) == (
            "refused.credentials",
            "SESSION_NOT_FOUND",
            2,
        )
        assert (required.result, required.items) == ("SESSION_REQUIRED", 1)
        assert known.actor.startswith("address:")
        assert "127.0.0.1" not in known.actor


async def test_a_scope_that_was_not_granted_leaves_a_row() -> None:
    async with serving() as house:
        house.authority.granted = frozenset({"openid", "email"})
        session_id = await house.session(
            tokens={
                "access_token": "CANARY-brought",
                "refresh_token": "CANARY-refresh",
                "expires_at": house.clock.now() + 3600,
                "scope": "openid email",
            }
        )
        body = {"session_id": session_id, "stream_type": "gmail_messages"}
        refused = await house.ask("POST", "/api/stream/start", json=body)
        assert refused.code == "INSUFFICIENT_SCOPE"
        await house.refusals.write()
        assert actions(house.audit)[-1] == ("refused.scope", "INSUFFICIENT_SCOPE", 1)
        assert house.audit.rows[-1].session_pk == 1


async def test_a_limit_that_is_reached_leaves_a_row_of_the_session() -> None:
    async with serving(limits=LimitValues(data_requests_per_minute=2)) as house:
        session_id = await house.session()
        for _ in range(5):
            await house.ask("GET", "/api/session", headers=as_session(session_id))
        await house.refusals.write()
        assert actions(house.audit)[-1] == ("refused.limits", "RATE_LIMIT_EXCEEDED", 3)


async def probe(house: House, times: int) -> None:
    for number in range(times):
        await house.ask("GET", f"/api/stream/stream-{number:043}/status")


async def test_ids_that_are_probed_are_noticed_once_told_and_counted() -> None:
    async with serving() as house:
        await probe(house, 19)
        assert house.meter.suspicions == []
        await probe(house, 10)
        await house.refusals.write()
        assert house.meter.suspicions == ["ids"]
        assert ("suspicion.ids", "STREAM_NOT_FOUND", 20) in actions(house.audit)
        assert ("refused.ids", "STREAM_NOT_FOUND", 29) in actions(house.audit)


async def test_a_ticket_that_comes_twice_is_suspicious_at_once() -> None:
    async with serving() as house:
        session_id = await house.session()
        stream_id = await house.start(session_id)
        opened = await house.ask("POST", "/api/tickets", headers=as_session(session_id))
        events = f"/api/stream/{stream_id}/events"
        ticket = {"ticket": opened.data["ticket"], "format": "nonsense"}
        assert (await house.ask("GET", events, params=ticket)).status == 400
        assert (await house.ask("GET", events, params=ticket)).code == "SESSION_NOT_FOUND"
        made_up = {"ticket": "ticket-" + "x" * 43}
        assert (await house.ask("GET", events, params=made_up)).code == "SESSION_NOT_FOUND"
        await house.refusals.write()
        assert house.meter.suspicions == ["tickets"]
        assert ("suspicion.tickets", "SESSION_NOT_FOUND", 1) in actions(house.audit)


async def test_callbacks_with_a_foreign_state_are_noticed() -> None:
    async with serving() as house:
        for number in range(5):
            answer = await house.ask(
                "GET", f"/oauth/google/callback?code=c&state={'s' * 42}{number}"
            )
            assert answer.status == 400
        await house.refusals.write()
        assert house.meter.suspicions == ["answers"]
        assert actions(house.audit) == [
            ("refused.answers", "INVALID_REQUEST", 5),
            ("suspicion.answers", "INVALID_REQUEST", 5),
        ]
