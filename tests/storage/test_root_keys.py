"""Root keys and what is under them: moved without loss, missed at the start, never mixed up."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine
from support.sealed_rows import many_of_each, one_of_each, opened, sealed_columns, sealed_values
from support.sql_stores import NOW, consented, sql, sql_stores
from support.time_and_chance import TurnedClock

from scp_server.crypto.envelope import KeyringEnvelopes
from scp_server.crypto.key_lines import new_line, new_text, with_next, with_next_first, without
from scp_server.crypto.keyring import Keyring, parse_keys
from scp_server.crypto.seals import KeyringSeals
from scp_server.domain.errors import SealBroken, StartRefused
from scp_server.ports.envelopes import Field
from scp_server.storage.sql import root_keys
from scp_server.storage.sql.root_keys import SEAL_SECONDS, SILENT_SECONDS, Holder, Under

OLD_TEXT = new_text()
BOTH_TEXT = with_next_first(with_next(OLD_TEXT, new_line("next")))


def ring(text: str) -> Keyring:
    return parse_keys(text, "The keys of a test")


OLD = ring(OLD_TEXT)
BOTH = ring(BOTH_TEXT)
NEW_TEXT = without(BOTH_TEXT, OLD.current_kid)
NEW = ring(NEW_TEXT)


def engine_of(path: Path) -> Engine:
    return create_engine(f"sqlite:///{path}")


def batch(path: Path, keyring: Keyring, *, after: int = 0, most: int = 100) -> root_keys.Batch:
    engine = engine_of(path)
    with engine.begin() as connection:
        done = root_keys.rewrap(
            connection, KeyringEnvelopes(keyring), keyring.current_kid, after=after, most=most
        )
    engine.dispose()
    return done


def under(path: Path) -> dict[str, Under]:
    engine = engine_of(path)
    with engine.begin() as connection:
        found = root_keys.under(connection, KeyringSeals(BOTH))
    engine.dispose()
    return found


async def test_every_kind_of_sealed_record_is_among_those_that_are_tested(tmp_path: Path) -> None:
    # Who adds a sealed column adds it to `sealed_rows`, so that rotation is tried on it.
    async with sql_stores(tmp_path / "scp.db", OLD) as stores:
        await one_of_each(stores, "a")
    found = opened(tmp_path / "scp.db", OLD)
    assert {column for column, values in found.items() if values} == sealed_columns()


async def test_after_rewrapping_the_new_key_alone_opens_every_record_as_it_was(
    tmp_path: Path,
) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path, OLD) as stores:
        await many_of_each(stores, 3)
    before = opened(path, OLD)
    first = batch(path, BOTH, most=4)
    assert first.rewrapped == 4
    # Half moved: both keys open everything, neither alone does.
    assert opened(path, BOTH) == before
    for alone in (OLD, NEW):
        with pytest.raises(SealBroken, match="There is no key"):
            opened(path, alone)
    rest = batch(path, BOTH, after=first.last or 0)
    assert rest.rewrapped == 2
    assert opened(path, NEW) == before


async def test_rewrapping_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path, OLD) as stores:
        await many_of_each(stores, 2)
    batch(path, BOTH)
    wrapped = sql(path, "SELECT * FROM vault")
    assert batch(path, BOTH) == root_keys.Batch(last=None, rewrapped=0, broken=())
    assert sql(path, "SELECT * FROM vault") == wrapped


async def test_a_data_key_that_does_not_open_is_told_and_holds_up_none_of_the_others(
    tmp_path: Path,
) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path, OLD) as stores:
        one, other = await one_of_each(stores, "a"), await one_of_each(stores, "b")
    sql(path, "UPDATE vault SET wrapped_key = substr(wrapped_key, 1, 40) WHERE session_pk = ?", one)
    done = batch(path, BOTH)
    assert done.broken == (one,)
    assert done.rewrapped == 1
    assert done.last == other


async def test_it_is_known_how_much_is_under_which_key(tmp_path: Path) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path, OLD) as stores:
        await many_of_each(stores, 2)
    batch(path, BOTH, most=1)
    assert under(path) == {
        OLD.current_kid: Under(data_keys=3, checks=1),
        NEW.current_kid: Under(data_keys=1, checks=0),
    }


@pytest.mark.parametrize("keyring", [OLD, NEW], ids=["old", "new"])
async def test_a_start_without_a_key_that_sessions_are_under_is_refused_naming_it(
    tmp_path: Path, keyring: Keyring
) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path, OLD) as stores:
        await many_of_each(stores, 2)
    batch(path, BOTH, most=1)
    (lost,) = {OLD.current_kid, NEW.current_kid} - {keyring.current_kid}
    with pytest.raises(StartRefused, match=f"not there: {lost} .sessions: "):
        async with sql_stores(path, keyring):
            pass


async def test_a_row_that_names_no_key_at_all_keeps_no_server_from_starting(
    tmp_path: Path,
) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path, OLD) as stores:
        one, other = await one_of_each(stores, "a"), await one_of_each(stores, "b")
    sql(path, "UPDATE vault SET wrapped_key = ? WHERE session_pk = ?", "\x1b[31m rubbish", one)
    async with sql_stores(path, OLD) as stores:
        with pytest.raises(SealBroken):
            await stores.sessions.grant(one)
        assert await stores.sessions.grant(other) is not None
        await stores.keys.suffice([OLD.current_kid])
    assert under(path)[root_keys.DAMAGED] == Under(data_keys=1)


async def test_a_start_with_another_index_key_is_refused_even_with_the_right_sealing_key(
    tmp_path: Path,
) -> None:
    async with sql_stores(tmp_path / "scp.db", OLD):
        pass
    text = "\n".join((*OLD_TEXT.splitlines()[:3], new_line("index")))
    with pytest.raises(StartRefused, match="do not belong to this database"):
        async with sql_stores(tmp_path / "scp.db", ring(text)):
            pass


async def test_a_session_ended_while_its_key_was_rewrapped_stays_ended(tmp_path: Path) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path, OLD) as stores:
        session = await consented(stores.sessions)
    engine = engine_of(path)
    envelopes = KeyringEnvelopes(BOTH)

    class Ending(KeyringEnvelopes):
        """Somebody ends the session between our reading its key and our writing it."""

        def rewrapped(self, session_pk: int, wrapped_key: str) -> str:
            connection.exec_driver_sql(f"DELETE FROM vault WHERE session_pk = {session_pk}")  # noqa: S608
            return envelopes.rewrapped(session_pk, wrapped_key)

    with engine.begin() as connection:
        root_keys.rewrap(connection, Ending(BOTH), BOTH.current_kid, after=0, most=10)
    engine.dispose()
    assert sql(path, "SELECT count(*) FROM vault WHERE session_pk = ?", session.pk) == [(0,)]


async def test_a_server_goes_on_through_a_rotation_with_what_it_remembers(tmp_path: Path) -> None:
    path, keyring = tmp_path / "scp.db", ring(OLD_TEXT)
    async with sql_stores(path, keyring) as stores:
        session = await consented(stores.sessions)
        keyring.renew(BOTH)
        batch(path, BOTH)
        # Remembered under the old key, written under the new one.
        assert await stores.sessions.grant(session.pk) is not None
        keyring.renew(NEW)
        stores.keys.forget()
        grant = await stores.sessions.grant(session.pk)
        assert grant is not None
        assert grant.access_token.reveal() == "ya29.access"


async def test_processes_tell_each_other_which_keys_they_have(tmp_path: Path) -> None:
    clock, path = TurnedClock(NOW), tmp_path / "scp.db"
    engine = engine_of(path)
    async with (
        sql_stores(path, BOTH, clock) as one,
        sql_stores(path, BOTH, clock) as other,
    ):
        await one.keys.hold(writes="old", reads=["old"])
        await other.keys.hold(writes="old", reads=["old", "new"])
        clock.turn(1)
        await other.keys.hold(writes="new", reads=["old", "new"])
        with engine.begin() as connection:
            known = root_keys.holders(connection, now=NOW + 1)
            assert {(each.writes, each.reads) for each in known} == {
                ("old", frozenset({"old"})),
                ("new", frozenset({"old", "new"})),
            }
            assert root_keys.last_written(connection) == {"old": NOW, "new": NOW + 1}
            later = NOW + SILENT_SECONDS
            assert [each.writes for each in root_keys.holders(connection, now=later)] == ["new"]
        await other.keys.let_go()
        with engine.begin() as connection:
            known = root_keys.holders(connection, now=NOW + 1)
            assert [each.writes for each in known] == ["old"]
            # When a key was last written with is known as long as a cursor sealed with it is good.
            process = "c" * 16
            long_after = Holder(
                process=process, writes="new", reads=frozenset(), seen_at=NOW + SEAL_SECONDS
            )
            root_keys.hold(connection, long_after)
            assert set(root_keys.last_written(connection)) == {"old", "new"}
    engine.dispose()


async def test_sessions_under_a_lost_key_can_be_ended_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path, OLD) as stores:
        await many_of_each(stores, 2)
    batch(path, BOTH, most=2)
    engine = engine_of(path)
    with engine.begin() as connection:
        assert root_keys.end_under(connection, OLD.current_kid, now=NOW) == 2
        root_keys.rewrap_check(connection, KeyringSeals(NEW))
    engine.dispose()
    async with sql_stores(path, NEW) as stores:
        states = sql(path, "SELECT state, count(*) FROM sessions GROUP BY state ORDER BY state")
        assert dict(states)["ended"] == 2
        assert await stores.sessions.grant(1) is not None


@dataclass(frozen=True, slots=True)
class Filled:
    """What lies in a database with three sessions that have everything."""

    keys: dict[int, str]
    values: list[tuple[str, Field, str]]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Written by the stores, read from outside."""
    path = tmp_path_factory.mktemp("filled") / "scp.db"

    async def fill() -> None:
        async with sql_stores(path, OLD) as stores:
            for name in ("a", "b", "c"):
                await one_of_each(stores, name)

    anyio.run(fill)
    engine = engine_of(path)
    with engine.connect() as connection:
        values = list(sealed_values(connection))
    engine.dispose()
    return Filled(dict(sql(path, "SELECT session_pk, wrapped_key FROM vault")), values)


def test_no_sealed_value_opens_in_the_place_of_any_other(filled: Filled) -> None:
    envelopes = KeyringEnvelopes(OLD)
    assert len(filled.values) == 3 * 7
    for (_, place, own), (_, _, foreign) in itertools.permutations(filled.values, 2):
        assert envelopes.open(filled.keys[place.session_pk], place, own)
        with pytest.raises(SealBroken):
            envelopes.open(filled.keys[place.session_pk], place, foreign)


def test_no_data_key_opens_in_the_place_of_any_other(filled: Filled) -> None:
    envelopes = KeyringEnvelopes(OLD)
    for pk, other in itertools.permutations(filled.keys, 2):
        assert envelopes.rewrapped(pk, filled.keys[pk])
        with pytest.raises(SealBroken, match="data key"):
            envelopes.rewrapped(pk, filled.keys[other])


@given(data=st.data())
def test_a_value_put_together_from_two_opens_nowhere(filled: Filled, data: st.DataObject) -> None:
    envelopes = KeyringEnvelopes(OLD)
    (_, place, one), (_, _, other) = (data.draw(st.sampled_from(filled.values)) for _ in range(2))
    parts = list(zip(one.split("."), other.split("."), strict=True))
    mixed = ".".join(data.draw(st.sampled_from(pair)) for pair in parts)
    if mixed == one:
        assert envelopes.open(filled.keys[place.session_pk], place, mixed)
    else:
        with pytest.raises(SealBroken):
            envelopes.open(filled.keys[place.session_pk], place, mixed)
