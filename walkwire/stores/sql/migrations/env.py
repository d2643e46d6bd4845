"""The script that Alembic runs: it migrates on the connection and in the transaction that `stores/sql/revision` passes."""

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
