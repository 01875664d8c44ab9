"""The quota ledger: published budgets, Google's words, and the count of everything."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sandbox.browsing import ADA, BRUNO, Sandbox

from scp_sandbox.clock import Clock
from scp_sandbox.quota import PUBLISHED, Ledger

MAIL = "/gmail/v1/users/me"


class Hand:
    """A clock's hand that tests turn."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def ledger(hand: Hand) -> Ledger:
    return Ledger(Clock(hand), PUBLISHED)


def test_300_messages_a_minute_fit_into_the_published_budget(ledger: Ledger) -> None:
    assert all(ledger.spend(ADA, "gmail", "get", 20) is None for _ in range(300))
    assert ledger.spend(ADA, "gmail", "list", 5) is not None
    assert ledger.spend(BRUNO, "gmail", "get", 20) is None


def test_the_window_slides_and_tells_when_there_is_room(ledger: Ledger, hand: Hand) -> None:
    for _ in range(150):
        ledger.spend(ADA, "gmail", "get", 20)
    hand.now += 30
    for _ in range(150):
        ledger.spend(ADA, "gmail", "get", 20)
    refused = ledger.spend(ADA, "gmail", "get", 20)
    assert refused is not None
    assert refused.retry_at == 1060.0
    hand.now = 1059.9
    assert ledger.spend(ADA, "gmail", "get", 20) is not None
    hand.now = 1060.0
    assert all(ledger.spend(ADA, "gmail", "get", 20) is None for _ in range(150))
    assert ledger.spend(ADA, "gmail", "get", 20) is not None


def test_a_refused_call_costs_nothing(ledger: Ledger) -> None:
    for _ in range(300):
        ledger.spend(ADA, "gmail", "get", 20)
    for _ in range(50):
        ledger.spend(ADA, "gmail", "get", 20)
    assert ledger.report()[ADA]["units"] == 6000
    assert ledger.report()[ADA]["refused"] == {"get": 50}


def test_calendar_counts_calls_not_units(ledger: Ledger) -> None:
    assert all(ledger.spend(ADA, "calendar", "list", 1) is None for _ in range(600))
    assert ledger.spend(ADA, "calendar", "list", 1) is not None
    assert ledger.spend(ADA, "gmail", "get", 20) is None


def test_who_keeps_calling_is_told_a_time(ledger: Ledger) -> None:
    for _ in range(300):
        ledger.spend(ADA, "gmail", "get", 20)
    refusals = [ledger.spend(ADA, "gmail", "get", 20) for _ in range(8)]
    assert [r.politely for r in refusals if r] == [True] * 5 + [False] * 3


async def test_spent_budgets_are_refused_in_googles_words(strict_sandbox: Sandbox) -> None:
    sandbox = strict_sandbox
    token = await sandbox.sign_in()
    await sandbox.control("/quotas", "POST", gmail_units_per_minute=3, refusal="403")
    assert [(await sandbox.call(f"{MAIL}/profile", token=token)).status for _ in range(4)] == [
        200,
        200,
        200,
        403,
    ]
    polite = (await sandbox.call(f"{MAIL}/profile", token=token)).json["error"]
    assert polite["errors"][0]["domain"] == "usageLimits"
    assert polite["errors"][0]["reason"] == "userRateLimitExceeded"
    await sandbox.control("/quotas", "POST", refusal="429")
    answer = await sandbox.call(f"{MAIL}/profile", token=token)
    assert answer.status == 429
    assert "Retry-After" not in answer.headers
    words = answer.json["error"]["message"]
    found = re.search(r"User-rate limit exceeded\. +Retry after (.+)", words)
    assert found
    retry = datetime.fromisoformat(found[1])
    now = datetime.now(UTC)
    assert now < retry < now + timedelta(seconds=61)
    await sandbox.control("/clock", "POST", advance=60)
    assert (await sandbox.call(f"{MAIL}/profile", token=token)).status == 200


async def test_calendars_words_are_rate_limit_exceeded(strict_sandbox: Sandbox) -> None:
    sandbox = strict_sandbox
    token = await sandbox.sign_in()
    await sandbox.control("/quotas", "POST", calendar_requests_per_minute=1)
    path = "/calendar/v3/calendars/primary"
    assert (await sandbox.call(path, token=token)).status == 200
    error = (await sandbox.call(path, token=token)).json["error"]
    assert error["code"] == 403
    assert error["errors"][0]["reason"] == "rateLimitExceeded"
    assert error["errors"][0]["domain"] == "usageLimits"


async def test_published_quotas_are_in_force_when_asked_for(strict_sandbox: Sandbox) -> None:
    assert await strict_sandbox.control("/quotas") == {
        "gmail_units_per_minute": 6000,
        "calendar_requests_per_minute": 600,
        "gmail_concurrency": 25,
        "people_reads_per_minute": 90,
        "people_full_syncs_per_minute": 10,
        "drive_units_per_minute": 325_000,
        "refusal": "mixed",
    }
    lifted = await strict_sandbox.control("/quotas", "POST", mode="generous", gmail_concurrency=3)
    assert lifted["gmail_units_per_minute"] is None
    assert lifted["gmail_concurrency"] == 3


async def test_the_ledger_counts_calls_units_and_tokens(sandbox: Sandbox) -> None:
    token = await sandbox.sign_in()
    listed = await sandbox.call(f"{MAIL}/messages", token=token)
    for entry in listed.json["messages"][:3]:
        await sandbox.call(f"{MAIL}/messages/{entry['id']}", token=token)
    ledger = await sandbox.control("/ledger")
    ada = ledger["users"][ADA]
    assert ada["calls"] == {"gmail.users.messages.list": 1, "gmail.users.messages.get": 3}
    assert ada["units"] == 65
    assert ada["refused"] == {}
    assert (ledger["access_tokens"], ledger["refresh_tokens"], ledger["refreshes"]) == (1, 1, 0)
    cleared = await sandbox.control("/ledger", "DELETE")
    assert cleared["users"][ADA]["calls"] == {}
