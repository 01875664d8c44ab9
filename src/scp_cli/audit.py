"""`securecontext audit`: the audit trail, verified, exported, purged and erased from."""

import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import anyio
import click

from scp_server.config.key_source import key_source
from scp_server.config.load import load
from scp_server.crypto.seals import KeyringSeals
from scp_server.crypto.sources import read_keyring
from scp_server.domain.errors import StartRefused, StorageUnavailable
from scp_server.storage.sql.audit_keeping import AuditKeeping, Slice
from scp_server.storage.sql.audit_marks import Head
from scp_server.storage.sql.audit_verify import Verified
from scp_server.storage.sql.database import open_keeping
from scp_server.storage.sql.root_keys import need_own
from scp_server.storage.sql.upkeep import upkeep
from scp_server.telemetry.clock import SystemClock

T = TypeVar("T")

SECONDS_A_DAY: Final = 86_400.0
ACTOR: Final = "operator"


class Moment(click.ParamType[float]):
    """A day or a time; without a zone it is UTC. In epoch seconds."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail("write it as 2026-11-23 or 2026-11-23T14:30:00Z", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@click.group()
def audit() -> None:
    """Look after the audit trail: verify it, export it, purge old rows, erase a session.

    Works on the database and the keys of the SCP_ settings, as the user the server runs as, with
    the server running or not. docs/audit.md tells what the trail holds and what verifying proves.
    """


@audit.command()
@click.option("--since", type=Moment(), help="Look only at rows from this time on.")
@click.option(
    "--head",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An export kept elsewhere: what it tells of must still be there.",
)
def verify(*, since: float | None, head: Path | None) -> None:
    """Check that no row was changed, moved, added or taken away.

    Names the first row that is not as it was written, and exits with 1.
    """

    async def work(keeping: AuditKeeping) -> Verified:
        return await keeping.verify(since=since, known=_known(keeping, head) if head else ())

    found = _with_keeping(work)
    click.echo(f"{found.rows} rows in {found.chains} chains were looked at.")
    if found.purged:
        click.echo(f"{found.purged} rows are gone because they were purged.")
    if found.unchained:
        click.echo(f"{found.unchained} rows are older than the chains: nothing protects them.")
    if found.fault is not None:
        raise click.ClickException(found.fault.message)
    click.echo("The trail is whole." if since is None else "The trail is whole since then.")
    if head is None:
        click.echo(
            "An older copy of the whole database would look the same: compare with an export that"
            " is kept elsewhere (--head)."
        )


@audit.command()
@click.option("--session", type=click.IntRange(1), help="Only rows of this session (its number).")
@click.option("--since", type=Moment(), help="Only rows from this time on.")
@click.option("--until", type=Moment(), help="Only rows before this time.")
@click.option(
    "--output",
    default="-",
    show_default=True,
    type=click.Path(dir_okay=False, allow_dash=True),
    help="A file that appears when it is complete, or - for standard output.",
)
def export(*, session: int | None, since: float | None, until: float | None, output: str) -> None:
    """Write rows as lines of JSON; the last line is a sealed manifest with counts and heads."""
    rows = Slice(session_pk=session, since=since, until=until)
    with _written(output) as file:
        count = _with_keeping(lambda keeping: keeping.export(file.write, rows))
    if output != "-":
        click.echo(f"{count} rows were written to {output}.")


@audit.command()
@click.option(
    "--days",
    type=click.FloatRange(min=0),
    help="Delete rows older than this; SCP_AUDIT_DAYS unless given.",
)
def purge(*, days: float | None) -> None:
    """Delete old rows from the beginning of the trail, so that what is left still verifies."""
    kept = load_days() if days is None else days
    if not kept and days is None:
        raise click.ClickException("SCP_AUDIT_DAYS is 0: rows are kept for ever. Give --days.")
    before = SystemClock().now() - kept * SECONDS_A_DAY
    gone = _with_keeping(lambda keeping: keeping.purge(before=before, actor=ACTOR))
    click.echo(f"{gone.rows} rows were purged.")
    if gone.fault is not None:
        raise click.ClickException(f"{gone.fault.message} Nothing is purged from there on.")


@audit.command()
@click.argument("session", type=click.IntRange(1))
def erase(*, session: int) -> None:
    """Make the item hashes in a session's rows tell nothing any more, for good.

    SESSION is its number, as exports and the operator's GET /api/audit show it. End the session
    first: what it is still sent gets new hashes.
    """
    done = _with_keeping(lambda keeping: keeping.erase(session, actor=ACTOR))
    told = "tell nothing any more" if done else "told nothing already"
    click.echo(f"The item hashes of session {session} {told}.")


def load_days() -> float:
    """How long rows are kept, as the settings say."""
    try:
        return load(os.environ).audit_days
    except StartRefused as refusal:
        raise click.ClickException(str(refusal)) from refusal


def _known(keeping: AuditKeeping, path: Path) -> list[Head]:
    try:
        with path.open("rb") as lines:
            return keeping.manifest(lines)
    except ValueError as fault:
        raise click.ClickException(
            f"{path} is no export of this server, or not the whole of it ({fault})."
        ) from fault


def _with_keeping(work: Callable[[AuditKeeping], Awaitable[T]]) -> T:
    async def run() -> T:
        settings = load(os.environ)
        seals = KeyringSeals(read_keyring(key_source(settings)))
        with upkeep(settings.database_url) as engine:
            with engine.begin() as connection:
                need_own(connection, seals)
            async with open_keeping(engine, seals=seals, clock=SystemClock()) as keeping:
                return await work(keeping)

    try:
        return anyio.run(run)
    except (StartRefused, StorageUnavailable) as refusal:
        raise click.ClickException(str(refusal)) from refusal


@contextmanager
def _written(output: str) -> Iterator[BinaryIO]:
    """A file that is there as a whole or not at all, readable by its owner only."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(output)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        made.replace(target)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
