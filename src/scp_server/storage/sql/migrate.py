"""Bringing the database up to date, at the start."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from scp_server.domain.errors import StartRefused

SCRIPTS: Final = Path(__file__).with_name("migrations")


def migrate(engine: Engine) -> None:
    """Apply the migrations that are missing, all or none.

    Raises: StartRefused when the database was written by a later release.
    """
    with engine.begin() as connection:
        try:
            command.upgrade(alembic_config(connection), "head")
        except CommandError as exc:
            raise StartRefused(
                "The database was written by a later release of this server. Install that release,"
                " or restore a backup from before it."
            ) from exc


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration, without an ini file, over an open connection."""
    config = Config()
    # A "%" would begin an interpolation.
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
