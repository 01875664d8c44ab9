"""Where this server's keys come from, as its settings say."""

import logging
import shlex
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from scp_server.config.settings import Settings
from scp_server.crypto.sources import KeyCommand, KeyFile, KeySource, KeyVariable

_LOG: Final = logging.getLogger(__name__)


def key_source(settings: Settings) -> KeySource:
    """The one source of the settings. They are checked: there is exactly one."""
    if settings.keys is not None:
        return KeyVariable(settings.keys)
    if settings.key_command is not None:
        arguments = shlex.split(settings.key_command)
        return KeyCommand(arguments, seconds=settings.key_command_seconds)
    return KeyFile(settings.key_file or settings.data_dir / "keys")


def first_keys(settings: Settings, source: KeySource) -> None:
    """Make the key file at the very first start, when there is no database yet.

    Raises: StartRefused when it cannot be written.
    """
    if isinstance(source, KeyFile):
        database = database_file(settings)
        if not database.exists() or database.stat().st_size == 0:
            source.make()
    elif (left := settings.data_dir / "keys").exists():
        _LOG.warning("%s is not used: the keys come from elsewhere. Remove it.", left)


def database_file(settings: Settings) -> Path:
    """The file of the database. The settings are checked: it is SQLite's."""
    return Path(make_url(settings.database_url).database or "")
