"""docs/audit.md names every action that the code writes a row of, and every setting of alarms."""

import re
from pathlib import Path

import pytest

from scp_server.config.fields import Setting, settings_list
from scp_server.domain.streams import StreamState
from scp_server.domain.suspicion import Refused

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "audit.md").read_text()
SOURCES = "\n".join(path.read_text() for path in (ROOT / "src" / "scp_server").rglob("*.py"))
WRITTEN = re.findall(r'"((?:agent|audit|consent|consumer|session|stream|token)\.[a-z_]+)"', SOURCES)
ENDS = [f"stream.{state}" for state in StreamState if state is not StreamState.ACTIVE]
ACTIONS = {*WRITTEN, *ENDS, *(f"refused.{what}" for what in Refused), "delivered"}


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_every_action_is_described(action: str) -> None:
    assert f"`{action}`" in PAGE


def test_there_are_as_many_actions_as_are_looked_for() -> None:
    assert len(ACTIONS) >= 25


def test_no_action_is_described_that_is_never_written() -> None:
    rows = [row.split("|")[1] for row in PAGE.splitlines() if row.startswith("| `")]
    described = {name for row in rows for name in re.findall(r"`([a-z]+\.[a-z_]+)`", row)}
    assert described <= ACTIONS


@pytest.mark.parametrize("setting", [s for s in settings_list() if s.path[0] == "alarms"])
def test_every_alarm_has_its_row_with_its_default(setting: Setting) -> None:
    assert re.search(rf"`{setting.variable}`[^\n]*\b{setting.default}\b", PAGE)
