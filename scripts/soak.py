"""Many seeds of the tests that draw their course at random, the whole corpus of bad input, and
fuzzing; the result goes to docs/soak.md.

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
TRAIL = ["tests/faults/test_audit_trail.py", "tests/storage/test_audit_chain.py"]
WORLDS = ["tests/world", "tests/bad_input", "tests/crash_points", *TRAIL]
COURSES = "ends_with or damaged_item or any_await or audit_trail or audit_chain"
STRANGERS = ["tests/corpus", "tests/api/test_schemathesis.py", "tests/fuzz"]
FUZZING = Path(__file__).with_name("fuzzing.py")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one part: its closing line, what failed, and how long it took."""

    closing: str
    failed: list[str]
    """As it is told, in Markdown."""
    minutes: float


def main() -> int:
    """Run, and write down what came of it."""
    asked = _asked()
    seeds = range(asked.first, asked.first + asked.seeds)
    worlds = tested([*WORLDS, "-k", asked.only], SCP_TEST_SEEDS=",".join(map(str, seeds)))
    if asked.only != COURSES:
        print(worlds.closing, *worlds.failed, sep="\n")
        return 1 if worlds.failed else 0
    strangers = tested(STRANGERS)
    targets = [*fuzzed(asked.fuzz)] if asked.fuzz else []
    PAGE.write_text(_page(seeds, worlds, strangers, targets, asked.fuzz), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))
    return 1 if any(one.failed for one in (worlds, strangers, *targets)) else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds, from 1")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--fuzz", type=int, default=60, help="seconds for each target, 0 for none")
    parser.add_argument(
        "--only", default=COURSES, help="run these courses alone (pytest's -k); no page is written"
    )
    return parser.parse_args()


def tested(tests: list[str], **environ: str) -> Outcome:
    """Run tests, each with as many examples as a soak has."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        ways = ["-q", "-n", str(PROCESSES), f"--junitxml={report}"]
        run = subprocess.run(  # noqa: S603  (our own tests)
            [sys.executable, "-m", "pytest", *ways, *tests],
            env=os.environ | {"HYPOTHESIS_PROFILE": "soak"} | environ,
            capture_output=True,
            text=True,
            check=False,
        )
        told = [*map(_told, failed(report.read_text(encoding="utf-8")))] if report.exists() else []
    lines = run.stdout.splitlines() or [f"pytest ended with {run.returncode}"]
    if run.returncode and not told:
        told = [f"- pytest ended with {run.returncode}"]
    minutes = (time.monotonic() - began) / 60
    return Outcome(closing=lines[-1].strip("= "), failed=told, minutes=minutes)


def failed(report: str) -> Iterator[Failure]:
    """The failures in a JUnit report that pytest wrote."""
    for case in ElementTree.fromstring(report).iter("testcase"):  # noqa: S314  # nosec B314  (our own)
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


def fuzzed(seconds: int) -> Iterator[Outcome]:
    """Fuzz each target for so many seconds, one after the other."""
    told = subprocess.run(  # noqa: S603  (our own)
        [sys.executable, str(FUZZING), "--list"], capture_output=True, text=True, check=True
    )
    for target in told.stdout.split():
        began = time.monotonic()
        run = subprocess.run(  # noqa: S603  (our own)
            [sys.executable, str(FUZZING), target, "--seconds", str(seconds)],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        said = run.stdout + run.stderr
        done = re.findall(r"^Done (\d+) runs", said, re.MULTILINE)
        found = [f"- {_quoted(line)}" for line in re.findall(r"^FOUND .*$", said, re.MULTILINE)]
        if run.returncode and not found:
            found = [f"- {_quoted(f'{target} ended with {run.returncode}: {said[-300:]!r}')}"]
        yield Outcome(
            closing=f"{target}: {int(done[-1]) if done else 0:,} inputs",
            failed=found,
            minutes=(time.monotonic() - began) / 60,
        )


def _page(
    seeds: range, worlds: Outcome, strangers: Outcome, targets: list[Outcome], seconds: int
) -> str:
    fuzzing = "\n".join(f"- {one.closing}" for one in targets) or "- left out"
    found = [line for one in (worlds, strangers, *targets) for line in one.failed]
    told = "\n".join(found) or "None failed."
    return f"""# The last soak

Written by `make soak` on {datetime.now(UTC):%Y-%m-%d}.

**Worlds**: seeds {seeds.start} to {seeds.stop - 1} of
`tests/world`, each for all nine kinds of stream: random changes at the provider, over restarts,
crashes, lost positions and faults; at the end the consumer must hold the world. Besides, 400 ways
of damaging an item before each connector (`tests/bad_input`): the others must arrive. And a server
killed at awaits of a stream's life, before or after one (`tests/crash_points`): each of up to 40
seeds tries a twentieth of them, so that fewer than 20 seeds leave some out. Nothing may be lost.
`{worlds.closing}`, {worlds.minutes:.0f} minutes.

**Strangers**: every word of the corpus of bad input at every place (`tests/corpus`), schemathesis
with all checks, and the fuzzing targets with many examples each.
`{strangers.closing}`, {strangers.minutes:.0f} minutes.

**Fuzzing**, guided by coverage, {seconds} seconds a target (`tests/fuzz/targets.py`):

{fuzzing}

{told}
"""


if __name__ == "__main__":
    sys.exit(main())
