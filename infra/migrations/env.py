"""Runs the migrations on the connection it is given."""

from alembic import context

from infra.database import jobs, labelled, monitored, performance, totals  # noqa: F401 - their tables are among those of Base
from infra.database.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
