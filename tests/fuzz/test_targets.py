"""Every target takes its seeds, what was found in them, and whatever else comes."""

from typing import Any

import msgspec
import pytest
from fuzz.seeds import SEEDS
from fuzz.targets import TARGETS
from hypothesis import given
from hypothesis import strategies as st

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


def test_every_target_has_seeds() -> None:
    assert set(SEEDS) == set(TARGETS)
    assert all(SEEDS.values())


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_taken(name: str) -> None:
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
def test_whatever_comes_is_taken(name: str, data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(SEEDS[name]))
    at = data.draw(st.integers(0, len(seed)))
    to = data.draw(st.integers(at, len(seed)))
    TARGETS[name](seed[:at] + data.draw(st.binary(max_size=20)) + seed[to:])


@pytest.mark.parametrize("name", ["google_items", "microsoft_items", "bodies", "subscriptions"])
@given(data=st.data())
def test_a_field_of_another_type_is_taken(name: str, data: st.DataObject) -> None:
    seed: dict[str, Any] = msgspec.json.decode(data.draw(st.sampled_from(SEEDS[name])))
    field = data.draw(st.sampled_from(sorted(seed)))
    TARGETS[name](msgspec.json.encode(seed | {field: data.draw(json_values)}))
