"""The schema: made from nothing, twice, at once, and the same as the tables say."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from sqlalchemy import Engine, inspect

from infra.database import PostgresStore, create_db_engine, init_db
from infra.database.migrate import configuration, schema_revision
from tests.infra.database.recount import check
from tests.infra.database.rows import stored
from tests.infra.database.traffic import TOPICS, batches, save, traffic


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    engine = create_db_engine(database_url)
    yield engine
    engine.dispose()


@pytest.mark.contract("F2")
def test_an_empty_database_is_migrated_to_head_and_a_second_time_changes_nothing(empty: Engine) -> None:
    assert schema_revision(empty).current is None
    first, second = init_db(empty), init_db(empty)
    assert first == second
    assert first.is_current
    tables = {"prediction_feedback", "label_revisions", "api_keys", "sink_offsets"}
    tables |= {
        "drift_events",
        "drift_windows",
        "outlier_events",
        "labelled_outbox",
        "model_performance",
        "online_models",
        "retraining_jobs",
    }
    assert tables <= set(inspect(empty).get_table_names())


@pytest.mark.contract("F2")
def test_two_processes_may_migrate_at_once(empty: Engine) -> None:
    with ThreadPoolExecutor(4) as threads:
        revisions = list(threads.map(lambda _: init_db(empty), range(4)))
    assert all(revision.is_current for revision in revisions)


def test_migrations_and_tables_agree(empty: Engine) -> None:
    init_db(empty)
    with empty.begin() as connection:
        command.check(configuration(connection))


def test_the_way_back_leaves_nothing(empty: Engine) -> None:
    init_db(empty)
    with empty.begin() as connection:
        command.downgrade(configuration(connection), "base")
    assert inspect(empty).get_table_names() == ["alembic_version"]
    assert stored(empty, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == []
    assert init_db(empty).is_current


async def test_what_was_stored_before_there_were_totals_is_counted(empty: Engine, seed: int) -> None:
    chance = random.Random(seed)
    init_db(empty)
    store = PostgresStore(empty, {topic: topic for topic in TOPICS})
    deliveries = traffic(chance, "churn", 100)
    for batch in batches(chance, deliveries[::2]):
        await save(store, 0, batch)
    with empty.begin() as connection:
        command.downgrade(configuration(connection), "0004")
    assert init_db(empty).is_current
    assert len(check(empty, "churn", 3, 4)) == 4
    for batch in batches(chance, deliveries[1::2]):
        await save(store, 0, batch)
    check(empty, "churn", 3, 4)


async def test_copies_without_labels_that_were_counted_as_compared_are_taken_off(empty: Engine, seed: int) -> None:
    chance = random.Random(seed)
    init_db(empty)
    with empty.begin() as connection:
        command.downgrade(configuration(connection), "0005")
    store = PostgresStore(empty, {topic: topic for topic in TOPICS})
    for batch in batches(chance, traffic(chance, "churn", 100)):
        await save(store, 0, batch)
    assert init_db(empty).is_current
    assert len(check(empty, "churn", 3, 4)) == 4


def test_every_moment_has_a_time_zone(empty: Engine) -> None:
    init_db(empty)
    query = """
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type = 'timestamp without time zone'
    """
    assert stored(empty, query) == []
