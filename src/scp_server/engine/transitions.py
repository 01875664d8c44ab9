"""The life of a stream, as one pure function.

    STARTING --Bookmarked--> BACKFILLING --last step--> FOLLOWING      (real_time)
        ^                         |       `-----------> READ           (otherwise)
        |                         |
        +--- Failed(START_OVER) --+------ also from FOLLOWING

While backfilling, changes are followed as well: a `ChangesRead` moves `ahead` and nothing else.
What a backfill shows after that may be older than what was told meanwhile; unless its steps are
known to be `current`, following goes on at `since`, where the backfill began: the changes come
again, and the last word on each item is the newest.
Everything that decides where a stream goes next is in this file. `Emit` and `Announce` come before
the new place is marked, so that a crash between the two repeats a step and loses none.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import msgspec

from scp_server.domain.changes import Change, Followed, Skipped, Step
from scp_server.domain.errors import ProviderError, Remedy
from scp_server.domain.streams import Phase, Place, Position
from scp_wire.codes import ErrorCode
from scp_wire.events import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was asked for, as far as it decides the way."""

    real_time: bool
    max_results: int | None


# Events: what the runner tells us.
@dataclass(frozen=True, slots=True)
class Bookmarked:
    """The place to follow from later. None when nothing is to be followed."""

    since: Position | None


@dataclass(frozen=True, slots=True)
class StepRead:
    """A few items of what is there."""

    step: Step


@dataclass(frozen=True, slots=True)
class ChangesRead:
    """What changed since the last look."""

    followed: Followed


@dataclass(frozen=True, slots=True)
class Failed:
    """The provider said no; `attempt` counts the failures in a row, from 1.

    `faults`: how many of them were not of the kind that passes by itself.
    """

    error: ProviderError
    attempt: int
    faults: int


Event = Bookmarked | StepRead | ChangesRead | Failed


# Commands: what the runner is to do, in this order, before it marks the new place.
@dataclass(frozen=True, slots=True)
class Emit:
    """Put items into the window."""

    changes: tuple[Change, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class SetAside:
    """Tell that an item could not be read, and go on without it."""

    skipped: Skipped


class Announcement(Enum):
    """A control event to put into the window."""

    COMPLETED = auto()
    GAP = auto()
    RESUMED = auto()


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the consumers."""

    what: Announcement


@dataclass(frozen=True, slots=True)
class Retry:
    """Wait as the error asks, then ask again."""

    error: ProviderError
    attempt: int


@dataclass(frozen=True, slots=True)
class Park:
    """Wait until the user has consented again."""

    error: ProviderError


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The stream ends as failed."""

    error: ProviderError


Command = Emit | SetAside | Announce | Retry | Park | GiveUp
Transition = tuple[Place, tuple[Command, ...]]

MAX_FAULTS: Final = 8
"""Failures in a row that are not of the passing kind before a stream gives up."""


class UnexpectedEvent(RuntimeError):
    """The runner broke the protocol: a fault of ours, never of the provider."""


def step(place: Place, event: Event, plan: Plan) -> Transition:
    """Where a stream at `place` goes on after `event`."""
    match place.phase, event:
        case _, Failed():
            return _mended(place, event)
        case Phase.STARTING, Bookmarked(since):
            return msgspec.structs.replace(place, phase=Phase.BACKFILLING, since=since), ()
        case Phase.BACKFILLING, StepRead(read):
            return _backfilled(place, read, plan)
        case ((Phase.BACKFILLING | Phase.FOLLOWING), ChangesRead(followed)):
            return _followed(place, followed, plan)
        case _:
            raise UnexpectedEvent(f"{type(event).__name__} while {place.phase}")


def _emit(
    changes: tuple[Change, ...], skipped: tuple[Skipped, ...], origin: Origin
) -> tuple[Command, ...]:
    emitted: tuple[Command, ...] = (Emit(changes, origin),) if changes else ()
    return (*emitted, *map(SetAside, skipped))


def _backfilled(place: Place, read: Step, plan: Plan) -> Transition:
    changes = read.changes
    if plan.max_results is not None:
        changes = changes[: plan.max_results - place.taken]
    taken = place.taken + len(changes)
    moved = msgspec.structs.replace(place, resume=read.resume, taken=taken)
    commands = _emit(changes, read.skipped, Origin.BACKFILL)
    full = plan.max_results is not None and taken >= plan.max_results
    if read.resume is not None and not full:
        return moved, commands
    ended = (Announce(Announcement.RESUMED),) if place.recovering else ()
    if plan.real_time:
        since = (place.ahead or place.since) if read.current else place.since
        followed = msgspec.structs.replace(
            moved, phase=Phase.FOLLOWING, since=since, ahead=None, resume=None, recovering=False
        )
        return followed, (*commands, *ended)
    # A step that was cut short is begun again by whoever goes on from here: repeats, no hole.
    whole = len(changes) == len(read.changes)
    completed = msgspec.structs.replace(
        moved,
        phase=Phase.READ,
        resume=read.resume if whole else place.resume,
        cut=not whole or read.resume is not None,
        capped=whole and read.capped,
        recovering=False,
    )
    return completed, (*commands, *ended, Announce(Announcement.COMPLETED))


def _followed(place: Place, followed: Followed, plan: Plan) -> Transition:
    commands = _emit(followed.changes, followed.skipped, Origin.LIVE)
    if place.phase is Phase.BACKFILLING:
        return msgspec.structs.replace(place, ahead=followed.since), commands
    moved = msgspec.structs.replace(place, since=followed.since)
    if plan.real_time or followed.more:
        return moved, commands
    # It began at the cursor of a stream that followed, and was not asked to: it has caught up.
    completed = msgspec.structs.replace(moved, phase=Phase.READ)
    return completed, (*commands, Announce(Announcement.COMPLETED))


def _mended(place: Place, failed: Failed) -> Transition:
    error = failed.error
    match error.remedy:
        case Remedy.WAIT | Remedy.BACK_OFF:
            if passes(error) or failed.faults < MAX_FAULTS:
                return place, (Retry(error, failed.attempt),)
            return place, (GiveUp(error),)
        case Remedy.ASK_OPERATOR:
            return place, (Retry(error, failed.attempt),)
        case Remedy.START_OVER:
            return Place(recovering=True), (Announce(Announcement.GAP),)
        case Remedy.ASK_USER:
            return place, (Park(error),)
        case Remedy.GIVE_UP:
            return place, (GiveUp(error),)


def passes(error: ProviderError) -> bool:
    """Whether a failure is of the kind that passes by itself, or once the operator acts."""
    passing = {ErrorCode.PROVIDER_RATE_LIMITED, ErrorCode.PROVIDER_UNAVAILABLE}
    return error.code in passing or error.remedy is Remedy.ASK_OPERATOR


def adopted(place: Place, plan: Plan) -> Place:
    """A place that another stream's cursor brought, as this stream goes on from it.

    A reading that was not followed has no place to follow from. What changed since could be missed
    by one that is to follow, so it begins again: repeats carry the same `change_id`. A backfill
    that `max_results` ended goes on, and the new stream's bound counts its own items only.
    """
    if plan.real_time and place.since is None:
        return Place()
    if place.phase is Phase.READ and place.cut:
        place = msgspec.structs.replace(place, phase=Phase.BACKFILLING, cut=False)
    if place.phase is not Phase.BACKFILLING:
        return place
    if not plan.real_time:
        place = msgspec.structs.replace(place, since=None, ahead=None)
    return msgspec.structs.replace(place, taken=0)
