"""Where the keys come from: a file, the environment, or a command's output.

All three give the text of a key file. A command is how a Vault or a KMS serves keys: it fetches
them, or decrypts a key file that lies beside it.
"""

import logging
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from scp_server.crypto.key_lines import new_text
from scp_server.crypto.keyring import MEND, Keyring, parse_keys
from scp_server.crypto.private_files import create_private, read_private
from scp_server.domain.errors import StartRefused
from scp_server.domain.secrets import Secret

_LOG: Final = logging.getLogger(__name__)

MOST_BYTES: Final = 65_536
"""A command that prints more does not print keys."""
VARIABLE: Final = "SCP_KEYS"
COMMAND: Final = "SCP_KEY_COMMAND"


class KeySource(Protocol):
    """Where the text of a key file comes from."""

    @property
    def name(self) -> str:
        """The source in a sentence, with a capital: "The key file /srv/keys"."""
        ...

    def text(self) -> str:
        """The text; it may take as long as the source's deadline.

        Raises: StartRefused when there is none.
        """
        ...

    def mark(self) -> object:
        """Something cheap that differs when the text may have changed; None where nothing tells."""
        ...


def read_keyring(source: KeySource) -> Keyring:
    """The keys of a source.

    Raises: StartRefused when they cannot be had or must not be used.
    """
    return parse_keys(source.text(), source.name)


def load_keyring(path: Path) -> Keyring:
    """The keys of a file, made when there is none.

    Raises: StartRefused when it is malformed, weak or readable by others.
    """
    source = KeyFile(path)
    source.make()
    return read_keyring(source)


class KeyFile:
    """A file that only its owner can reach."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The source in a sentence."""
        return f"The key file {self.path}"

    def make(self) -> None:
        """Make the file, with new keys, when there is none. Raises: StartRefused."""
        if read_private(self.path) is None and create_private(self.path, new_text()):
            _LOG.warning(
                "Made the key file %s. Back it up apart from the database: without it every stored"
                " session is lost, and with both anyone can read them.",
                self.path,
            )

    def text(self) -> str:
        """The file's text. Raises: StartRefused, also when there is none."""
        text = read_private(self.path)
        if text is None:
            raise StartRefused(f"{self.name} is not there. {MEND}")
        return text

    def mark(self) -> object:
        """The file's identity and age: writing it anew changes them."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class KeyVariable:
    """A text in the environment; where a newline is hard to write, `;` ends a line as well."""

    __slots__ = ("_given",)

    name: Final = f"The text of {VARIABLE}"

    def __init__(self, given: Secret) -> None:
        self._given = given

    def text(self) -> str:
        """The text."""
        return self._given.reveal().replace(";", "\n")

    def mark(self) -> object:
        """Nothing: the environment of a process never changes."""
        return None


class KeyCommand:
    """A command that prints the text. It is run without a shell and without our own settings."""

    __slots__ = ("_arguments", "_seconds")

    name: Final = f"What the command of {COMMAND} prints"

    def __init__(self, arguments: Sequence[str], *, seconds: float) -> None:
        self._arguments = tuple(arguments)
        self._seconds = seconds

    def text(self) -> str:
        """What the command prints, within its deadline.

        Its errors go to our own standard error, unread: they may hold more than a log should.
        Raises: StartRefused.
        """
        try:
            process = subprocess.Popen(  # noqa: S603  (the operator's own command)
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                env={name: value for name, value in os.environ.items() if name[:4] != "SCP_"},
                start_new_session=True,
            )
        except (OSError, ValueError) as exc:
            told = exc.strerror if isinstance(exc, OSError) else "it has a NUL character"
            raise self._refused(f"cannot be run ({told})") from exc
        return self._decoded(self._printed(process))

    def mark(self) -> object:
        """Nothing: whether it would print something else only running it tells."""
        return None

    def _printed(self, process: subprocess.Popen[bytes]) -> bytes:
        try:
            printed, _ = process.communicate(timeout=self._seconds)
        except subprocess.TimeoutExpired:
            raise self._refused(f"did not end within {self._seconds:g} seconds") from None
        finally:
            _end_all(process)
        if process.returncode != 0:
            raise self._refused(f"failed with exit status {process.returncode}")
        return printed

    def _decoded(self, printed: bytes) -> str:
        if not printed.strip():
            raise self._refused("printed nothing")
        if len(printed) > MOST_BYTES:
            raise self._refused("printed far more than keys")
        return printed.decode("utf-8", "replace")

    def _refused(self, fault: str) -> StartRefused:
        return StartRefused(
            f"The command of {COMMAND} ({self._arguments[0]}) {fault}. Run it by hand, as the user"
            " the server runs as: it must print the text of a key file and exit with 0."
        )


def _end_all(process: subprocess.Popen[bytes]) -> None:
    # A child of the command's may hold our pipe: without its group's end we would wait for it.
    if process.returncode is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
