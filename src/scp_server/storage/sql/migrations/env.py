"""What Alembic runs: the migrations, over the connection it was handed."""

from alembic import context

from scp_server.storage.sql.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite changes a table by copying it.
    render_as_batch=True,
)
context.run_migrations()
