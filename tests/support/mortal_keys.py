"""`securecontext keys`, ended by SIGKILL where it is told to.

    python mortal_keys.py < lives

Each line of standard input is a life, as JSON: `{"arguments": ["rotate"], "at": null}`, or with
`"at": [step, k, side]` one that ends by SIGKILL at the k-th call of that step, before it or after
it. The steps are functions; they are wrapped here, the product knows nothing of it.

Everything is imported once and each life is a fork, so that a life costs no start of Python. After
what a life prints comes a line `GONE status`.
"""

import contextlib
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

STEPS: Final = {
    # The key file written anew: the whole of it, and the moment it takes its place.
    "file": ("scp_cli.rotating", "", "replace_private"),
    "rename": ("pathlib", "Path", "replace"),
    # A batch of data keys; after it the transaction is not committed yet.
    "batch": ("scp_server.storage.sql.root_keys", "", "rewrap"),
    "check": ("scp_server.storage.sql.root_keys", "", "rewrap_check"),
    "log": ("scp_server.storage.sql.sqlite", "", "truncate_log"),
}

At = tuple[str, int, str]


class KeysCommand:
    """Runs `securecontext keys …` on a data directory, each time as a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, *arguments: str, at: At | None = None) -> tuple[int, str]:
        """Exit status (-9: killed) and what was printed."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise AssertionError("pipes were asked for")
        process.stdin.write(json.dumps({"arguments": arguments, "at": at}) + "\n")
        process.stdin.flush()
        printed = ""
        for line in process.stdout:
            if line.startswith("GONE "):
                return int(line.split()[1]), printed
            printed += line
        raise AssertionError(printed)


@contextlib.contextmanager
def keys_command(data: Path, kept: set[str], **settings: str) -> Iterator[KeysCommand]:
    """The command for that data directory, with these variables of ours and these settings."""
    environ = {name: value for name, value in os.environ.items() if name in kept}
    with subprocess.Popen(  # noqa: S603  (ourselves)
        [sys.executable, "-u", __file__],
        env=environ | {"SCP_DATA_DIR": str(data), **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield KeysCommand(process)
        if process.stdin is not None:
            process.stdin.close()
        process.wait(60)


def _mortal(step: Callable[..., Any], at: int, side: str) -> Callable[..., Any]:
    calls = 0

    def over(here: str) -> None:
        if (calls, here) == (at, side):
            os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(step)
    def called(*args: Any, **named: Any) -> Any:  # noqa: ANN401  (whatever it is)
        nonlocal calls
        calls += 1
        over("before")
        answer = step(*args, **named)
        over("after")
        return answer

    return called


def _live(arguments: list[str], at: At | None) -> None:
    if at is not None:
        step, number, side = at
        place, kind, name = STEPS[step]
        holder: Any = importlib.import_module(place)
        holder = getattr(holder, kind) if kind else holder
        setattr(holder, name, _mortal(getattr(holder, name), number, side))
    sys.argv = ["securecontext", "keys", *arguments]
    importlib.import_module("scp_cli.main").main()


def main() -> None:
    """Live as often as we are told to."""
    importlib.import_module("scp_cli.keys")
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if child == 0:
            _live(told["arguments"], told["at"])
        _, status = os.waitpid(child, 0)
        print(f"GONE {os.waitstatus_to_exitcode(status)}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
