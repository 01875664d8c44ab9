"""Many seeds of the tests that draw their course at random; the result goes to docs/soak.md."""

import argparse
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path("docs/soak.md")
WORLDS = ["tests/world", "tests/bad_input", "-k", "ends_with or damaged_item"]


def main() -> int:
    """Run, and write down what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds, from 1")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.seeds)
    began = time.monotonic()
    run = subprocess.run(  # noqa: S603  (our own tests)
        [sys.executable, "-m", "pytest", "-q", "-n", "2", *WORLDS],
        env=os.environ
        | {"SCP_TEST_SEEDS": ",".join(map(str, seeds)), "HYPOTHESIS_PROFILE": "soak"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = run.stdout.splitlines()
    failed = [line for line in lines if line.startswith("FAILED")]
    minutes = (time.monotonic() - began) / 60
    PAGE.write_text(_page(seeds, lines[-1], failed, minutes), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))
    return run.returncode


def _page(seeds: range, outcome: str, failed: list[str], minutes: float) -> str:
    told = "\n".join(f"- `{line}`" for line in failed) or "None failed."
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
