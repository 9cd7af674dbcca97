"""The rows of a retraining, from a real Postgres."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from models.churn import CHURN
from models.manifest import Manifest
from streams.retraining import PlatformDesk
from streams.settings import Settings
from tests.infra.database.migrated import migrated
from tests.infra.database.rows import MOMENT
from tests.streams.test_signals import MINUTE, label

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def engine(new_database: Callable[[], str]) -> Iterator[Engine]:
    with migrated(new_database()) as engine:
        yield engine


@pytest.mark.contract("F4")
def test_they_are_named_by_a_query_that_is_theirs_whenever_they_are_asked_for(
    engine: Engine, unique: Callable[..., str]
) -> None:
    """So that the same rows make the same bundle."""
    champion = Manifest(unique("model"), "v1", 0.5, "any", CHURN, None, {}, None, (), {})
    for minute in range(4):
        label(engine, champion, unique(f"r{minute}"), MOMENT + minute * MINUTE, MOMENT + (9 - minute) * MINUTE)
    desk = PlatformDesk(Settings(), engine)
    rows = desk.rows(champion.name, MOMENT - DAY, MOMENT + DAY, 1)
    assert rows.query == {
        "model": champion.name,
        "first": MOMENT.isoformat(),
        "label_cutoff": (MOMENT + 9 * MINUTE).isoformat(),
    }
    assert desk.rows(champion.name, MOMENT, MOMENT + 9 * MINUTE, 1).source() == rows.source()
    assert len(desk.rows(champion.name, MOMENT, MOMENT + 8 * MINUTE, 1)) == 3
