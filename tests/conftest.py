"""What holds for all tests: how properties are tried, what begins first, when garbage is sought."""

import gc
import os
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import settings

LONGEST: Final = ("tests/world/", "tests/e2e/")
"""Folders of tests that take long: they begin first, so that no worker is left with one."""

# The same examples every time, whoever runs beside it and however slow the machine is; `make soak`
# tries ever new ones.
settings.register_profile("gate", deadline=None, derandomize=True)
settings.register_profile("soak", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage meanwhile, nor ever again among what is made: it stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
