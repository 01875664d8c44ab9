"""Tokens, scopes, quotas and outages as Google's own client takes them."""

import pytest
from certified.google_clients import AUTH, Google, every, run, signed_in
from google.auth.exceptions import RefreshError
from sandbox.browsing import ADA, Sandbox


async def refreshes(sandbox: Sandbox) -> int:
    return int((await sandbox.control("/ledger"))["refreshes"])


async def test_credentials_without_an_access_token_refresh_once(google: Google) -> None:
    for _ in range(3):
        await run(google.gmail.getProfile(userId="me"))
    assert await refreshes(google.sandbox) == 1
    assert not google.credentials.expired
    assert set(google.credentials.granted_scopes or []) >= {AUTH + "gmail.readonly"}


async def test_a_token_that_died_unnoticed_is_refreshed_at_its_401(google: Google) -> None:
    await run(google.gmail.getProfile(userId="me"))
    await google.sandbox.control("/tokens/expire", "POST", user=ADA)
    assert (await run(google.gmail.getProfile(userId="me")))["emailAddress"] == ADA
    assert await refreshes(google.sandbox) == 2


# The client refreshes for a batch over a connection that it never closes.
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
async def test_a_batch_whose_parts_are_401_is_refreshed_and_sent_again(google: Google) -> None:
    listed, _ = await every(google.gmail.messages(), "messages", userId="me", maxResults=500)
    await google.sandbox.control("/tokens/expire", "POST", user=ADA)
    found: list[str] = []
    errors: list[Exception] = []

    def told(_: str, answer: dict[str, str], error: Exception | None) -> None:
        found.append(answer["id"]) if error is None else errors.append(error)

    batch = google.api("gmail").new_batch_http_request(callback=told)
    for entry in listed[:10]:
        batch.add(google.gmail.messages().get(userId="me", id=entry["id"], format="minimal"))
    await run(batch)
    assert errors == []
    assert found == [entry["id"] for entry in listed[:10]]


async def test_a_revoked_grant_ends_in_a_refresh_error(google: Google) -> None:
    await run(google.gmail.getProfile(userId="me"))
    await google.sandbox.control("/grants/revoke", "POST", user=ADA)
    with pytest.raises(RefreshError, match="Token has been expired or revoked") as caught:
        await run(google.gmail.getProfile(userId="me"))
    assert caught.value.args[1]["error"] == "invalid_grant"
    assert not caught.value.retryable


async def test_a_wrong_client_secret_is_told_as_the_clients_fault(sandbox: Sandbox) -> None:
    google = await signed_in(sandbox)
    google.credentials._client_secret = "another"
    with pytest.raises(RefreshError) as caught:
        await run(google.gmail.getProfile(userId="me"))
    google.close()
    assert caught.value.args[1]["error"] == "invalid_client"


async def test_a_scope_that_was_not_granted_is_403_with_its_detail(sandbox: Sandbox) -> None:
    google = await signed_in(sandbox, scope=AUTH + "calendar.readonly")
    requests = {
        "gmail": google.gmail.getProfile(userId="me"),
        "people": google.people.connections().list(resourceName="people/me", personFields="names"),
        "drive": google.drive.files().list(),
    }
    for name, request in requests.items():
        error = await google.refused(request)
        assert error.status_code == 403, name
        assert "ACCESS_TOKEN_SCOPE_INSUFFICIENT" in error.content.decode(), name
        assert "insufficient authentication scopes" in error.reason.lower(), name
    google.close()


async def test_metadata_alone_lists_but_neither_searches_nor_reads(sandbox: Sandbox) -> None:
    google = await signed_in(sandbox, scope=AUTH + "gmail.metadata")
    [first, *_] = (await run(google.gmail.messages().list(userId="me")))["messages"]
    assert (
        await google.refused(google.gmail.messages().list(userId="me", q="x"))
    ).status_code == 403
    get = google.gmail.messages().get
    assert (await google.refused(get(userId="me", id=first["id"]))).status_code == 403
    assert (await run(get(userId="me", id=first["id"], format="metadata")))["id"] == first["id"]
    google.close()


# What the client itself decides on in a refusal: the status, and for 403 the reason. People's
# refusals have no `errors[]`, and it says 429.
PASSING = {"": (429, 500, 503), "rateLimitExceeded": (403,), "userRateLimitExceeded": (403,)}


@pytest.mark.parametrize("service", ["gmail", "calendar", "drive", "people"])
async def test_what_passes_is_tried_again_by_the_client(google: Google, service: str) -> None:
    request = {
        "gmail": google.gmail.getProfile(userId="me"),
        "calendar": google.calendar.calendarList().list(),
        "drive": google.drive.changes().getStartPageToken(),
        "people": google.people.get(resourceName="people/me", personFields="names"),
    }[service]
    waits: list[float] = []
    request._sleep = waits.append
    orders = [(status, reason) for reason, codes in PASSING.items() for status in codes]
    for status, reason in orders:
        if service == "people" and reason:
            continue
        order = {"kind": "status", "status": status, "count": 2, "method": "GET"}
        await google.sandbox.control("/faults", "POST", **order, reason=reason or None)
        waits.clear()
        error = await google.refused(request)
        assert error.status_code == status
        assert await run(request, num_retries=3)
        assert len(waits) == 1


async def test_a_refusal_that_lasts_is_not_tried_again(google: Google) -> None:
    request = google.gmail.messages().get(userId="me", id="1" * 16)
    waits: list[float] = []
    request._sleep = waits.append
    error = await google.refused(request, num_retries=3)
    assert (error.status_code, waits) == (404, [])


async def test_a_spent_budget_is_refused_until_the_minute_is_over(google: Google) -> None:
    await google.sandbox.control("/quotas", "POST", gmail_units_per_minute=10)
    for _ in range(2):
        await run(google.gmail.messages().list(userId="me"))
    request = google.gmail.messages().list(userId="me")
    error = await google.refused(request)
    assert error.status_code == 403
    assert error.error_details[0]["reason"] in ("rateLimitExceeded", "userRateLimitExceeded")
    await google.sandbox.control("/clock", "POST", advance=61)
    assert (await run(request))["messages"]
