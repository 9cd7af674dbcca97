"""Labels whose prediction never came."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from infra.database import PostgresStore, create_db_engine
from infra.database.orphans import AGES, MOST_SOURCES, Orphans, find_orphans
from schemas.errors import BadSettings, Unavailable
from schemas.stored import Position, ReceivedLabel
from tests.infra.database.rows import MOMENT, label, prediction

pytestmark = pytest.mark.contract("F1")
HOUR = timedelta(hours=1)


@pytest.fixture
def store(engine: Engine, topic: str) -> Iterator[PostgresStore]:
    """Orphans are counted over the whole table: each test has it to itself."""
    yield PostgresStore(engine, {topic: topic, "results": f"{topic}-results"})
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE label_revisions, prediction_feedback"))


def told(name: str, offset: int, topic: str, *, ago: timedelta, source: str = "crm", row: int = 0) -> ReceivedLabel:
    one = label(name, 1, offset, topic=topic, row=row)
    feedback = one.feedback.model_copy(update={"source": source})
    return replace(one, feedback=feedback, received_at=MOMENT - ago)


async def save(store: PostgresStore, labels: list[ReceivedLabel]) -> None:
    assert await store.save_labels(labels, [Position(labels[-1].topic, 0, len(labels))]) == []


def found(engine: Engine, older_than: timedelta = timedelta(0), most: int = 10) -> Orphans:
    return find_orphans(engine, before=MOMENT - older_than, now=MOMENT, most=most)


async def test_a_label_is_an_orphan_until_its_prediction_comes(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    await save(store, [told(name, 0, topic, ago=HOUR)])
    assert [(one.request_id, one.source, one.since, one.other_row) for one in found(engine).oldest] == [
        (name, "crm", MOMENT - HOUR, False)
    ]
    await store.save_predictions([prediction(name)], [Position("results", 0, 1)])
    assert found(engine) == Orphans(0, dict.fromkeys(AGES, 0), {}, [])


async def test_a_label_of_a_row_that_the_request_does_not_have_is_told_from_one_of_an_unknown_request(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    await store.save_predictions([prediction(name)], [Position("results", 0, 1)])
    await save(
        store, [told(name, 0, topic, ago=HOUR), told(name, 1, topic, ago=HOUR, row=1), told("no", 2, topic, ago=HOUR)]
    )
    assert [(one.request_id, one.row, one.other_row) for one in found(engine).oldest] == [
        ("no", 0, False),
        (name, 1, True),
    ]


async def test_a_row_counts_once_from_its_first_label_on_and_under_its_last_source(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    first = told(name, 0, topic, ago=2 * HOUR, source="crm")
    second = told(name, 1, topic, ago=HOUR, source="billing")
    await save(store, [first, replace(second, feedback=second.feedback.model_copy(update={"label": 0}))])
    orphans = found(engine)
    assert (orphans.count, orphans.sources, orphans.oldest[0].since) == (1, {"billing": 1}, MOMENT - 2 * HOUR)


async def test_orphans_are_counted_by_age_and_those_that_have_not_waited_long_enough_are_not(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    hours = [0, 1, 23, 24, 24 * 7, 24 * 29, 24 * 30, 24 * 300]
    await save(store, [told(f"{name}-{hour}", place, topic, ago=hour * HOUR) for place, hour in enumerate(hours)])
    assert [*found(engine).ages.values()] == [1, 2, 1, 2, 2]
    week = found(engine, older_than=timedelta(days=7))
    assert (week.count, [*week.ages.values()]) == (4, [0, 0, 0, 2, 2])


async def test_however_many_there_are_the_report_is_bounded_and_the_oldest_are_listed(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    count = 2 * MOST_SOURCES
    many = [told(f"{name}-{n}", n, topic, ago=n * HOUR, source=f"s{n:03}") for n in range(count)]
    await save(store, [*many, told(name, count, topic, ago=HOUR, source="s039")])
    orphans = found(engine, most=2)
    assert [one.request_id for one in orphans.oldest] == [f"{name}-{count - 1}", f"{name}-{count - 2}"]
    assert (orphans.count, len(orphans.sources)) == (count + 1, MOST_SOURCES)
    assert (next(iter(orphans.sources.items())), orphans.of_other_sources) == (("s039", 2), count - MOST_SOURCES)


def test_a_database_without_tables_or_without_an_answer_is_said_to_be_so(database_url: str) -> None:
    empty, away = create_db_engine(database_url), create_db_engine("postgresql://weir@127.0.0.1:1/weir")
    try:
        with pytest.raises(BadSettings, match="weir db migrate"):
            found(empty)
        with pytest.raises(Unavailable):
            found(away)
    finally:
        empty.dispose()
        away.dispose()
