"""The border: what the driver raises becomes what the core knows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from sqlalchemy import exc as sql

from scp_server.domain.errors import StorageUnavailable
from scp_server.storage.sql import sqlite


class Conflict(Exception):
    """A row that must not be there twice, or that refers to one that is not there."""


UNAVAILABLE: Final[Mapping[type[Exception], str]] = MappingProxyType(
    {
        sql.TimeoutError: "The database is overloaded. Try again.",
        sql.OperationalError: "The database did not answer. Try again.",
        sql.DBAPIError: "The database refused a statement.",
        sql.SQLAlchemyError: "The database could not be used.",
        sqlite.DRIVER_ERROR: "The database could not be used.",
        OSError: "The database's files could not be used.",
    }
)
"""From the particular to the general: the first that fits is said."""


@contextmanager
def border() -> Iterator[None]:
    """Turn every driver error within into StorageUnavailable, or Conflict.

    Raises: StorageUnavailable, Conflict.
    """
    try:
        yield
    except sql.IntegrityError as exc:
        raise Conflict from exc
    except tuple(UNAVAILABLE) as exc:
        told = sqlite.advice(getattr(exc, "orig", exc))
        raise StorageUnavailable(told or _told(exc)) from exc


def _told(exc: Exception) -> str:
    return next(told for kind, told in UNAVAILABLE.items() if isinstance(exc, kind))
