"""How Google says that a place is lost, per API, and what is not that."""

import json
from dataclasses import replace

import pytest
from providers.scripted_google import Part, refusal

from scp_server.domain.errors import PositionLost, ProviderError, RequestRefused
from scp_server.ports.connector import Ask
from scp_server.providers.answers import Answer
from scp_server.providers.google.drive_pages import changes_ask, files_ask
from scp_server.providers.google.failures import google_refusal
from scp_server.providers.google.people_pages import listing_ask, minting_ask, sync_ask

EXPIRED = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "EXPIRED_SYNC_TOKEN"}
GET = Ask(method="gmail.threads.get", base="gmail_url", path="/x", absent_ok=True)


def _meaning(ask: Ask, part: Part) -> type[ProviderError]:
    status, body = part
    return type(
        google_refusal(ask, Answer(status=status, headers={}, body=json.dumps(body).encode()), 0.0)
    )


@pytest.mark.parametrize("status", ["INVALID_ARGUMENT", "FAILED_PRECONDITION"])
@pytest.mark.parametrize("page", [None, "p"])
def test_an_expired_sync_token_is_a_lost_place_whatever_the_status_says(
    status: str, page: str | None
) -> None:
    part = refusal(400, "badRequest", "Sync token is expired.", details=[EXPIRED], status=status)
    assert _meaning(sync_ask("t", page), part) is PositionLost


@pytest.mark.parametrize(
    ("ask", "part", "kind"),
    [
        (sync_ask("t", None), refusal(400, "badRequest"), PositionLost),
        (listing_ask("p"), refusal(400, "badRequest"), PositionLost),
        (minting_ask(None), refusal(400, "badRequest"), RequestRefused),
        (changes_ask("1"), refusal(400, "invalid"), PositionLost),
        (changes_ask("1"), refusal(404, "notFound"), PositionLost),
        (files_ask(None, "p"), refusal(400, "invalid"), PositionLost),
        (files_ask("bad q", None), refusal(400, "invalid"), RequestRefused),
        (files_ask(None, None), refusal(404, "notFound"), RequestRefused),
        (replace(GET, absent_ok=False), refusal(404, "notFound"), RequestRefused),
    ],
)
def test_a_place_is_lost_only_where_one_was_named(
    ask: Ask, part: Part, kind: type[ProviderError]
) -> None:
    assert _meaning(ask, part) is kind
