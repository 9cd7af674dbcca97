"""Postgres: predictions, ground truth, the projection of the keys, and how far each log has been stored."""

from infra.database.engine import create_db_engine, create_db_session
from infra.database.migrate import init_db
from infra.database.monitoring import MonitoringRepository
from infra.database.repository import FeedbackRepository
from infra.database.retrainings import RetrainingRepository
from infra.database.store import PostgresStore

__all__ = [
    "FeedbackRepository",
    "MonitoringRepository",
    "PostgresStore",
    "RetrainingRepository",
    "create_db_engine",
    "create_db_session",
    "init_db",
]
