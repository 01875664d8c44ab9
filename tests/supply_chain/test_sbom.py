"""The bill of materials says what is pinned, and the same each time."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def written() -> str:
    command = [sys.executable, "scripts/sbom.py"]
    return subprocess.run(  # noqa: S603  (ours)
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def test_it_names_every_pin_with_all_its_hashes_and_nothing_else() -> None:
    bill = json.loads(written())
    pins = (ROOT / "requirements" / "server.txt").read_text("utf-8")
    names = re.findall(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", pins, re.MULTILINE)
    assert [(one["name"], one["version"]) for one in bill["components"]] == names
    hashes = [
        one["value"]
        for part in bill["components"]
        for one in part["properties"]
        if one["name"] == "pip:hash:sha256"
    ]
    assert hashes == re.findall(r"sha256:([0-9a-f]{64})", pins)
    references = {part["bom-ref"] for part in bill["components"]}
    assert len(references) == len(names)
    assert references == set(bill["dependencies"][0]["dependsOn"])


def test_it_is_cyclonedx_and_the_same_each_time() -> None:
    first = written()
    assert first == written()
    bill = json.loads(first)
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    assert "timestamp" not in first
    assert str(ROOT) not in first
