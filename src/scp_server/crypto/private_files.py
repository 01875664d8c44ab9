"""Files that hold a secret: made whole or not at all, readable by their owner only."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from scp_server.domain.errors import StartRefused

OTHERS: Final = 0o077
"""The permission bits of anybody but the owner."""


def private_directory(path: Path) -> None:
    """Make the directory, readable by its owner only; one that is there stays as it is.

    Raises: StartRefused.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise StartRefused(
            f"The directory {path} cannot be made ({exc.strerror}). Set SCP_DATA_DIR to a"
            " directory this user may write to."
        ) from exc


def create_private(path: Path, text: str) -> bool:
    """Write a new file with mode 0600, durable on return; False when there is one already.

    Raises: StartRefused when it cannot be written.
    """
    private_directory(path.parent)
    try:
        return _create(path, text.encode())
    except OSError as exc:
        raise StartRefused(
            f"The file {path} cannot be written ({exc.strerror}). Make its directory writable for"
            " this user."
        ) from exc


def read_private(path: Path) -> str | None:
    """The file's text; None when there is none.

    Raises: StartRefused when others may read it, or when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & OTHERS:
                raise StartRefused(
                    f"The file {path} holds a secret, but others than its owner can reach it"
                    f" (mode {mode & 0o777:o}). Run: chmod 600 {path}"
                )
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StartRefused(
            f"The file {path} cannot be read ({exc.strerror}). Let the user the server runs as own"
            " it, with mode 600."
        ) from exc


def _create(path: Path, content: bytes) -> bool:
    # Written beside its place and linked into it: a crash leaves no half file, and of two servers
    # that start at once one wins. mkstemp makes the file with mode 0600.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return False
    finally:
        Path(name).unlink()
    _sync_directory(path.parent)
    return True


def _sync_directory(path: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Be the only one that changes this file, as far as others ask too.

    Raises: StartRefused when another process is at it.
    """
    with ExitStack() as stack:
        if os.name == "posix":
            _lock_directory(path.resolve().parent, stack)
        yield


def replace_private(path: Path, text: str) -> None:
    """Put another text in the file's place: a crash leaves the former or the new one, whole.

    Its mode is 0600 and its owner stays; of a link, what it points to is replaced.
    Raises: StartRefused when it cannot be written.
    """
    path = path.resolve()
    beside = path.with_name(f".{path.name}.new")
    try:
        owner = path.stat()
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            if os.name == "posix":
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync_directory(path.parent)
    except OSError as exc:
        raise StartRefused(
            f"The file {path} cannot be written ({exc.strerror}). Run this as the user that owns"
            " it, where its directory can be written."
        ) from exc


def _lock_directory(directory: Path, stack: ExitStack) -> None:
    import fcntl  # noqa: PLC0415  (not on Windows)

    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    stack.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StartRefused(
            f"Another process changes a file in {directory}. Let it end first."
        ) from None
