"""Agents and their keys, and the sessions that belong to them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Sessions that are there belong to no agent."""
    op.create_table(
        "agents",
        sa.Column("pk", _BIG, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("key_hash", sa.LargeBinary, comment="keyed; null: revoked"),
        sa.Column("last4", sa.Text, nullable=False),
        sa.Column("stream_types", sa.Text, comment="JSON array; null: all"),
        sa.Column("opens", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("revoked_at", sa.Double),
        sa.PrimaryKeyConstraint("pk", name="pk_agents"),
        sa.UniqueConstraint("name", name="uq_agents_name"),
        sa.UniqueConstraint("key_hash", name="uq_agents_key_hash"),
        sqlite_autoincrement=True,
    )
    op.add_column("sessions", sa.Column("agent_pk", _BIG))
    op.create_index("ix_sessions_agent_pk", "sessions", ["agent_pk"])
