"""Coverage-guided fuzzing of one target for some seconds (atheris); exits with 1 on a finding.

`.venv/bin/python scripts/fuzzing.py packets --seconds 60`. What it found is printed as Python
bytes, to be kept among the seeds in `tests/fuzz/seeds.py`.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
with atheris.instrument_imports(include=["scp_server", "scp_socketio", "scp_wire"]):
    from fuzz.targets import TARGETS

from fuzz.seeds import SEEDS

LONGEST = 4096
"""Bytes of an input."""


def main() -> None:
    """Fuzz; atheris ends the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS))
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    if asked.list or asked.target is None:
        print(*TARGETS)
        return
    corpus = Path(tempfile.mkdtemp(prefix="scp-fuzz-"))
    for number, seed in enumerate(SEEDS[asked.target]):
        (corpus / str(number)).write_bytes(seed)
    target = TARGETS[asked.target]

    def one(data: bytes) -> None:
        try:
            target(data)
        except BaseException:
            print(f"FOUND {asked.target}: {data!r}", flush=True)
            raise

    options = [
        f"-max_total_time={asked.seconds}",
        f"-max_len={LONGEST}",
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
        f"-artifact_prefix={corpus}/found-",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
