"""Rotating the root keys beside running servers, step by step; each step can be done again.

    next      the new key is in the file: everybody reads it, nobody writes with it
    first     once all running servers have it, it is the one that writes
    rewrapped once all of them write with it, every data key is wrapped by it
    retired   once nothing is under the old key any more, its line goes

Killed anywhere, the same command goes on where it was.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Engine

from scp_server.config.key_source import key_source
from scp_server.config.settings import Settings
from scp_server.crypto.envelope import KeyringEnvelopes
from scp_server.crypto.key_lines import new_line, with_next, with_next_first, without
from scp_server.crypto.keyring import Keyring
from scp_server.crypto.private_files import alone, replace_private
from scp_server.crypto.seals import KeyringSeals
from scp_server.crypto.sources import KeyFile, KeySource, read_keyring
from scp_server.domain.errors import StartRefused
from scp_server.storage.sql import root_keys, sqlite
from scp_server.storage.sql.root_keys import SEAL_SECONDS, Holder, Under
from scp_server.storage.sql.upkeep import upkeep

POLL_SECONDS: Final = 0.25
AGAIN: Final = "Run the same command again to go on."

Say = Callable[[str], None]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """One root key, and what hangs on it."""

    kid: str
    role: str
    """`writes`, `reads`, `next`, `missing`, or `damaged`: then what is counted names no key."""
    under: Under
    last_written: float | None
    writers: int
    """Running processes that write with it."""

    def obstacles(self, *, now: float, cursors: bool) -> Iterator[str]:
        """Why it cannot be retired yet; `cursors`: whether those given out are to stay good."""
        if self.role == "writes":
            yield "it is the key that writes: `securecontext keys rotate` puts another in its place"
        if self.under:
            yield (
                f"{self.under.data_keys} data keys and {self.under.checks} checks are under it:"
                " `securecontext keys rewrap` moves them"
            )
        if self.writers:
            yield f"{self.writers} running processes write with it: let them read the keys again"
        until = (self.last_written or 0.0) + SEAL_SECONDS
        if cursors and until > now:
            yield (
                f"cursors sealed with it are good until {moment(until)}: wait, or refuse them with"
                " --forget-cursors"
            )


class KeyDesk:
    """The keys and the database, for the commands.

    Raises: StartRefused when they do not belong together.
    """

    def __init__(self, source: KeySource, engine: Engine) -> None:
        self.source = source
        self.ring = read_keyring(source)
        self._engine = engine
        # To look is not to keep a running server from writing.
        self._reading = engine.execution_options(**{sqlite.READ_ONLY: True})
        with self._reading.begin() as connection:
            root_keys.need_own(connection, KeyringSeals(self.ring))

    @property
    def file(self) -> KeyFile:
        """The key file. Raises: StartRefused when the keys come from elsewhere."""
        if not isinstance(self.source, KeyFile):
            raise StartRefused(f"{self.source.name} cannot be changed from here.")
        return self.source

    def states(self) -> list[KeyState]:
        """Every sealing key there is, and every one that is needed and is not there."""
        ring = self.ring
        with self._reading.begin() as connection:
            under = root_keys.under(connection, KeyringSeals(ring))
            written = root_keys.last_written(connection)
            holders = root_keys.holders(connection, now=time.time())
        return [
            KeyState(
                kid=kid,
                role=_role(ring, kid),
                under=under.get(kid, Under()),
                last_written=written.get(kid),
                writers=sum(holder.writes == kid for holder in holders),
            )
            for kid in (*ring.kids, *(set(under) - set(ring.kids)))
        ]

    def holders(self) -> list[Holder]:
        """The running processes."""
        with self._reading.begin() as connection:
            return root_keys.holders(connection, now=time.time())

    def unfinished(self) -> bool:
        """Whether something that opens is under another key than the one that writes."""
        return any(state.under for state in self.states() if state.role in ("reads", "next"))

    def add(self) -> str:
        """Put a new key of kind `next` into the file; the one that waits there already, if any."""
        if self.ring.waiting_kid is None:
            line = f"{new_line('next')}  # made on {datetime.now(UTC):%Y-%m-%d}"
            self._rewrite(with_next(self.file.text(), line))
        return self.ring.waiting_kid or ""

    def promote(self) -> None:
        """Let the key that waits be the one that writes."""
        self._rewrite(with_next_first(self.file.text()))

    def remove(self, kid: str) -> None:
        """Take a key's line out of the file."""
        self._rewrite(without(self.file.text(), kid))

    def wait_for(self, done: Callable[[Holder], bool], what: str, seconds: float) -> None:
        """Wait until all running processes are so far. Raises: StartRefused, naming who is not."""
        until = time.monotonic() + seconds
        while late := [holder for holder in self.holders() if not done(holder)]:
            if time.monotonic() > until:
                names = ", ".join(
                    f"{each.process} (last heard of at {moment(each.seen_at)})" for each in late
                )
                raise StartRefused(
                    f"These servers have not {what}: {names}. Look at their logs; a server on"
                    f" another machine needs the key file as it is here now. {AGAIN}"
                )
            time.sleep(POLL_SECONDS)

    def need_readers(self) -> None:
        """Check that no running process would be left without the key. Raises: StartRefused."""
        kid = self.ring.current_kid
        self.wait_for(lambda holder: kid in holder.reads, f"read the key {kid} yet", 0)

    def rewrap(self, *, at_once: int, progress: Progress) -> tuple[int, list[int]]:
        """Wrap every data key by the key that writes, and seal the check with it.

        Returns how many, and the sessions whose data keys do not open. Raises: StartRefused.
        """
        moved, broken = 0, set[int]()
        while count := self._pass(at_once, progress, broken):
            # Somebody may still have written with the old key behind our back.
            moved += count
        # No copy under the old key is left in the log; the database overwrites what it deletes.
        sqlite.truncate_log(self._engine)
        # Last: as long as it is under the old key, the rotation is unfinished.
        with self._engine.begin() as connection:
            root_keys.rewrap_check(connection, KeyringSeals(self.ring))
        return moved, sorted(broken)

    def _pass(self, at_once: int, progress: Progress, broken: set[int]) -> int:
        envelopes, current = KeyringEnvelopes(self.ring), self.ring.current_kid
        after: int | None = 0
        moved = 0
        while after is not None:
            with self._engine.begin() as connection:
                batch = root_keys.rewrap(connection, envelopes, current, after=after, most=at_once)
            moved += batch.rewrapped
            broken.update(batch.broken)
            progress(batch.rewrapped)
            after = batch.last
        return moved

    def end_under(self, kid: str) -> int:
        """End the sessions under a key that is lost. Returns how many."""
        with self._engine.begin() as connection:
            ended = root_keys.end_under(connection, kid, now=time.time())
            root_keys.rewrap_check(connection, KeyringSeals(self.ring))
        return ended

    def _rewrite(self, text: str) -> None:
        replace_private(self.file.path, text)
        self.ring = read_keyring(self.source)


@contextmanager
def key_desk(settings: Settings) -> Iterator[KeyDesk]:
    """The desk for the settings' keys and database. Raises: StartRefused."""
    with upkeep(settings.database_url) as engine:
        yield KeyDesk(key_source(settings), engine)


def rotate(desk: KeyDesk, say: Say, *, seconds: float, prepare: bool) -> None:
    """Take the file's steps of a rotation: everything but the rewrapping. Raises: StartRefused."""
    with alone(desk.file.path):
        if desk.ring.waiting_kid is None and desk.unfinished():
            say(f"A rotation to {desk.ring.current_kid} is unfinished: this finishes it.")
        else:
            _turn(desk, say, seconds=seconds, prepare=prepare)
        if prepare:
            return
        kid = desk.ring.current_kid
        desk.wait_for(lambda holder: holder.writes == kid, f"begun to write with {kid}", seconds)


def _turn(desk: KeyDesk, say: Say, *, seconds: float, prepare: bool) -> None:
    old, begun = desk.ring.current_kid, desk.ring.waiting_kid is None
    kid = desk.add()
    path = desk.file.path
    say(f"The key {kid} {'was added to' if begun else 'waits in'} {path}; back that file up now.")
    if prepare:
        say("It is not written with yet. Run `securecontext keys rotate` to go on.")
        return
    desk.wait_for(lambda holder: kid in holder.reads, f"read the key {kid} yet", seconds)
    desk.promote()
    say(f"The key {kid} writes now; {old} is still read with.")


def moment(at: float) -> str:
    """A time in words: UTC, to the minute."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _role(ring: Keyring, kid: str) -> str:
    if kid not in ring.kids:
        return kid if kid == root_keys.DAMAGED else "missing"
    if kid == ring.current_kid:
        return "writes"
    return "next" if kid == ring.waiting_kid else "reads"
