"""Refusals: each is counted into a row of the audit trail, and bursts of them are told of.

    note --at once--> counts, suspicion --a second later--> rows

A refusal hands nothing out, so nobody waits for its row. Refusals that are alike and come within
the same second share one, with their number in it: who is refused a thousand times a second does
not fill the disk. What was noted in the last second before a crash is lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import anyio
import structlog

from scp_server.domain.addresses import client_of
from scp_server.domain.errors import ForeignAnswer, ScpError, StorageUnavailable, TicketUsed
from scp_server.domain.suspicion import AlarmValues, Refused, Suspicion
from scp_server.ports.audit import AuditEntry, AuditTrail
from scp_server.ports.clock import Clock
from scp_server.ports.meter import Meter
from scp_server.ports.seals import Seals
from scp_wire.codes import ErrorCode

_LOG: Final = structlog.get_logger("scp.access")

WRITE_EVERY: Final = 1.0
"""Seconds."""
ALIKE: Final = 1024
"""Kinds and culprits told apart until they are written; what is more is counted together."""
ADDRESS_BYTES: Final = 6
"""Of an address' keyed hash: tells culprits apart, and does not say who they are."""
_OTHERS: Final = "address:others"

_KINDS: Final[Mapping[ErrorCode, Refused]] = MappingProxyType(
    {
        ErrorCode.SESSION_REQUIRED: Refused.CREDENTIALS,
        ErrorCode.SESSION_NOT_FOUND: Refused.CREDENTIALS,
        ErrorCode.FORBIDDEN: Refused.CREDENTIALS,
        ErrorCode.INSUFFICIENT_SCOPE: Refused.SCOPE,
        ErrorCode.RATE_LIMIT_EXCEEDED: Refused.LIMITS,
        ErrorCode.STREAM_RATE_LIMITED: Refused.LIMITS,
        ErrorCode.STREAM_NOT_FOUND: Refused.IDS,
    }
)


@dataclass(frozen=True, slots=True)
class _Alike:
    action: str
    actor: str
    session_pk: int | None
    result: str


class Refusals:
    """Takes note of refusals. `run` writes them."""

    def __init__(
        self, audit: AuditTrail, clock: Clock, meter: Meter, seals: Seals, values: AlarmValues
    ) -> None:
        self._audit = audit
        self._clock = clock
        self._meter = meter
        self._seals = seals
        self._suspicion = Suspicion(values)
        self._counts: dict[_Alike, int] = {}
        self._noted = anyio.Event()

    def note(self, error: ScpError, *, host: str, session_pk: int | None = None) -> None:
        """Count an error, if it refuses somebody something. `host`: where they are."""
        what = _kind_of(error)
        if what is None:
            return
        address = client_of(host)
        actor = "session" if session_pk is not None else f"address:{self._hashed(address)}"
        self._count(_Alike(f"refused.{what}", actor, session_pk, error.code.value), 1)
        # A session's address may change, and an address be shared by sessions.
        culprit = actor if session_pk is None else f"session {session_pk}"
        many = self._suspicion.refused(what, culprit, self._clock.monotonic())
        if many is not None:
            self._count(_Alike(f"suspicion.{what}", actor, session_pk, error.code.value), many)
            self._meter.suspected(what.value)
            _LOG.warning(
                "suspicious", what=what.value, who=culprit, from_address=address, times=many
            )

    async def run(self) -> None:
        """Write what is noted, until cancelled; then what is left."""
        try:
            while True:
                await self._noted.wait()
                await anyio.sleep(WRITE_EVERY)
                await self.write()
        finally:
            with anyio.CancelScope(shield=True):
                await self.write()

    async def write(self) -> None:
        """Write what was noted so far; what cannot be written stays noted."""
        counts, self._counts, self._noted = self._counts, {}, anyio.Event()
        now = self._clock.now()
        rows = [
            AuditEntry(
                at=now,
                session_pk=alike.session_pk,
                action=alike.action,
                actor=alike.actor,
                result=alike.result,
                items=count,
            )
            for alike, count in counts.items()
        ]
        try:
            await self._audit.record(*rows)
        except StorageUnavailable:
            for alike, count in counts.items():
                self._count(alike, count)

    def _count(self, alike: _Alike, count: int) -> None:
        if alike not in self._counts and len(self._counts) >= ALIKE:
            alike = _Alike(alike.action, _OTHERS, None, alike.result)
        self._counts[alike] = self._counts.get(alike, 0) + count
        self._noted.set()

    def _hashed(self, address: str) -> str:
        return self._seals.fingerprint("audited address", address.encode())[:ADDRESS_BYTES].hex()


def _kind_of(error: ScpError) -> Refused | None:
    if isinstance(error, ForeignAnswer):
        return Refused.ANSWERS
    if isinstance(error, TicketUsed):
        return Refused.TICKETS
    return _KINDS.get(error.code)
