"""Rows of streams and ledgers: sealed and opened."""

from typing import Any, Final

import msgspec
from sqlalchemy import Row, Select, select

from scp_server.domain.streams import LedgerRow, Place, Stream, StreamConfig, StreamState
from scp_server.ports.envelopes import Envelopes, Field
from scp_server.storage.sql.tables import streams, vault
from scp_wire.codes import ErrorObject
from scp_wire.filters import FILTERS_OF
from scp_wire.stream_types import Provider, StreamType

SELECT_STREAM: Final[Select[Any]] = select(streams, vault.c.wrapped_key).select_from(
    streams.outerjoin(vault, vault.c.session_pk == streams.c.session_pk)
)


class _StoredConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A StreamConfig whose filters are still JSON: only the type tells which ones they are."""

    stream_type: StreamType
    provider: Provider
    filters: msgspec.Raw
    given_filters: dict[str, Any]
    batch_size: int
    max_results: int | None
    real_time: bool
    rate_limit_per_minute: int
    include_raw: bool
    agent_id: str | None
    agent_verified: bool = False


def stream_values(stream: Stream, key: str, envelopes: Envelopes) -> dict[str, object]:
    """The columns of a new stream.

    Raises: SealBroken.
    """
    error = stream.error
    return {
        "stream_id": stream.stream_id,
        "session_pk": stream.session_pk,
        "stream_type": stream.config.stream_type,
        "config": envelopes.seal(
            key,
            _stream_field(stream.stream_id, stream.session_pk, "config"),
            msgspec.json.encode(stream.config),
        ),
        "state": stream.state,
        "state_reason": stream.state_reason,
        "error": None
        if error is None
        else sealed_error(stream.stream_id, stream.session_pk, error, key=key, envelopes=envelopes),
        "items_streamed": stream.items_streamed,
        "started_at": stream.started_at,
        "last_activity": stream.last_activity,
        "ended_at": stream.ended_at,
    }


def opened_stream(row: Row[Any], envelopes: Envelopes) -> Stream:
    """The stream in a row of `SELECT_STREAM` that has a key.

    Raises: SealBroken.
    """

    def opened(name: str, sealed: str) -> bytes:
        field = _stream_field(row.stream_id, row.session_pk, name)
        return envelopes.open(row.wrapped_key, field, sealed)

    return Stream(
        stream_id=row.stream_id,
        session_pk=row.session_pk,
        config=_config(opened("config", row.config)),
        state=StreamState(row.state),
        state_reason=row.state_reason,
        items_streamed=row.items_streamed,
        started_at=row.started_at,
        last_activity=row.last_activity,
        ended_at=row.ended_at,
        error=None
        if row.error is None
        else msgspec.json.decode(opened("error", row.error), type=ErrorObject),
    )


def sealed_error(
    stream_id: str, session_pk: int, error: ErrorObject, *, key: str, envelopes: Envelopes
) -> str:
    """A stream's error as it is stored.

    Raises: SealBroken.
    """
    field = _stream_field(stream_id, session_pk, "error")
    return envelopes.seal(key, field, msgspec.json.encode(error))


def sealed_place(
    stream_id: str, session_pk: int, row: LedgerRow, *, key: str, envelopes: Envelopes
) -> str:
    """A place as it is stored.

    Raises: SealBroken.
    """
    field = _place_field(stream_id, session_pk, row.epoch, row.n)
    return envelopes.seal(key, field, msgspec.json.encode(row.place))


def opened_place(row: Row[Any], key: str, envelopes: Envelopes) -> LedgerRow:
    """The ledger's row, with its session's key beside it.

    Raises: SealBroken.
    """
    field = _place_field(row.stream_id, row.session_pk, row.epoch, row.n)
    place = msgspec.json.decode(envelopes.open(key, field, row.place), type=Place)
    return LedgerRow(epoch=row.epoch, n=row.n, place=place, items=row.items)


def _config(plain: bytes) -> StreamConfig:
    stored = msgspec.json.decode(plain, type=_StoredConfig)
    filters = msgspec.json.decode(stored.filters, type=FILTERS_OF[stored.stream_type])
    values = {name: getattr(stored, name) for name in _StoredConfig.__struct_fields__}
    return StreamConfig(**(values | {"filters": filters}))


def _stream_field(stream_id: str, session_pk: int, name: str) -> Field:
    return Field(session_pk=session_pk, table="streams", row=stream_id, name=name)


def _place_field(stream_id: str, session_pk: int, epoch: str, n: int) -> Field:
    row = f"{stream_id}/{epoch}/{n}"
    return Field(session_pk=session_pk, table="ledger", row=row, name="place")
