"""Many seeds of the tests that draw their course at random; the result goes to docs/soak.md.

Of what fails it tells the test, the assertion and the example: nothing has to be run again to know.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

PAGE = Path("docs/soak.md")
WORLDS = ["tests/world", "tests/bad_input"]
COURSES = "ends_with or damaged_item"
PROCESSES = 2
EXAMPLE = "Falsified by: "
"""Begins the line in which a property names the example it failed on."""
LONGEST = 500
"""Characters of a line of an error that are told."""


@dataclass(frozen=True)
class Failure:
    """A test that failed, why, and on what."""

    test: str
    reason: str
    example: str | None


def main() -> int:
    """Run, and write down what came of it."""
    asked = _asked()
    seeds = range(asked.first, asked.first + asked.seeds)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        ways = ["-q", "-n", str(PROCESSES), f"--junitxml={report}", "-k", asked.only]
        run = subprocess.run(  # noqa: S603  (our own tests)
            [sys.executable, "-m", "pytest", *ways, *WORLDS],
            env=os.environ
            | {"SCP_TEST_SEEDS": ",".join(map(str, seeds)), "HYPOTHESIS_PROFILE": "soak"},
            capture_output=True,
            text=True,
            check=False,
        )
        failures = list(failed(report.read_text(encoding="utf-8"))) if report.exists() else []
    minutes = (time.monotonic() - began) / 60
    outcome = run.stdout.splitlines()[-1] if run.stdout else run.stderr
    page = _page(seeds, outcome, failures, minutes)
    if asked.only == COURSES:
        PAGE.write_text(page, encoding="utf-8")
    print(page)
    return run.returncode


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds, from 1")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument(
        "--only", default=COURSES, help="run fewer tests (pytest's -k); the page stays as it is"
    )
    return parser.parse_args()


def failed(report: str) -> Iterator[Failure]:
    """The failures in a JUnit report that pytest wrote."""
    for case in ElementTree.fromstring(report).iter("testcase"):  # noqa: S314  (our own)
        for kind in ("failure", "error"):
            if (found := case.find(kind)) is not None:
                yield _failure(case.attrib, found.get("message", ""), found.text or "")


def _failure(case: dict[str, str], message: str, text: str) -> Failure:
    lines = [line.removeprefix("E").strip() for line in text.splitlines() if line.startswith("E ")]
    examples = [line for line in lines if line.startswith(EXAMPLE)]
    # What an assertion compared says more than the name of its class.
    said = [line for line in lines if line and not line.startswith(EXAMPLE)]
    reason = (said or [message.splitlines()[0] if message else "no reason was given"])[0]
    where = re.findall(r"^([\w/]+\.py:\d+): \w+$", text, re.MULTILINE)
    return Failure(
        test=f"{case['classname'].replace('.', '/')}.py::{case['name']}",
        reason=_short(" ".join([*where[-1:], reason])),
        example=_short(examples[0].removeprefix(EXAMPLE)) if examples else None,
    )


def _short(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} […]"


def _told(failure: Failure) -> str:
    told = [f"- `{failure.test}`", f"  - {_quoted(failure.reason)}"]
    return "\n".join(told + ([f"  - {_quoted(failure.example)}"] if failure.example else []))


def _quoted(line: str) -> str:
    return f"`` {line} ``"


def _page(seeds: range, outcome: str, failures: list[Failure], minutes: float) -> str:
    told = "\n".join(map(_told, failures)) or "None failed."
    return f"""# The last soak

Written by `make soak` on {datetime.now(UTC):%Y-%m-%d}: seeds {seeds.start} to {seeds.stop - 1} of
`tests/world`, each for all nine kinds of stream: random changes at the provider, over restarts,
crashes, lost positions and faults; at the end the consumer must hold the world. Besides, 400 ways
of damaging an item before each connector (`tests/bad_input`): the others must arrive.

`{outcome.strip("= ")}`, {minutes:.0f} minutes.

{told}
"""


if __name__ == "__main__":
    sys.exit(main())
