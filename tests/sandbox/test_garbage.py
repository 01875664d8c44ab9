"""Whatever a client sends, the sandbox answers; it never fails itself."""

import random

import pytest
from sandbox.browsing import Sandbox

GARBAGE = (
    "", " ", "0", "-1", "1e9", "9" * 40, "٣", "²", "é", "\x00", "%", "null", "true", "[]", "{}",
    "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00Z", "a" * 3000,
    "((((", '"', "-", "OR", "from:", "{", "k6xhNjI2", "AAAAAAAA", "09214810714760160262",
)  # fmt: skip
NAMES = (
    "q", "labelIds", "maxResults", "pageToken", "includeSpamTrash", "format", "metadataHeaders",
    "startHistoryId", "historyTypes", "labelId", "fields", "prettyPrint", "alt", "syncToken",
    "timeMin", "timeMax", "updatedMin", "orderBy", "singleEvents", "showDeleted", "timeZone",
    "maxAttendees", "iCalUID", "eventTypes", "minAccessRole",
)  # fmt: skip
PATHS = (
    "/gmail/v1/users/me/messages",
    "/gmail/v1/users/me/messages/{}",
    "/gmail/v1/users/me/messages/{}/attachments/{}",
    "/gmail/v1/users/me/threads",
    "/gmail/v1/users/me/threads/{}",
    "/gmail/v1/users/me/history",
    "/gmail/v1/users/me/labels/{}",
    "/gmail/v1/users/{}/profile",
    "/calendar/v3/calendars/primary/events",
    "/calendar/v3/calendars/primary/events/{}",
    "/calendar/v3/calendars/primary/events/{}/instances",
    "/calendar/v3/calendars/{}/events",
    "/calendar/v3/users/me/calendarList",
    "/o/oauth2/v2/auth",
    "/tokeninfo",
)


@pytest.mark.parametrize("seed", range(4))
async def test_no_query_makes_the_sandbox_fail(
    shared: Sandbox, shared_token: str, seed: int
) -> None:
    rng = random.Random(seed)
    for _ in range(120):
        words = [rng.choice(GARBAGE).replace("/", "") or "x" for _ in range(2)]
        path = rng.choice(PATHS).format(*words).replace("%", "%25").replace("\x00", "%00")
        query = {rng.choice(NAMES): rng.choice(GARBAGE) for _ in range(rng.randint(1, 4))}
        answer = await shared.call(path, params=query, token=shared_token)
        assert answer.status < 500, (path, query)


async def test_no_form_makes_the_token_endpoint_fail(shared: Sandbox) -> None:
    rng = random.Random(1)
    names = ("grant_type", "code", "refresh_token", "client_id", "client_secret", "code_verifier")
    for _ in range(100):
        form = {rng.choice(names): rng.choice(GARBAGE) for _ in range(3)}
        assert 400 <= (await shared.token(**form)).status < 500
        headers = {"Authorization": f"Basic {rng.choice(GARBAGE).strip() or 'x'}"}
        answer = await shared.call("/token", "POST", data=form, headers=_plain(headers))
        assert 400 <= answer.status < 500


def _plain(headers: dict[str, str]) -> dict[str, str]:
    return {name: value.replace("\x00", "") for name, value in headers.items()}
