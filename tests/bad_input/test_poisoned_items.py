"""One bad item among good ones: the good ones arrive as ever, and the stream goes on."""

from collections.abc import Iterator
from typing import Any

import pytest
from bad_input.damage import Damage, damages
from bad_input.reading import (
    EXAMPLES,
    IDENTITY,
    KINDS,
    VANISHING,
    Found,
    Kind,
    bookmarked,
    follow,
    read,
)
from bad_input.stall import Meddle, Stall, stalls
from hypothesis import given
from hypothesis import strategies as st

from scp_sandbox import SandboxSettings
from scp_server.domain.streams import Position

SMALL = SandboxSettings(messages=60, events=24, contacts=12, files=24)
ADA = "ada.brightwell"
CHANGES = 40


@pytest.fixture(scope="module")
def stall() -> Iterator[Stall]:
    with stalls(SMALL) as there:
        yield there


def of_item(identity: str, change: Damage) -> Meddle:
    """Changes every object with that id, wherever it is in an answer."""

    def changed(value: Any) -> Any:  # noqa: ANN401  (JSON)
        if isinstance(value, dict):
            if any(value.get(name) == identity for name in IDENTITY):
                return change(value)
            return {k: v if k == "parentReference" else changed(v) for k, v in value.items()}
        return [changed(inner) for inner in value] if isinstance(value, list) else value

    return changed


def check(kind: Kind, clean: Found, found: Found, item: str, damage: Damage) -> None:
    told = found.told(kind)
    own = {item, *former_names(clean, item)}
    others = {i: bodies for i, bodies in clean.told(kind).items() if i not in own}
    assert {i: bodies for i, bodies in told.items() if i in others} == others
    assert not found.quotes()
    aside = {skipped.id for skipped in found.skipped}
    # An item that is called otherwise is asked for by that name.
    assert aside <= {None, item} or damage.hurt & set(IDENTITY)
    if not damage.hurt & {*IDENTITY, *VANISHING}:
        assert item in told or item in aside
    if damage.hurt & set(IDENTITY) and damage.drop and kind.type not in {"Thread", "File"}:
        assert aside, "a listed item without an id is told of"


def former_names(clean: Found, item: str) -> list[str]:
    """Names a contact had before: their ends are told with it."""
    bodies = [change.raw for change in clean.changes if change.item.id == item]
    told = [body.get("metadata", {}) for body in bodies if isinstance(body, dict)]
    return [name for metadata in told for name in metadata.get("previousResourceNames", [])]


DAMAGED = {kind.name: damages(kind.types(), kind.type, kind.kept) for kind in KINDS}
cases = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@cases
def test_a_backfill_goes_on_past_a_damaged_item(stall: Stall, kind: Kind) -> None:
    clean = stall.portal.call(read, stall.link(kind.provider), kind.connector())
    ids = sorted(clean.told(kind))
    assert len(ids) > 5

    @EXAMPLES
    @given(item=st.sampled_from(ids), damage=DAMAGED[kind.name], batch=st.sampled_from([1, 20]))
    def holds(item: str, damage: Damage, batch: int) -> None:
        batch = batch if kind.provider == "microsoft" else 1
        stall.meddle = of_item(item, damage)
        try:
            link = stall.link(kind.provider, batch_size=batch)
            found = stall.portal.call(read, link, kind.connector())
        finally:
            stall.meddle = None
        check(kind, clean, found, item, damage)

    holds()


@cases
def test_following_goes_on_past_a_damaged_item(stall: Stall, kind: Kind) -> None:
    since = stall.portal.call(bookmarked, stall.link(kind.provider), kind.connector()).since
    bustled(stall, kind, seed=1)

    def followed(place: Position, batch: int = 1) -> Found:
        link = stall.link(kind.provider, batch_size=batch)
        return stall.portal.call(follow, link, kind.connector(), place)

    clean = followed(since)
    ids = sorted(clean.told(kind))
    assert len(ids) > 3
    assert not followed(clean.since).changes

    @EXAMPLES
    @given(item=st.sampled_from(ids), damage=DAMAGED[kind.name], batch=st.sampled_from([1, 20]))
    def holds(item: str, damage: Damage, batch: int) -> None:
        stall.meddle = of_item(item, damage)
        try:
            found = followed(since, batch if kind.provider == "microsoft" else 1)
        finally:
            stall.meddle = None
        check(kind, clean, found, item, damage)
        assert not followed(found.since).changes, "the place has moved past it all"

    holds()


def bustled(stall: Stall, kind: Kind, seed: int) -> None:
    """Random changes of the kind's items."""
    if kind.provider == "google":
        path = f"/users/{ADA}@sandbox.example/bustle"
    else:
        path = f"/outlook/{ADA}@outlook.sandbox.example/bustle"
    stall.order(path, **{kind.bustle: CHANGES, "seed": seed})
