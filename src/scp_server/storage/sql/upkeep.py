"""The database for a command that works on it beside a running server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, make_url

from scp_server.domain.errors import StartRefused, StorageUnavailable
from scp_server.storage.sql import sqlite
from scp_server.storage.sql.failures import border
from scp_server.storage.sql.migrate import alembic_config


@contextmanager
def upkeep(url: str) -> Iterator[Engine]:
    """Open a database that is there and of this release; nothing is made or brought up to date.

    Raises: StartRefused when it is not, or when it cannot be used within.
    """
    path = Path(make_url(url).database or "")
    if not path.exists():
        raise StartRefused(f"There is no database {path} yet: the server makes it. Start it once.")
    engine = create_engine(url, hide_parameters=True)
    sqlite.configure(engine)
    try:
        with border():
            _need_this_release(engine)
            yield engine
    except StorageUnavailable as exc:
        raise StartRefused(f"{exc.message} ({path})") from exc
    finally:
        engine.dispose()


def _need_this_release(engine: Engine) -> None:
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
        head = ScriptDirectory.from_config(alembic_config(connection)).get_current_head()
    if found != head:
        raise StartRefused(
            "The database is of another release. Start the server of this release once; it brings"
            " the database up to date."
        )
