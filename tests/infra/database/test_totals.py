"""Running totals are what a count of the stored answers says, whoever wrote them in whatever order."""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator

import pytest
from sqlalchemy import Engine, text

from infra.database import PostgresStore, create_db_engine
from tests.infra.database.recount import check, totals
from tests.infra.database.rows import shadow_row, stored
from tests.infra.database.traffic import TOPICS, Delivery, batches, save, traffic

# Adds nothing to any arm, but is folded with the others by chance.
NOTHING = text(
    """
    INSERT INTO arm_deltas (model, route_epoch, arm, version)
    SELECT DISTINCT model, route_epoch, arm, version FROM arm_deltas WHERE model = :model
    """
)
ANSWER = text(
    """
    INSERT INTO prediction_feedback (request_id, status, entity, model, model_version, arm, route_epoch, features,
        predicted_probability, latency_ms, requested_at, scored_at)
    VALUES (:model || :epoch || '-' || :number, 'ok', 'c-' || :number, :model, 'v1', 'champion', :epoch, '{}', 0.5,
        :number, now(), now())
    """
)
TOLD = text("UPDATE prediction_feedback SET actual_label = 1 WHERE model = :model AND route_epoch = 3")
DELTAS = "SELECT count(*) FROM arm_deltas WHERE model = :model"
ARMS = "SELECT count(*) FROM (SELECT DISTINCT route_epoch, arm, version FROM arm_deltas WHERE model = :model) AS arms"


@pytest.fixture
def model(unique: Callable[..., str]) -> str:
    return unique("model")


@pytest.fixture
def stores(engine: Engine, topic: str) -> Iterator[list[PostgresStore]]:
    """Two, as two sinks have them."""
    engines = [create_db_engine(engine.url.render_as_string(hide_password=False)) for _ in range(2)]
    yield [PostgresStore(each, {name: f"{topic}-{name}" for name in TOPICS}) for each in engines]
    for each in engines:
        each.dispose()


def fold(engine: Engine, model: str, most: int = 2000) -> None:
    """Go on until all deltas of an arm are one."""
    for _ in range(most):
        if stored(engine, DELTAS, model=model) == stored(engine, ARMS, model=model):
            return
        with engine.begin() as connection:
            connection.execute(NOTHING, {"model": model})
    raise AssertionError("never folded")


def answer_one_by_one(engine: Engine, model: str, epoch: int, numbers: Iterable[int]) -> None:
    """Without waiting for any lock."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '1s'"))
        connection.execute(ANSWER, [{"model": model, "epoch": epoch, "number": number} for number in numbers])


async def write(stores: list[PostgresStore], queue: Iterator[Delivery]) -> None:
    """By all stores at the same time."""

    async def drain(partition: int, store: PostgresStore) -> None:
        for batch in queue:
            await save(store, partition, batch)

    await asyncio.gather(*(drain(partition, store) for partition, store in enumerate(stores)))


@pytest.mark.parametrize("turn", range(3))
async def test_totals_are_what_the_answers_say_in_any_order_of_two_sinks_and_folds(
    engine: Engine, stores: list[PostgresStore], model: str, seed: int, turn: int
) -> None:
    chance = random.Random(seed + turn)
    deliveries = traffic(chance, model, 120)
    third = len(deliveries) // 3
    for part in (deliveries[:third], deliveries[third : 2 * third], deliveries[2 * third :]):
        folding = asyncio.to_thread(fold, engine, model)
        await asyncio.gather(write(stores, batches(chance, part)), folding)
        for first, epoch in ((3, 4), (4, 4)):
            found = check(engine, model, first, epoch)
    assert len(found) == 4, "two arms and two challengers"
    await write(stores, batches(chance, deliveries))
    check(engine, model, 3, 4)


async def test_a_look_reads_no_answer_and_what_is_deleted_stays_counted(
    engine: Engine, stores: list[PostgresStore], model: str, seed: int
) -> None:
    chance = random.Random(seed)
    await write(stores, batches(chance, traffic(chance, model, 40)))
    found = check(engine, model, 3, 4)
    with engine.begin() as connection:
        for table in ("prediction_feedback", "shadow_predictions"):
            connection.execute(text(f"DELETE FROM {table} WHERE model = :model"), {"model": model})
    assert totals(engine, model, 3, 4) == found


def test_deltas_are_folded_by_who_writes_them_and_entities_before_the_last_step_forgotten(
    engine: Engine, model: str
) -> None:
    answer_one_by_one(engine, model, 3, range(5))
    answer_one_by_one(engine, model, 4, range(1000))
    assert stored(engine, DELTAS, model=model)[0] < 1000
    check(engine, model, 3, 4)
    of_model = "SELECT DISTINCT route_epoch FROM arm_entities WHERE route = hashtextextended(:model, 0)"
    assert stored(engine, of_model, model=model) == [4]
    with engine.begin() as connection:
        connection.execute(TOLD, {"model": model})
    assert stored(engine, of_model, model=model) == [4], "a late truth is no new answer"
    check(engine, model, 3, 4)


def test_a_fold_waits_for_nobody(engine: Engine, model: str) -> None:
    answer_one_by_one(engine, model, 3, range(5))
    with engine.begin() as connection:
        connection.execute(text("SELECT FROM arm_deltas WHERE model = :model FOR UPDATE"), {"model": model})
        answer_one_by_one(engine, model, 3, range(5, 1000))
        assert stored(engine, DELTAS, model=model)[0] < 1000
    fold(engine, model)
    check(engine, model, 3, 3)


async def test_a_request_whose_rows_come_one_by_one_disagrees_once(
    engine: Engine, stores: list[PostgresStore], model: str
) -> None:
    for row in (1, 0, 2):
        copy = shadow_row(model, model=model, row=row, probability=0.2)
        assert await save(stores[0], 0, Delivery("shadows", [copy])) == []
    challenger = check(engine, model, 3, 3)["v2"]
    assert (challenger.disagreements, challenger.flips) == (1, 3)


async def test_a_look_sees_the_same_while_others_fold(engine: Engine, model: str) -> None:
    answer_one_by_one(engine, model, 3, range(200))
    before = totals(engine, model, 3, 3)
    folding = asyncio.gather(*(asyncio.to_thread(fold, engine, model) for _ in range(2)))
    looks = [await asyncio.to_thread(totals, engine, model, 3, 3)]
    while not folding.done():
        looks.append(await asyncio.to_thread(totals, engine, model, 3, 3))
    await folding
    assert all(look == before for look in looks)
    assert len(before) == 1
