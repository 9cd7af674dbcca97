"""What is stored of an entity goes from every table, and nothing of anybody else."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from infra.database import PostgresStore
from infra.database.forget import Forgotten, count_rows_of, forget
from infra.database.labelled import Outbox
from schemas.outlier_events import read_outlier
from schemas.stored import Position
from tests.infra.database.held import blocked_or, held
from tests.infra.database.migrated import migrated
from tests.infra.database.recount import totals
from tests.infra.database.rows import label, prediction, shadow_row, stored
from tests.infra.database.test_events import save
from tests.infra.database.told import outlier, rate

TABLES = (
    "outlier_events", "shadow_predictions", "prediction_feedback", "label_revisions", "labelled_outbox", "arm_entities",
)  # fmt: skip


@pytest.fixture
def engine(new_database: Callable[[], str]) -> Iterator[Engine]:
    """A database of the test's own: whole tables are looked at."""
    with migrated(new_database()) as engine:
        yield engine


async def live(engine: Engine, store: PostgresStore, topic: str, entity: str, *requests: str, **changes: Any) -> None:
    """Two rows a request, a copy of each, a label and an outlier."""
    at = [Position(topic, 0, 1)]
    both = [{"row": row, "entity": entity, **changes} for row in (0, 1)]
    for request in requests:
        assert await store.save_predictions([prediction(request, **each) for each in both], at) == []
        assert await store.save_shadows([shadow_row(request, **each) for each in both], at) == []
        told = label(request, 1, hash(request) % 2**40, topic=topic)
        assert await store.save_labels([told], at) == []
        odd = outlier(str(uuid4()), request_id=request, entity=entity, model=changes.get("model", "churn"))
        assert await save(engine, topic, read_outlier, [odd]) == []


def left(engine: Engine) -> dict[str, int]:
    return {table: stored(engine, f"SELECT count(*) FROM {table}")[0] for table in TABLES}


async def test_everything_of_the_entity_goes_and_nothing_of_others(
    engine: Engine, store: PostgresStore, topic: str
) -> None:
    await live(engine, store, topic, "kept", "k-1")
    await save(engine, topic, read_outlier, [rate(str(uuid4()))])
    before, steps = left(engine), []
    await live(engine, store, topic, "gone", "g-1", "g-2", "g-3", "g-4", "g-5")
    expected = {
        "outlier_events": 5, "shadow_predictions": 10, "prediction_feedback": 10, "label_revisions": 5,
        "labelled_outbox": 10, "arm_entities": 1,
    }  # fmt: skip
    whose = Forgotten("gone")
    assert count_rows_of(engine, whose) == expected
    assert forget(engine, whose, steps.append, at_once=14) == expected
    assert left(engine) == before
    assert count_rows_of(engine, whose) == dict.fromkeys(expected, 0)
    assert sum(steps) == sum(expected.values())
    assert steps == [12, 12, 6, 10, 1], "in batches of two requests, then what was not told and whom an arm met"


async def test_requests_of_many_rows_go_one_by_one(engine: Engine, store: PostgresStore, topic: str) -> None:
    for request in ("r-1", "r-2", "r-3"):
        rows = [prediction(request, row=row, entity="c") for row in range(25)]
        await store.save_predictions(rows, [Position(topic, 0, 1)])
    steps: list[int] = []
    assert forget(engine, Forgotten("c"), steps.append, at_once=10)["prediction_feedback"] == 75
    assert steps == [25, 25, 25, 1]


async def test_of_one_model_the_others_rows_stay(engine: Engine, store: PostgresStore, topic: str) -> None:
    await live(engine, store, topic, "c", "r-1", model="m")
    before = left(engine)
    await live(engine, store, topic, "c", "r-2", model="n")
    assert sum(forget(engine, Forgotten("c", "n"), print).values()) == 9
    assert left(engine) == before


async def test_labels_without_an_answer_go_with_the_copies_of_their_request(
    engine: Engine, store: PostgresStore, topic: str
) -> None:
    await store.save_shadows([shadow_row("r", entity="c")], [Position(topic, 0, 1)])
    await store.save_labels([label("r", 1, 1, topic=topic)], [Position(topic, 0, 2)])
    assert forget(engine, Forgotten("c"), print)["label_revisions"] == 1


async def test_labels_of_a_request_whose_id_somebody_else_has_taken_are_the_others(
    engine: Engine, store: PostgresStore, topic: str
) -> None:
    await live(engine, store, topic, "first", "r")
    await store.save_shadows([shadow_row("r", entity="second", version="v9")], [Position(topic, 0, 1)])
    before = left(engine)
    assert count_rows_of(engine, Forgotten("second"))["label_revisions"] == 0
    assert sum(forget(engine, Forgotten("second"), print).values()) == 2, "the copy, and the truth that it was told"
    assert left(engine) == {**before, "shadow_predictions": 2, "labelled_outbox": before["labelled_outbox"] - 1}


async def test_what_was_counted_stays_counted_and_who_comes_again_is_counted_once(
    engine: Engine, store: PostgresStore, topic: str
) -> None:
    await live(engine, store, topic, "kept", "k")
    await live(engine, store, topic, "gone", "g")
    before = totals(engine, "churn", 3, 3)
    forget(engine, Forgotten("gone"), print)
    after = totals(engine, "churn", 3, 3)
    arm = ("champion", "v1")
    assert (before[arm].entities, after[arm].entities) == (2, 1)
    assert (after[arm].served, after[arm].labels, after[arm].loss) == (2, 2, before[arm].loss)
    assert after["v2"] == before["v2"]
    await live(engine, store, topic, "gone", "again")
    assert totals(engine, "churn", 3, 3)[arm].entities == 2


async def test_a_label_that_is_being_stored_does_not_outlive_its_answer(
    engine: Engine, store: PostgresStore, topic: str
) -> None:
    await store.save_predictions([prediction("r", entity="c")], [Position(topic, 0, 1)])
    with held(engine) as other:
        late = PostgresStore(other.engine, {topic: topic})
        storing = asyncio.create_task(late.save_labels([label("r", 1, 1, topic=topic)], [Position(topic, 0, 2)]))
        await other.written()
        removing = asyncio.create_task(asyncio.to_thread(forget, engine, Forgotten("c"), print))
        await blocked_or(removing.done, engine)
        other.let_go.set()
        await asyncio.gather(storing, removing)
    assert left(engine) == dict.fromkeys(TABLES, 0)


async def test_a_truth_that_is_on_its_way_to_its_topic_holds_nobody_up(
    engine: Engine, store: PostgresStore, topic: str
) -> None:
    await live(engine, store, topic, "c", "r")
    with engine.begin() as sending:
        sending.execute(text("SELECT FROM labelled_outbox ORDER BY id LIMIT 1 FOR UPDATE"))
        assert forget(engine, Forgotten("c"), print)["labelled_outbox"] == 1
    assert len(await Outbox(engine, "one").take(10)) == 1


async def test_an_entity_of_whom_more_comes_is_not_forgotten_for_ever(
    engine: Engine, store: PostgresStore, topic: str
) -> None:
    """What comes meanwhile is left to the next time."""
    await live(engine, store, topic, "c", "r-0")
    more = itertools.count(1)
    tell = text("INSERT INTO labelled_outbox (model, model_version, message) VALUES ('churn', 'v1', :message)")

    def tell_another(rows: int) -> None:
        assert next(more) < 10, "no end to it"
        with engine.begin() as connection:
            connection.execute(tell, {"message": '{"entity": "c", "request_id": "late"}'})

    assert forget(engine, Forgotten("c"), tell_another)["prediction_feedback"] == 2
    assert sum(forget(engine, Forgotten("c"), print).values()) > 0
