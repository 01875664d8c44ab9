"""The OpenAPI document, tried against the API by a stranger: schemathesis, all checks, all phases.

Two of its rules of thumb are not ours, and only where they are not: a credential that is wrong is
SESSION_NOT_FOUND, 404 (an id that is unknown and one that is foreign get the
same answer); and a request of a valid shape may be refused for what it names (400), for instance a
type of another provider or a code that nobody gave out.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import anyio
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from support.api_server import AS_OPERATOR, House, furnished

from scp_server.api.app import build_app
from scp_wire.rest import ImportedTokens, OpenSession

EXAMPLES = 100 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 4
ACCEPTED = ["2xx", "3xx", "400", "401", "403", "404", "409", "429", "5xx"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check did not like."""

    operation: str
    title: str
    message: str
    how: str

    @property
    def excused(self) -> bool:
        """Whether it is the contract's own will."""
        if self.title == "Unexpected response to invalid authentication":
            return "got `404 Not Found`" in self.message
        # A session that is sent along makes a missing operator key FORBIDDEN.
        needs_key = self.operation == "POST /api/sessions" or "/api/agents" in self.operation
        forbidden = needs_key and "Got 403" in self.message
        return self.title == "Missing required header accepted" and forbidden


def session_of(house: House) -> str:
    tokens = ImportedTokens(
        access_token="CANARY",
        refresh_token="CANARY",
        expires_at=house.clock.now() + 3600,
        scope="openid email mail calendar",
    )
    wanted = OpenSession(provider="google", stream_types=["gmail_messages"], tokens=tokens)

    async def opened() -> str:
        return (await house.services.connect.open(wanted, operator=True)).session_id

    return anyio.run(opened)


def findings(house: House, headers: dict[str, str], path: str = ".") -> Iterator[Finding]:
    config = SchemathesisConfig.from_dict(
        {
            "seed": 20261123,
            "headers": headers,
            "generation": {
                "max-examples": EXAMPLES,
                "deterministic": True,
                "database": "none",
            },
            "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
        }
    )
    app = build_app(house.services)
    whole = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    schema = whole.include(path_regex=path)
    scenarios = 0
    for event in from_schema(schema).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), repr(event)
        if isinstance(event, events.ScenarioFinished):
            scenarios += 1
            yield from of_scenario(event)
    assert scenarios > len(list(schema.get_all_operations()))


def of_scenario(event: events.ScenarioFinished) -> Iterator[Finding]:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                yield Finding(
                    operation=event.recorder.cases[case_id].value.operation.label,
                    title=check.failure_info.failure.title,
                    message=check.failure_info.failure.message,
                    how=check.failure_info.code_sample,
                )


@pytest.mark.parametrize("who", ["nobody", "session", "operator"])
def test_a_stranger_with_the_document_finds_nothing(who: str) -> None:
    house = furnished()
    headers = {
        "nobody": {},
        "session": {"X-Session-ID": session_of(house)},
        "operator": AS_OPERATOR,
    }[who]
    found = [finding for finding in findings(house, headers) if not finding.excused]
    assert found == []


def test_the_stranger_would_find_an_answer_that_is_not_in_the_document() -> None:
    house = furnished()
    house.streams.views["stream-abc123"] = None  # type: ignore[assignment]  # what cannot be
    found = {(one.operation, one.title) for one in findings(house, {}, "status$")}
    assert ("GET /api/stream/{stream_id}/status", "Server error") in found
