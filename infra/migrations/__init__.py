"""The migrations that Alembic runs; `infra.database.init_db` starts it."""
