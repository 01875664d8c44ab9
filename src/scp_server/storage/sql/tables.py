"""The tables. What is sealed says so; everything else may be read by whoever has the file."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    text,
)

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Big: Final = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up only what is spelled INTEGER; that has 64 bits there."""
_SESSION: Final = "sessions.pk"
_ACTIVE: Final = text("state = 'active'")

sessions: Final = Table(
    "sessions",
    METADATA,
    Column("pk", _Big, primary_key=True, autoincrement=True),
    Column("id_hash", LargeBinary, nullable=False, unique=True),
    Column("last4", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("stream_types", Text, nullable=False, comment="JSON array"),
    Column("scopes", Text, nullable=False, comment="JSON array"),
    Column("agent_id", Text),
    Column("account", Text, comment="sealed JSON: issuer, subject, label"),
    Column("account_hash", LargeBinary, index=True, comment="keyed: issuer, subject"),
    Column("endpoints", Text, nullable=False, comment="JSON object"),
    Column("created_at", Double, nullable=False),
    Column("last_used_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Column("ended_at", Double),
    # No foreign key: SQLite cannot add one to a table that is there. Agents are never deleted.
    Column("agent_pk", _Big, index=True),
    # Keys are never given out again: sealed values and audit rows name them.
    sqlite_autoincrement=True,
)

agents: Final = Table(
    "agents",
    METADATA,
    Column("pk", _Big, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("key_hash", LargeBinary, unique=True, comment="keyed; null: revoked"),
    Column("last4", Text, nullable=False),
    Column("stream_types", Text, comment="JSON array; null: all"),
    Column("opens", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    sqlite_autoincrement=True,
)

vault: Final = Table(
    "vault",
    METADATA,
    Column("session_pk", _Big, ForeignKey(_SESSION, ondelete="CASCADE"), primary_key=True),
    Column("wrapped_key", Text, nullable=False, comment="the session's data key, wrapped"),
    Column("tokens", Text, comment="sealed JSON"),
    Column("version", Integer, nullable=False),
)

consent_requests: Final = Table(
    "consent_requests",
    METADATA,
    Column("token_hash", LargeBinary, primary_key=True),
    Column(
        "session_pk", _Big, ForeignKey(_SESSION, ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("request", Text, nullable=False, comment="sealed JSON"),
    Column("expires_at", Double, nullable=False, index=True),
)

streams: Final = Table(
    "streams",
    METADATA,
    Column("stream_id", Text, primary_key=True),
    Column(
        "session_pk", _Big, ForeignKey(_SESSION, ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("stream_type", Text, nullable=False),
    Column("config", Text, nullable=False, comment="sealed JSON"),
    Column("state", Text, nullable=False, index=True),
    Column("state_reason", Text),
    Column("error", Text, comment="sealed JSON"),
    Column("items_streamed", BigInteger, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("last_activity", Double, nullable=False),
    Column("ended_at", Double),
)

one_active: Final = Index(
    "uq_streams_one_active",
    streams.c.session_pk,
    streams.c.stream_type,
    unique=True,
    sqlite_where=_ACTIVE,
    postgresql_where=_ACTIVE,
)
"""One stream of a type runs per session."""

ledger: Final = Table(
    "ledger",
    METADATA,
    Column("seq", _Big, primary_key=True, autoincrement=True),
    Column("stream_id", Text, ForeignKey("streams.stream_id", ondelete="CASCADE"), nullable=False),
    Column("epoch", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("items", BigInteger, nullable=False),
    Column("place", Text, nullable=False, comment="sealed JSON"),
    Column("saved_at", Double, nullable=False),
    Column(
        "noted",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="written to consumers, not proven",
    ),
    Index("ix_ledger_place", "stream_id", "epoch", "n"),
    Index("ix_ledger_seq", "stream_id", "seq"),
    sqlite_autoincrement=True,
)

audit: Final = Table(
    "audit",
    METADATA,
    Column("seq", _Big, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    # No foreign key: the trail outlives sessions and streams.
    Column("session_pk", _Big),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("stream_id", Text),
    Column("stream_type", Text),
    Column("items", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False, comment="bytes"),
    Column("item_ids", LargeBinary, nullable=False, comment="keyed hashes, 16 bytes each"),
    Column("chain", BigInteger, comment="of audit_chains; none: older than the chains"),
    Column("n", BigInteger, comment="place in its chain, from 1"),
    Column("hash", LargeBinary, comment="keyed, over the row and the hash before it"),
    Index("ix_audit_session", "session_pk", "seq"),
    sqlite_autoincrement=True,
)
"""Appended to, never changed: triggers refuse it (see migration 0004)."""

audit_chains: Final = Table(
    "audit_chains",
    METADATA,
    Column("chain", _Big, primary_key=True, autoincrement=True),
    Column("started_at", Double, nullable=False),
    Column("links", Text, nullable=False, comment="JSON: heads of other chains at its beginning"),
    Column("n", BigInteger, nullable=False, comment="rows written so far"),
    Column("hash", LargeBinary, nullable=False, comment="of the last row"),
    Column("seal", LargeBinary, nullable=False, comment="keyed hash of this record"),
    sqlite_autoincrement=True,
)

audit_purges: Final = Table(
    "audit_purges",
    METADATA,
    Column("chain", BigInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, comment="the last row that was purged"),
    Column("hash", LargeBinary, nullable=False, comment="of that row"),
    Column("at", Double, nullable=False),
    Column("seal", LargeBinary, nullable=False, comment="keyed hash of this record"),
)

audit_salts: Final = Table(
    "audit_salts",
    METADATA,
    Column("session_pk", _Big, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False, comment="without it, item hashes tell nothing"),
)

key_checks: Final = Table(
    "key_checks",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("sealed", Text, nullable=False, comment="opens only under this database's keys"),
    Column("hash", LargeBinary, nullable=False),
)

key_holders: Final = Table(
    "key_holders",
    METADATA,
    Column("process", Text, primary_key=True, comment="a random name of a running process"),
    Column("writes", Text, primary_key=True, comment="id of the root key it seals with"),
    Column("reads", Text, nullable=False, comment="ids of all root keys it has"),
    Column("seen_at", Double, nullable=False),
    Column("gone", Boolean, nullable=False),
)
"""Who holds which root keys: a key is not written with before everybody reads it."""
