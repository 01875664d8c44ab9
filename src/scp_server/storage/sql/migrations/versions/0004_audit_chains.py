"""The audit trail is chained, and cannot be changed or deleted by a plain statement."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# A row may go only after a purge was recorded up to it; whoever forges that record without the key
# is found by its seal.
_TRIGGERS = (
    """
    CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'rows of the audit trail are never changed'); END
    """,
    """
    CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
    WHEN OLD.chain IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM audit_purges WHERE chain = OLD.chain AND n >= OLD.n
    )
    BEGIN SELECT RAISE(ABORT, 'rows of the audit trail are purged by its own command only'); END
    """,
    """
    CREATE TRIGGER audit_chains_only_grow BEFORE UPDATE ON audit_chains
    WHEN NEW.chain <> OLD.chain OR NEW.started_at <> OLD.started_at OR NEW.links <> OLD.links
        OR NEW.n < OLD.n
    BEGIN SELECT RAISE(ABORT, 'chains of the audit trail only grow'); END
    """,
    """
    CREATE TRIGGER audit_chains_stay BEFORE DELETE ON audit_chains
    BEGIN SELECT RAISE(ABORT, 'chains of the audit trail are never deleted'); END
    """,
    """
    CREATE TRIGGER audit_purges_are_not_changed BEFORE UPDATE ON audit_purges
    BEGIN SELECT RAISE(ABORT, 'purges of the audit trail are never changed'); END
    """,
    """
    CREATE TRIGGER audit_purges_stay BEFORE DELETE ON audit_purges
    BEGIN SELECT RAISE(ABORT, 'purges of the audit trail are never deleted'); END
    """,
)


def upgrade() -> None:
    """Add the chains, what is kept of purges, the salts of item hashes, and the triggers."""
    for name, kind, comment in (
        ("chain", sa.BigInteger, "of audit_chains; none: older than the chains"),
        ("n", sa.BigInteger, "place in its chain, from 1"),
        ("hash", sa.LargeBinary, "keyed, over the row and the hash before it"),
    ):
        op.add_column("audit", sa.Column(name, kind, comment=comment))
    _chains()
    _purges()
    op.create_table(
        "audit_salts",
        sa.Column("session_pk", _BIG, autoincrement=False, nullable=False),
        sa.Column(
            "salt", sa.LargeBinary, nullable=False, comment="without it, item hashes tell nothing"
        ),
        sa.PrimaryKeyConstraint("session_pk", name="pk_audit_salts"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for trigger in _TRIGGERS:
            op.execute(trigger)


def _chains() -> None:
    op.create_table(
        "audit_chains",
        sa.Column("chain", _BIG, autoincrement=True, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column(
            "links", sa.Text, nullable=False, comment="JSON: heads of other chains at its beginning"
        ),
        sa.Column("n", sa.BigInteger, nullable=False, comment="rows written so far"),
        sa.Column("hash", sa.LargeBinary, nullable=False, comment="of the last row"),
        sa.Column("seal", sa.LargeBinary, nullable=False, comment="keyed hash of this record"),
        sa.PrimaryKeyConstraint("chain", name="pk_audit_chains"),
        sqlite_autoincrement=True,
    )


def _purges() -> None:
    op.create_table(
        "audit_purges",
        sa.Column("chain", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False, comment="the last row that was purged"),
        sa.Column("hash", sa.LargeBinary, nullable=False, comment="of that row"),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False, comment="keyed hash of this record"),
        sa.PrimaryKeyConstraint("chain", "n", name="pk_audit_purges"),
    )
