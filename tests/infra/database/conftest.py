from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from infra.database import FeedbackRepository, PostgresStore, create_db_session
from tests.infra.database.migrated import migrated


@pytest.fixture(scope="module")
def engine(new_database: Callable[[], str]) -> Iterator[Engine]:
    """A migrated database of this module's own."""
    with migrated(new_database()) as engine:
        yield engine


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with create_db_session(engine) as session:
        yield session


@pytest.fixture
def repo(session: Session) -> FeedbackRepository:
    return FeedbackRepository(session)


@pytest.fixture
def topic(unique: Callable[..., str]) -> str:
    """What the rows are said to come from."""
    return unique("topic")


@pytest.fixture
def store(engine: Engine, topic: str) -> PostgresStore:
    """A store that knows the topic's log."""
    return PostgresStore(engine, {topic: topic})


@pytest.fixture
def name(unique: Callable[..., str]) -> str:
    """A request id."""
    return unique("request")
