"""A database that was made again tells no truth that its topic has, and each that it has not."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import Engine

from infra.database import PostgresStore
from infra.database.labelled import Outbox
from infra.database.told import AT_ONCE, leave_told
from schemas.errors import Unavailable
from schemas.stored import Position
from tests.infra.database.migrated import migrated
from tests.infra.database.rows import label, prediction, shadow_row, stored

pytestmark = pytest.mark.contract("F1")


@pytest.fixture
def engine(new_database: Callable[[], str]) -> Iterator[Engine]:
    """A database of the test's own: an outbox is one for all."""
    with migrated(new_database()) as engine:
        yield engine


def truth(request_id: str, value: int, number: int, *, life: int = 0, **changes: Any) -> dict[str, Any]:
    """As it lies on the topic."""
    whose = {"row": 0, "model": "churn", "model_version": "v1", "role": "served"}
    return {"request_id": request_id, **whose, "label": value, "number": number, "life": life, **changes}


def leave(engine: Engine, told: Sequence[dict[str, Any]]) -> int:
    def read(add: Callable[[dict[str, Any]], None]) -> None:
        for one in told:
            add(one)

    return leave_told(engine, read)


async def say(store: PostgresStore, topic: str, *labels: int) -> None:
    """A prediction, and its truths one after the other."""
    await store.save_predictions([prediction("r")], [Position(topic, 0, 1)])
    for offset, value in enumerate(labels, 1):
        await store.save_labels([label("r", value, offset, topic=topic)], [Position(topic, 0, offset + 1)])


async def untold(engine: Engine) -> list[tuple[Any, ...]]:
    names = ("request_id", "role", "label", "former_label")
    return [tuple(each.message[name] for name in names) for each in await Outbox(engine, "one").take(10)]


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ([], [(1, None), (0, 1), (1, 0)]),
        ([truth("r", 1, 1), truth("r", 0, 2), truth("r", 1, 3)], []),
        ([truth("r", 1, 1), truth("r", 0, 2)], [(1, 0)]),
        ([truth("r", 1, 1)], []),
        ([truth("r", 1, 1), truth("r", 0, 2), truth("r", 1, 1)], [(1, 0)]),
        ([truth("r", 0, 9), truth("r", 1, 1, life=1)], []),
        (
            [truth("r", 1, 1, row=1), truth("r", 1, 1, model_version="v2"), truth("s", 1, 1)],
            [(1, None), (0, 1), (1, 0)],
        ),
    ],
    ids=["nothing", "all", "all but the last", "the first, which is the last", "one again", "in two lives", "others"],
)
async def test_of_a_row_what_its_topic_had_last_is_held_against_what_is_known_last(
    engine: Engine, store: PostgresStore, topic: str, told: list[dict[str, Any]], left: list[tuple[int, int | None]]
) -> None:
    await say(store, topic, 1, 0, 1)
    assert leave(engine, told) == 3 - len(left)
    assert await untold(engine) == [("r", "served", *one) for one in left]


async def test_a_truth_that_was_told_otherwise_is_told_as_revised(
    engine: Engine, store: PostgresStore, topic: str
) -> None:
    """Its labels were read before the answer this time, which knows of the last one only."""
    await store.save_labels([label("r", 1, 1, topic=topic), label("r", 0, 2, topic=topic)], [Position(topic, 0, 3)])
    await store.save_predictions([prediction("r")], [Position(topic, 0, 1)])
    assert leave(engine, [truth("r", 1, 1)]) == 0
    assert await untold(engine) == [("r", "served", 0, 1)]


async def test_copies_are_told_apart_from_what_was_served_and_however_many_lie_on_the_topic(
    engine: Engine, store: PostgresStore, topic: str
) -> None:
    await store.save_shadows([shadow_row("r", version="v1")], [Position(topic, 0, 1)])
    await say(store, topic, 1)
    others = [truth(f"r-{number}", 1, number) for number in range(2 * AT_ONCE)]
    assert leave(engine, [*others, truth("r", 1, 1, role="shadow")]) == 1
    assert await untold(engine) == [("r", "served", 1, None)]


async def test_what_is_numbered_is_on_its_way_and_stays(engine: Engine, store: PostgresStore, topic: str) -> None:
    await say(store, topic, 1)
    await Outbox(engine, "another").take(10)
    assert leave(engine, [truth("r", 1, 1)]) == 0


async def test_where_the_topic_cannot_be_read_nothing_is_left_out(
    engine: Engine, store: PostgresStore, topic: str
) -> None:
    await say(store, topic, 1)

    def read(add: Callable[[dict[str, Any]], None]) -> None:
        add(truth("r", 1, 1))
        raise Unavailable("kafka", "is away")

    with pytest.raises(Unavailable, match="kafka"):
        leave_told(engine, read)
    assert stored(engine, "SELECT count(*) FROM labelled_outbox") == [1]
