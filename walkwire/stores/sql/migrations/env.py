"""What Alembic runs to migrate: on the connection it is handed, in the transaction that is open there (`stores/sql/revision`)."""

from __future__ import annotations

from alembic import context

from walkwire.stores.sql.revision import TABLE
from walkwire.stores.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=TABLE,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
