"""`securecontext keys`: the root keys that tokens are sealed with, looked after."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from scp_cli.rotating import KeyDesk, KeyState, key_desk, moment, rotate
from scp_server.config.load import load
from scp_server.crypto.key_lines import new_line
from scp_server.crypto.sources import KeyFile
from scp_server.domain.errors import StartRefused

_AT_ONCE = click.option(
    "--at-once",
    default=200,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Sessions in one transaction: fewer, if the server's writes must wait less.",
)


@click.group()
def keys() -> None:
    """Look after the root keys: see what is under which, rotate them, retire old ones.

    Works on the key source and the database of the SCP_ settings, as the user the server runs as,
    with the server running or not. docs/keys.md tells the whole story.
    """


@keys.command()
def status() -> None:
    """Show each sealing key: what is under it, who writes with it, whether it may be retired.

    Exits with 1 when the database needs a key that is not there.
    """
    with _desk() as desk:
        states, holders = desk.states(), desk.holders()
        click.echo(f"{'key':<10}{'role':<9}{'sessions':>9}{'checks':>8}  last written with")
        for state in states:
            click.echo(_row(state))
        click.echo(f"\nRunning servers: {len(holders)}.", nl=False)
        late = [each.process for each in holders if not each.reads >= set(desk.ring.kids)]
        click.echo(f" Without all of these keys: {', '.join(late)}." if late else "")
        for state in states:
            if state.role == "reads":
                click.echo(_advice(state))
    if any(state.role == "missing" for state in states):
        raise click.ClickException(
            "Some sessions are under a key that is not there. Put it back; if it is lost for good,"
            " end them with `securecontext keys retire <key> --end-sessions`."
        )


@keys.command(name="rotate")
@click.option(
    "--wait",
    "seconds",
    default=90.0,
    show_default=True,
    type=click.FloatRange(0, 3600),
    help="Seconds to wait for running servers to take up a change of the key file.",
)
@click.option(
    "--prepare",
    is_flag=True,
    help="Only add the new key, so that it can be backed up and brought to other machines first.",
)
@_AT_ONCE
def rotate_command(*, seconds: float, prepare: bool, at_once: int) -> None:
    """Put a new sealing key in the place of the one that writes, while servers run.

    Adds the key to the key file, waits until every running server reads it, lets it write, waits
    until every server does, and wraps the data keys of all sessions with it. Interrupted anywhere,
    it goes on where it was when it is run again. The old key stays in the file until it is retired.

    Where the keys come from SCP_KEYS or SCP_KEY_COMMAND, this prints what to do there.
    """
    with _desk() as desk:
        if not isinstance(desk.source, KeyFile):
            click.echo(_by_hand(desk))
            return
        rotate(desk, click.echo, seconds=seconds, prepare=prepare)
        if not prepare:
            _rewrap(desk, at_once)


@keys.command()
@_AT_ONCE
def rewrap(*, at_once: int) -> None:
    """Wrap the data key of every session with the key that writes now.

    The last step of `rotate`; on its own it is for keys that come from SCP_KEYS or SCP_KEY_COMMAND,
    once every server was given the new key. Refused while a running server could not read the
    result. Can be stopped at any time and run again.
    """
    with _desk() as desk:
        _rewrap(desk, at_once)


@keys.command()
@click.argument("kid")
@click.option(
    "--forget-cursors",
    is_flag=True,
    help="Do not wait until the cursors sealed with the key are too old: refuse them.",
)
@click.option(
    "--end-sessions",
    is_flag=True,
    help="The key is lost: end the sessions that are under it. Their users consent again.",
)
def retire(*, kid: str, forget_cursors: bool, end_sessions: bool) -> None:
    """Take a sealing key out of use for good, once nothing needs it.

    Refused, with the reasons, while a session, a running server or a cursor that is still good
    depends on it. Backups of the database from before its rotation need it: keep it with them.
    """
    with _desk() as desk:
        state = next((each for each in desk.states() if each.kid == kid), None)
        if state is None:
            raise StartRefused(f"There is no sealing key {kid}: see `securecontext keys status`.")
        if end_sessions:
            _end(desk, state)
            return
        obstacles = list(state.obstacles(now=time.time(), cursors=not forget_cursors))
        if obstacles:
            raise StartRefused(f"The key {kid} is still needed: {'; '.join(obstacles)}.")
        if not isinstance(desk.source, KeyFile):
            click.echo(f"Nothing needs the key {kid}: its line may go from where the keys are.")
            return
        desk.remove(kid)
        click.echo(f"The key {kid} was taken out of {desk.source.path}. Keep it with old backups.")


def _end(desk: KeyDesk, state: KeyState) -> None:
    if state.role != "missing":
        raise StartRefused(f"The key {state.kid} is not lost: nothing has to end.")
    click.echo(f"{desk.end_under(state.kid)} sessions under {state.kid} were ended.")


def _rewrap(desk: KeyDesk, at_once: int) -> None:
    desk.need_readers()
    kid = desk.ring.current_kid
    total = sum(state.under.data_keys for state in desk.states() if state.kid != kid)
    with click.progressbar(length=total, label=f"Wrapping data keys with {kid}") as bar:
        moved, broken = desk.rewrap(at_once=at_once, progress=bar.update)
    click.echo(f"{moved} data keys were wrapped with {kid}; everything that opens is under it.")
    for state in desk.states():
        if state.role == "reads":
            click.echo(_advice(state))
    if broken:
        raise click.ClickException(
            f"{len(broken)} data keys do not open and were left as they are, those of the sessions"
            f" {', '.join(map(str, broken[:10]))}{', …' if len(broken) > 10 else ''}. Put the keys"
            " they are under back; `securecontext keys status` names them."
        )


def _row(state: KeyState) -> str:
    when = "-" if state.last_written is None else moment(state.last_written)
    if state.writers:
        when = f"now, by {state.writers} running"
    return (
        f"{state.kid:<10}{state.role:<9}{state.under.data_keys:>9}{state.under.checks:>8}  {when}"
    )


def _advice(state: KeyState) -> str:
    obstacles = list(state.obstacles(now=time.time(), cursors=True))
    if obstacles:
        return f"{state.kid} cannot be retired yet: {'; '.join(obstacles)}."
    return f"{state.kid} may be retired: securecontext keys retire {state.kid}"


def _by_hand(desk: KeyDesk) -> str:
    return (
        f"{desk.source.name} cannot be written from here. Where the keys are kept:\n"
        "\n"
        "1. Add this line. Then let every server read the keys again: restart it, or with\n"
        "   SCP_KEY_COMMAND send it SIGHUP.\n"
        f"     {new_line('next')}\n"
        "2. Change its first word to seal, and put it before the other seal line. Let every\n"
        "   server read the keys again.\n"
        "3. Run: securecontext keys rewrap\n"
        f"4. Run: securecontext keys retire {desk.ring.current_kid}\n"
        "   It says when that line may go."
    )


@contextmanager
def _desk() -> Iterator[KeyDesk]:
    try:
        with key_desk(load(os.environ)) as desk:
            yield desk
    except StartRefused as refusal:
        raise click.ClickException(str(refusal)) from refusal
