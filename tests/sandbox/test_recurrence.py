"""Recurrence rules spelled out."""

from datetime import UTC, date, datetime
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_sandbox.google.calendar.recurrence import occurrences, parse_rule
from scp_sandbox.world.event import When

FAR = datetime(2030, 1, 1, tzinfo=UTC)


def spelled(rule: str, first: date, most: int = 5, *more: str) -> list[str]:
    found = occurrences(When(day=first), (f"RRULE:{rule}", *more), FAR)
    return [w.stamp for w in islice(found, most)]


@pytest.mark.parametrize(
    ("rule", "stamps"),
    [
        ("FREQ=DAILY;INTERVAL=3;COUNT=3", ["20260105", "20260108", "20260111"]),
        ("FREQ=WEEKLY;COUNT=2", ["20260105", "20260112"]),
        ("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=3", ["20260105", "20260108", "20260112"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;UNTIL=20260120", ["20260105", "20260119"]),
        ("FREQ=MONTHLY;BYDAY=1MO;COUNT=3", ["20260105", "20260202", "20260302"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", ["20260130", "20260227"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=2", ["20260131", "20260331"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=2", ["20260131", "20260228"]),
        ("FREQ=YEARLY;COUNT=2", ["20260105", "20270105"]),
    ],
)
def test_a_rule_gives_its_days(rule: str, stamps: list[str]) -> None:
    assert spelled(rule, date(2026, 1, 5)) == stamps


def test_excluded_days_are_left_out_but_counted() -> None:
    found = spelled("FREQ=DAILY;COUNT=3", date(2026, 1, 5), 9, "EXDATE;VALUE=DATE:20260106")
    assert found == ["20260105", "20260107"]


def test_a_leap_day_recurs_only_in_leap_years() -> None:
    assert spelled("FREQ=YEARLY", date(2024, 2, 29)) == ["20240229", "20280229"]


@given(st.text(alphabet="FREQ=DAILYWK;COUNT:INTERVAL-123BYMOUZ,", max_size=50))
def test_any_rule_is_spelled_out_or_left_alone(text: str) -> None:
    parse_rule(text)
    for rule in (text, f"FREQ=WEEKLY;{text}"):
        stamps = spelled(rule, date(2026, 1, 5), 9)
        assert stamps == sorted(stamps)
