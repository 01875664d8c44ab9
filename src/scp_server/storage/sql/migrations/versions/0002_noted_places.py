"""Places that were written to consumers and may be named by them later."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tell them from those that are proven, as all were until now."""
    op.add_column(
        "ledger",
        sa.Column(
            "noted",
            sa.Boolean,
            nullable=False,
            server_default=sa.false(),
            comment="written to consumers, not proven",
        ),
    )
