"""Many seeds of the tests that draw their course at random, the whole corpus of bad input, and
fuzzing; the result goes to docs/soak.md.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path("docs/soak.md")
CHOSEN = "ends_with or damaged_item or any_await or audit_trail or audit_chain"
TRAIL = ["tests/faults/test_audit_trail.py", "tests/storage/test_audit_chain.py"]
WORLDS = ["tests/world", "tests/bad_input", "tests/crash_points", *TRAIL, "-k", CHOSEN]
STRANGERS = ["tests/corpus", "tests/api/test_schemathesis.py", "tests/fuzz"]
FUZZING = Path(__file__).with_name("fuzzing.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one part: its closing line, what failed, and how long it took."""

    closing: str
    failed: list[str]
    minutes: float


def main() -> int:
    """Run, and write down what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds, from 1")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--fuzz", type=int, default=60, help="seconds for each target, 0 for none")
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.seeds)
    worlds = tested(WORLDS, SCP_TEST_SEEDS=",".join(map(str, seeds)))
    strangers = tested(STRANGERS)
    targets = [*fuzzed(asked.fuzz)] if asked.fuzz else []
    PAGE.write_text(_page(seeds, worlds, strangers, targets, asked.fuzz), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))
    return 1 if any(one.failed for one in (worlds, strangers, *targets)) else 0


def tested(tests: list[str], **environ: str) -> Outcome:
    """Run tests, two at a time, each with as many examples as a soak has."""
    began = time.monotonic()
    run = subprocess.run(  # noqa: S603  (our own tests)
        [sys.executable, "-m", "pytest", "-q", "-n", "2", *tests],
        env=os.environ | {"HYPOTHESIS_PROFILE": "soak"} | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = run.stdout.splitlines() or [f"pytest ended with {run.returncode}"]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    if run.returncode and not failed:
        failed = [f"pytest ended with {run.returncode}"]
    return Outcome(
        closing=lines[-1].strip("= "), failed=failed, minutes=(time.monotonic() - began) / 60
    )


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
        found = re.findall(r"^FOUND .*$", said, re.MULTILINE)
        if run.returncode and not found:
            found = [f"{target} ended with {run.returncode}: {said[-300:]!r}"]
        yield Outcome(
            closing=f"{target}: {int(done[-1]) if done else 0:,} inputs",
            failed=found,
            minutes=(time.monotonic() - began) / 60,
        )


def _page(
    seeds: range, worlds: Outcome, strangers: Outcome, targets: list[Outcome], seconds: int
) -> str:
    fuzzing = "\n".join(f"- {one.closing}" for one in targets) or "- left out"
    failed = [line for one in (worlds, strangers, *targets) for line in one.failed]
    told = "\n".join(f"- `{line}`" for line in failed) or "None failed."
    return f"""# The last soak

Written by `make soak` on {datetime.now(UTC):%Y-%m-%d}.

**Worlds**: seeds {seeds.start} to {seeds.stop - 1} of
`tests/world`, each for all nine kinds of stream: random changes at the provider, over restarts,
crashes, lost positions and faults; at the end the consumer must hold the world. Besides, 400 ways
of damaging an item before each connector (`tests/bad_input`): the others must arrive. And a server
killed at every await of a stream's life, before and after it (`tests/crash_points`, up to 40 seeds,
20 of which share all of them): nothing may be lost.
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
