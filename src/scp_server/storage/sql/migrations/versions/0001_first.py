"""Sessions, vault, consent requests, streams, ledger, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ACTIVE = sa.text("state = 'active'")


def upgrade() -> None:
    """Make the first tables."""
    _sessions()
    _vault()
    _consent_requests()
    _streams()
    _ledger()
    _audit()


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("pk", _BIG, autoincrement=True, nullable=False),
        sa.Column("id_hash", sa.LargeBinary, nullable=False),
        sa.Column("last4", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("stream_types", sa.Text, nullable=False, comment="JSON array"),
        sa.Column("scopes", sa.Text, nullable=False, comment="JSON array"),
        sa.Column("agent_id", sa.Text),
        sa.Column("account", sa.Text, comment="sealed JSON: issuer, subject, label"),
        sa.Column("account_hash", sa.LargeBinary, comment="keyed: issuer, subject"),
        sa.Column("endpoints", sa.Text, nullable=False, comment="JSON object"),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("last_used_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.PrimaryKeyConstraint("pk", name="pk_sessions"),
        sa.UniqueConstraint("id_hash", name="uq_sessions_id_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sessions_account_hash", "sessions", ["account_hash"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])


def _vault() -> None:
    op.create_table(
        "vault",
        sa.Column("session_pk", _BIG, _of_session("vault"), nullable=False),
        sa.Column(
            "wrapped_key", sa.Text, nullable=False, comment="the session's data key, wrapped"
        ),
        sa.Column("tokens", sa.Text, comment="sealed JSON"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("session_pk", name="pk_vault"),
    )


def _consent_requests() -> None:
    op.create_table(
        "consent_requests",
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("session_pk", _BIG, _of_session("consent_requests"), nullable=False),
        sa.Column("request", sa.Text, nullable=False, comment="sealed JSON"),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_consent_requests"),
    )
    op.create_index("ix_consent_requests_session_pk", "consent_requests", ["session_pk"])
    op.create_index("ix_consent_requests_expires_at", "consent_requests", ["expires_at"])


def _streams() -> None:
    op.create_table(
        "streams",
        sa.Column("stream_id", sa.Text, nullable=False),
        sa.Column("session_pk", _BIG, _of_session("streams"), nullable=False),
        sa.Column("stream_type", sa.Text, nullable=False),
        sa.Column("config", sa.Text, nullable=False, comment="sealed JSON"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("state_reason", sa.Text),
        sa.Column("error", sa.Text, comment="sealed JSON"),
        sa.Column("items_streamed", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("last_activity", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.PrimaryKeyConstraint("stream_id", name="pk_streams"),
    )
    op.create_index("ix_streams_session_pk", "streams", ["session_pk"])
    op.create_index("ix_streams_state", "streams", ["state"])
    op.create_index(
        "uq_streams_one_active",
        "streams",
        ["session_pk", "stream_type"],
        unique=True,
        sqlite_where=_ACTIVE,
        postgresql_where=_ACTIVE,
    )


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("seq", _BIG, autoincrement=True, nullable=False),
        sa.Column(
            "stream_id",
            sa.Text,
            sa.ForeignKey("streams.stream_id", name="fk_ledger_stream_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("items", sa.BigInteger, nullable=False),
        sa.Column("place", sa.Text, nullable=False, comment="sealed JSON"),
        sa.Column("saved_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_ledger"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ledger_place", "ledger", ["stream_id", "epoch", "n"])
    op.create_index("ix_ledger_seq", "ledger", ["stream_id", "seq"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", _BIG, autoincrement=True, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("session_pk", _BIG),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("stream_id", sa.Text),
        sa.Column("stream_type", sa.Text),
        sa.Column("items", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False, comment="bytes"),
        sa.Column(
            "item_ids", sa.LargeBinary, nullable=False, comment="keyed hashes, 16 bytes each"
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_session", "audit", ["session_pk", "seq"])
    op.create_table(
        "key_checks",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column(
            "sealed", sa.Text, nullable=False, comment="opens only under this database's keys"
        ),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_key_checks"),
    )


def _of_session(table: str) -> sa.ForeignKey:
    return sa.ForeignKey("sessions.pk", name=f"fk_{table}_session_pk", ondelete="CASCADE")
