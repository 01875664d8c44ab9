"""Whatever a client sends, the sandboxed Microsoft answers; it never fails itself."""

import random
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sandbox.microsoft.calling import Graph, Microsoft
from sandbox.test_garbage import GARBAGE

from scp_sandbox.microsoft.graph.asked import read_prefer
from scp_sandbox.microsoft.graph.errors import GraphError
from scp_sandbox.microsoft.graph.filtering import parse_filter
from scp_sandbox.microsoft.graph.links import opened
from scp_sandbox.microsoft.mail.delta import Round
from scp_sandbox.microsoft.mail.kql import parse_search
from scp_sandbox.microsoft.mail.mail import Mail

NAMES = (
    "$filter", "$orderby", "$select", "$search", "$top", "$skip", "$count", "$expand",
    "$skiptoken", "$deltatoken", "token", "startDateTime", "endDateTime", "changeType",
    "includeHiddenFolders",
)  # fmt: skip
PATHS = (
    "/me",
    "/me/messages",
    "/me/messages/{}",
    "/me/messages/{}/attachments/{}",
    "/me/mailFolders",
    "/me/mailFolders/delta",
    "/me/mailFolders/{}/messages",
    "/me/mailFolders('inbox')/messages/delta()",
    "/me/events",
    "/me/events/{}",
    "/me/calendarView",
    "/me/calendarView/delta",
    "/me/contacts",
    "/me/contacts/{}",
    "/me/contacts/delta",
    "/me/contactFolders/{}/contacts/delta",
    "/me/drive/root/delta",
    "/me/drive/root/delta(token='{}')",
    "/me/drive/items/{}",
    "/users/{}/messages",
    "/subscriptions/{}",
    "/{}",
)
WORDS = (*GARBAGE, "2026-01-01", "2026-12-31T00:00:00Z", "isRead eq ", "subject desc", "'a", "any(")


@pytest.mark.parametrize("seed", range(4))
async def test_no_query_makes_graph_fail(reading: Graph, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(150):
        words = [quote(rng.choice(WORDS).replace("/", "") or "x", safe="") for _ in range(2)]
        path = rng.choice(PATHS).format(*words)
        query = {rng.choice(NAMES): rng.choice(WORDS) for _ in range(rng.randint(1, 4))}
        prefer = {"Prefer": rng.choice(GARBAGE).replace("\x00", "").encode().decode("latin-1")}
        answer = await reading.sandbox.call(
            f"/v1.0{path}", params=query, token=reading.token, headers=prefer
        )
        assert answer.status < 500, (path, query, answer.text)
        assert answer.status == 200 or answer.json["error"]["code"]


async def test_no_form_makes_the_token_endpoint_fail(resting: Microsoft) -> None:
    rng = random.Random(1)
    names = ("grant_type", "code", "refresh_token", "client_id", "client_secret", "claims", "scope")
    good = (await resting.tokens())["refresh_token"]
    for _ in range(100):
        form = {rng.choice(names): rng.choice(GARBAGE) for _ in range(3)}
        refused = await resting.token(**form)
        assert 400 <= refused.status < 500
        assert refused.json["error_codes"]
        odd = await resting.refresh(good, **{rng.choice(("claims", "scope")): rng.choice(GARBAGE)})
        assert odd.status < 500


async def test_no_consent_request_makes_the_page_fail(resting: Microsoft) -> None:
    rng = random.Random(2)
    names = ("scope", "redirect_uri", "state", "prompt", "response_mode", "claims", "login_hint")
    for _ in range(60):
        page = await resting.page(**{rng.choice(names): rng.choice(GARBAGE) for _ in range(2)})
        assert page.status < 500


def no_value(_: str) -> None:
    return None


@given(st.text(st.characters(codec="utf-8"), max_size=60))
@example("a/any(b:b eq 'c')")
@example("not " * 50)
@example("((((a eq 1))))")
@example("receivedDateTime ge 2026-99-99")
def test_a_filter_is_read_or_refused(text: str) -> None:
    try:
        assert parse_filter(text).test(no_value) in (True, False)
    except GraphError as error:
        assert error.status == 400  # noqa: PT017 - either is fine, nothing else is


@given(text=st.text(st.characters(codec="utf-8"), max_size=60))
@example(text='"((a OR b) AND NOT c:"')
@example(text='"received:2026-01-01..2026-02-01"')
@example(text='"size:²"')
def test_a_search_is_read_or_refused(text: str, some: Mail) -> None:
    try:
        assert parse_search(text)(some) in (True, False)
    except GraphError as error:
        assert error.status == 400  # noqa: PT017 - either is fine, nothing else is


@given(st.text(max_size=60))
@example('odata.maxpagesize="²"')
def test_a_preference_is_read_or_refused(text: str) -> None:
    try:
        assert read_prefer(text).page != 0
    except GraphError as error:
        assert error.code == "TimeZoneNotSupported"  # noqa: PT017


@given(st.text(max_size=60))
@example("AAAAAAAA")
def test_a_token_is_read_or_refused(text: str) -> None:
    with pytest.raises(GraphError):
        opened(text, Round)
