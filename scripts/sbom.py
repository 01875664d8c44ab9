"""The bill of materials (CycloneDX 1.6) of what a server installs, written from its pins.

It needs no network and says the same for the same files: no time, no machine, and a serial number
that follows from the contents. Names, versions and hashes are those of `requirements/server.txt`.
"""

import argparse
import hashlib
import json
import re
import tomllib
import uuid
from pathlib import Path
from typing import Any

PINS = Path("requirements/server.txt")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;]+)(?: ; ([^\\]+?))? \\$")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def main() -> None:
    """Write it to standard output or a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="a file, instead of standard output")
    bill = json.dumps(bill_of(PINS.read_text("utf-8")), indent=2, sort_keys=True) + "\n"
    if (output := parser.parse_args().output) is None:
        print(bill, end="")
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(bill, encoding="utf-8")


def bill_of(pins: str) -> dict[str, Any]:
    """The document for the text of a requirements file."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    parts = components(pins)
    itself = {
        "type": "application",
        "bom-ref": f"pkg:pypi/{project['name']}@{project['version']}",
        "name": project["name"],
        "version": project["version"],
        "purl": f"pkg:pypi/{project['name']}@{project['version']}",
        "licenses": [{"license": {"id": project["license"]}}],
    }
    content = json.dumps([itself, parts], sort_keys=True)
    serial = uuid.uuid5(uuid.NAMESPACE_URL, hashlib.sha256(content.encode()).hexdigest())
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "serialNumber": f"urn:uuid:{serial}",
        "metadata": {"component": itself, "lifecycles": [{"phase": "pre-build"}]},
        "components": parts,
        "dependencies": [
            {"ref": itself["bom-ref"], "dependsOn": [part["bom-ref"] for part in parts]},
            *({"ref": part["bom-ref"]} for part in parts),
        ],
    }


def components(pins: str) -> list[dict[str, Any]]:
    """A component for each pin. One for several files is told by the hashes of all of them."""
    found: list[dict[str, Any]] = []
    for line in pins.splitlines():
        if pin := PIN.match(line):
            found.append(_component(*pin.groups()))
        elif digest := HASH.search(line):
            found[-1]["properties"].append({"name": "pip:hash:sha256", "value": digest[1]})
    return found


def _component(name: str, version: str, marker: str | None) -> dict[str, Any]:
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    where = [] if marker is None else [{"name": "pip:marker", "value": marker.strip()}]
    # Hashes of a component would be those of one file; a pin allows any of several.
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "scope": "required" if marker is None else "optional",
        "properties": where,
    }


if __name__ == "__main__":
    main()
