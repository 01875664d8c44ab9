"""One bad item among good ones: the good ones arrive as ever, and the stream goes on."""

from collections.abc import Iterator
from dataclasses import dataclass, field
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
from hypothesis import given, note
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


@dataclass(frozen=True, slots=True)
class Kin:
    """Which items the provider itself derives from others, as its answers say."""

    names: dict[str, set[str]] = field(default_factory=dict)
    """Names that a contact had before: their ends are told with it, and have its version."""
    instances: dict[str, set[str]] = field(default_factory=dict)
    """Exceptions of a series: whether a cancelled one is gone hangs on the series' status."""

    def noted(self, value: Any) -> Any:  # noqa: ANN401  (JSON)
        """Note them from an answer, which stays as it is."""
        if isinstance(value, dict):
            metadata = value.get("metadata")
            former = metadata.get("previousResourceNames", []) if isinstance(metadata, dict) else []
            self.names.setdefault(value.get("resourceName", ""), set()).update(former)
            if "recurringEventId" in value:
                self.instances.setdefault(value["recurringEventId"], set()).add(value["id"])
        for inner in value.values() if isinstance(value, dict) else value:
            if isinstance(inner, dict | list):
                self.noted(inner)
        return value

    def of(self, item: str, damage: Damage) -> set[str]:
        """The item, and those that are told by what was damaged of it."""
        instances = self.instances.get(item, set()) if "status" in damage.hurt else set()
        return {item, *self.names.get(item, set()), *instances}


def check(kind: Kind, clean: Found, found: Found, item: str, damage: Damage, kin: Kin) -> None:
    told = found.told(kind)
    own = kin.of(item, damage)
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


DAMAGED = {kind.name: damages(kind.types(), kind.type, kind.kept) for kind in KINDS}
cases = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@cases
def test_a_backfill_goes_on_past_a_damaged_item(stall: Stall, kind: Kind) -> None:
    kin = Kin()
    clean = stall.portal.call(read, stall.link(kind.provider), kind.connector())
    ids = sorted(clean.told(kind))
    assert len(ids) > 5

    @EXAMPLES
    @given(item=st.sampled_from(ids), damage=DAMAGED[kind.name], batch=st.sampled_from([1, 20]))
    def holds(item: str, damage: Damage, batch: int) -> None:
        note(f"Falsified by: item={item!r}, {damage}, batch={batch}")
        batch = batch if kind.provider == "microsoft" else 1
        stall.meddle = of_item(item, damage)
        try:
            link = stall.link(kind.provider, batch_size=batch)
            found = stall.portal.call(read, link, kind.connector())
        finally:
            stall.meddle = None
        check(kind, clean, found, item, damage, kin)

    holds()


@cases
def test_following_goes_on_past_a_damaged_item(stall: Stall, kind: Kind) -> None:
    since = stall.portal.call(bookmarked, stall.link(kind.provider), kind.connector()).since
    bustled(stall, kind, seed=1)

    def followed(place: Position, batch: int = 1) -> Found:
        link = stall.link(kind.provider, batch_size=batch)
        return stall.portal.call(follow, link, kind.connector(), place)

    kin = Kin()
    stall.meddle = kin.noted
    clean = followed(since)
    stall.meddle = None
    ids = sorted(clean.told(kind))
    assert len(ids) > 3
    assert not followed(clean.since).changes

    @EXAMPLES
    @given(item=st.sampled_from(ids), damage=DAMAGED[kind.name], batch=st.sampled_from([1, 20]))
    def holds(item: str, damage: Damage, batch: int) -> None:
        note(f"Falsified by: item={item!r}, {damage}, batch={batch}")
        stall.meddle = of_item(item, damage)
        try:
            found = followed(since, batch if kind.provider == "microsoft" else 1)
        finally:
            stall.meddle = None
        check(kind, clean, found, item, damage, kin)
        assert not followed(found.since).changes, "the place has moved past it all"

    holds()


def bustled(stall: Stall, kind: Kind, seed: int) -> None:
    """Random changes of the kind's items."""
    if kind.provider == "google":
        path = f"/users/{ADA}@sandbox.example/bustle"
    else:
        path = f"/outlook/{ADA}@outlook.sandbox.example/bustle"
    stall.order(path, **{kind.bustle: CHANGES, "seed": seed})
