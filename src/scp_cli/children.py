"""Child processes of the command line: read until they are up, ended by their own id."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final

import click

STOP_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Child:
    """A running `securecontext` command: where it listens, and the settings it told."""

    url: str
    told: dict[str, str]


@contextmanager
def child(arguments: list[str], environ: Mapping[str, str], *, until: str) -> Iterator[Child]:
    """Run `securecontext <arguments>` until the context is left.

    Its standard output is read up to the line that contains `until`; the first URL in it is where
    it listens. Raises: click.ClickException with its own words when it does not come up.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603  (our own command line)
            [sys.executable, "-u", "-m", "scp_cli", *arguments],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            yield _come_up(process, errors, until)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _come_up(process: subprocess.Popen[bytes], errors: IO[bytes], until: str) -> Child:
    said = ""
    for line in process.stdout or ():
        said += line.decode()
        if until in said:
            urls = re.findall(r"http://\S+", said)
            told = dict(re.findall(r"^(SCP_\w+)=(.*)$", said, re.MULTILINE))
            return Child(urls[0], told)
    process.wait()
    errors.seek(0)
    raise click.ClickException(f"It did not start:\n{said}{errors.read().decode()}")
