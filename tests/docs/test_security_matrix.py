"""docs/security.md: every requirement and fault has its row, and every test it names is there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parents[1]
PAGE: Final = TESTS.parent / "docs" / "security.md"
ROW: Final = re.compile(r"^\| ([RF]\d+) \| (.+?) \| (.*) \|$", re.MULTILINE)
NAMED: Final = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")
WANTED: Final = {*(f"R{n}" for n in range(1, 45)), *(f"F{n}" for n in range(1, 37))}


def rows() -> dict[str, str]:
    """Of each row, what shows it."""
    found = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(found) == len({identity for identity, _, _ in found}), "a row is there twice"
    return {identity: shown for identity, _, shown in found}


@cache
def names_in(path: Path) -> frozenset[str]:
    """Names of the tests in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, kinds))


def wrong() -> Iterator[str]:
    """What is named and is not there."""
    for identity, shown in rows().items():
        for file, name in NAMED.findall(shown):
            path = TESTS / file
            if not path.exists() or (name and name not in names_in(path)):
                yield f"{identity}: {file}::{name}"


def test_every_requirement_and_fault_has_its_row() -> None:
    assert rows().keys() == WANTED


def test_every_test_that_is_named_is_there() -> None:
    assert list(wrong()) == []


def test_every_row_names_a_test_or_says_why_there_is_none() -> None:
    for identity, shown in rows().items():
        assert NAMED.search(shown) or shown.startswith(("none: ", "open: ")), identity


def test_no_row_is_open() -> None:
    assert [identity for identity, shown in rows().items() if "open: " in shown] == []
