"""No distribution is older than the last one with a hole that we know of."""

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.version import Version

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
FLOORS = tomllib.loads((REQUIREMENTS / "floors.toml").read_text("utf-8"))
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;]+)(.*)$", re.MULTILINE)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def below(found: dict[str, set[str]]) -> list[str]:
    """What is too old, or should not be there."""
    return [
        f"{name} {version}: {FLOORS[name]['why']}"
        for name, versions in found.items()
        if name in FLOORS
        for version in versions
        if Version(version) < Version(FLOORS[name]["floor"]) or FLOORS[name].get("unwanted")
    ]


def pinned(path: Path) -> dict[str, set[str]]:
    pins: dict[str, set[str]] = {}
    for name, version, _ in PIN.findall(path.read_text("utf-8")):
        pins.setdefault(canonical(name), set()).add(version)
    return pins


def test_nothing_that_is_installed_is_below_its_floor() -> None:
    installed = {canonical(one.metadata["Name"]): {one.version} for one in distributions()}
    assert "aiohttp" in installed
    assert below(installed) == []


@pytest.mark.parametrize("path", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda path: path.stem)
def test_nothing_that_is_pinned_is_below_its_floor(path: Path) -> None:
    pins = pinned(path)
    assert pins
    assert below(pins) == []


@pytest.mark.parametrize("path", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda path: path.stem)
def test_every_pin_has_hashes_and_no_file_names_an_index(path: Path) -> None:
    text = path.read_text("utf-8")
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert all("==" in block and "--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert "--index" not in text


def test_an_old_or_unwanted_one_would_be_found() -> None:
    assert below({"pyjwt": {"2.14.9"}, "aiohttp": {"3.14.4"}, "unknown": {"0"}}) == [
        f"pyjwt 2.14.9: {FLOORS['pyjwt']['why']}"
    ]
    assert below({"python-multipart": {"99"}}) != []


def test_what_a_user_may_install_is_never_below_a_floor() -> None:
    project = tomllib.loads((REQUIREMENTS.parent / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(one for extra in extras for one in extra)]
    least = re.compile(r"^([A-Za-z0-9._-]+)>=([0-9.]+)")
    floors = {canonical(found[1]): {found[2]} for one in asked if (found := least.match(one))}
    assert len(floors) > 10
    assert below(floors) == []
