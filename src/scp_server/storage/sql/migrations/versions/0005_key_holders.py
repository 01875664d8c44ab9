"""Which running process holds which root keys."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody is known yet: servers speak up when they start."""
    op.create_table(
        "key_holders",
        sa.Column("process", sa.Text, nullable=False, comment="a random name of a running process"),
        sa.Column("writes", sa.Text, nullable=False, comment="id of the root key it seals with"),
        sa.Column("reads", sa.Text, nullable=False, comment="ids of all root keys it has"),
        sa.Column("seen_at", sa.Double, nullable=False),
        sa.Column("gone", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("process", "writes", name="pk_key_holders"),
    )
