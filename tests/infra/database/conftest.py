from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from infra.database import FeedbackRepository, create_db_engine, create_db_session, init_db


@pytest.fixture(scope="module")
def engine(new_database: Callable[[], str]) -> Iterator[Engine]:
    """A migrated database of this module's own."""
    engine = create_db_engine(new_database())
    init_db(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with create_db_session(engine) as session:
        yield session


@pytest.fixture
def repo(session: Session) -> FeedbackRepository:
    return FeedbackRepository(session)
