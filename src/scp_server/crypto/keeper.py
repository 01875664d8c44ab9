"""Keeping the keys of a running server up to date with their source.

A file is looked at every two seconds, a command is run again on SIGHUP only, and the environment of
a process never changes. What is found is taken when it still opens everything that is stored;
otherwise the server goes on with the keys it has, and says why. It tells the others over the same
database which keys it has, so that none is written with before everybody reads it.
"""

import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from anyio import (
    CancelScope,
    Event,
    create_task_group,
    move_on_after,
    open_signal_receiver,
    sleep,
    to_thread,
)

from scp_server.crypto.keyring import Keyring
from scp_server.crypto.sources import KeySource, read_keyring
from scp_server.domain.errors import StartRefused, StorageUnavailable
from scp_server.ports.key_uses import KeyUses

_LOG: Final = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
HOLD_SECONDS: Final = 15.0
"""Who is silent for four times as long counts as gone."""
_HANGUP: Final[int | None] = getattr(signal, "SIGHUP", None)


class KeyKeeper:
    """Renews a keyring while it is in use."""

    def __init__(self, keyring: Keyring, source: KeySource, uses: KeyUses) -> None:
        self._keyring = keyring
        self._source = source
        self._uses = uses
        self._mark = source.mark()
        self._asked = Event()
        keyring.on_unknown(self._gain)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the keys until the context is left."""
        failure: Exception | None = None
        await self._hold()
        async with create_task_group() as tasks:
            tasks.start_soon(self._look)
            tasks.start_soon(self._hold_on)
            if _HANGUP is not None and not sys.stdin.isatty():
                # In a terminal it is the window that was closed: then the server ends.
                tasks.start_soon(self._obey, _HANGUP)
            try:
                yield
            except Exception as exc:  # noqa: BLE001  (raised below, outside: no group around it)
                failure = exc
            tasks.cancel_scope.cancel()
        with CancelScope(shield=True):
            await self._let_go()
        if failure is not None:
            raise failure

    async def renew(self) -> None:
        """Read the source again, and take what it says if nothing is lost by that."""
        mark = self._source.mark()
        try:
            fresh = await to_thread.run_sync(read_keyring, self._source)
            await self._uses.suffice(fresh.kids)
            changed = self._keyring.renew(fresh)
        except StorageUnavailable:
            # Asked again in two seconds.
            return
        except StartRefused as refusal:
            self._mark = mark
            _LOG.error("The keys were not renewed, the former ones stay: %s", refusal.message)
            return
        self._mark = mark
        if changed:
            self._uses.forget()
            _LOG.info(
                "The keys were renewed: %s writes, %d read.", fresh.current_kid, len(fresh.kids)
            )
        await self._hold()

    def _gain(self) -> None:
        # Somebody writes with a key we do not know yet: it is in the file already.
        mark = self._source.mark()
        if mark is None or mark == self._mark:
            return
        try:
            self._keyring.gain(read_keyring(self._source))
        except StartRefused:
            # `renew` comes across it too, and says so.
            return

    async def _look(self) -> None:
        while True:
            with move_on_after(LOOK_SECONDS):
                await self._asked.wait()
            asked = self._asked.is_set()
            self._asked = Event()
            if asked or self._source.mark() != self._mark:
                await self.renew()

    async def _hold_on(self) -> None:
        while True:
            await sleep(HOLD_SECONDS)
            await self._hold()

    async def _obey(self, hangup: int) -> None:
        with open_signal_receiver(signal.Signals(hangup)) as signals:
            async for _ in signals:
                self._asked.set()

    async def _hold(self) -> None:
        try:
            await self._uses.hold(writes=self._keyring.current_kid, reads=self._keyring.kids)
        except StorageUnavailable:
            _LOG.warning("The others could not be told which keys this process has.")

    async def _let_go(self) -> None:
        try:
            await self._uses.let_go()
        except StorageUnavailable:
            _LOG.warning("The others could not be told that this process ends.")
