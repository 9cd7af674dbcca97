"""Each answer whose truth is known lies in the outbox once, whichever came first, and is numbered for good."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import Engine

from infra.database import PostgresStore
from infra.database.labelled import Outbox, Outgoing
from schemas.stored import Position
from tests.infra.database.migrated import migrated
from tests.infra.database.rows import MOMENT, label, prediction, shadow_row, stored


@pytest.fixture
def engine(new_database: Callable[[], str]) -> Iterator[Engine]:
    """A database of the test's own: an outbox is one for all."""
    with migrated(new_database()) as engine:
        yield engine


@pytest.fixture
def outbox(engine: Engine) -> Outbox:
    return Outbox(engine, "one")


def told(messages: list[Outgoing]) -> list[tuple[Any, ...]]:
    names = ("request_id", "row", "model_version", "role", "predicted", "label", "former_label")
    return sorted(tuple(each.message[name] for name in names) for each in messages)


@pytest.mark.contract("F2")
@pytest.mark.parametrize("order", list(permutations(("prediction", "label", "copy"))))
async def test_answers_and_their_truth_meet_whichever_comes_first(
    store: PostgresStore, outbox: Outbox, topic: str, order: tuple[str, ...]
) -> None:
    for place, what in enumerate(order):
        at = [Position(topic, 0, place + 1)]
        for _ in range(2):  # what comes again changes nothing
            if what == "prediction":
                await store.save_predictions([prediction("r"), prediction("r", row=1), prediction("other")], at)
            elif what == "label":
                await store.save_labels([label("r", 0, 1, topic=topic), label("nobody", 1, 2, topic=topic)], at)
            else:
                await store.save_shadows([shadow_row("r"), shadow_row("r", row=1)], at)
    found = await outbox.take(10)
    assert told(found) == [("r", 0, "v1", "served", "1", 0, None), ("r", 0, "v2", "shadow", "1", 0, None)]
    assert {each.message["probability"] for each in found} == {0.75, 0.9}
    assert {each.message["entity"] for each in found} == {"c-42"}
    assert {each.message["scored_at"] for each in found} == {MOMENT.isoformat()}


async def test_a_truth_that_is_revised_is_told_again_with_what_was_said_before(
    store: PostgresStore, outbox: Outbox, topic: str
) -> None:
    at = [Position(topic, 0, 9)]
    await store.save_predictions([prediction("r")], at)
    await store.save_shadows([shadow_row("r")], at)
    for offset, truth in enumerate((1, 1, 0)):
        await store.save_labels([label("r", truth, offset, topic=topic)], at)
    found = told(await outbox.take(10))
    assert [one[-2:] for one in found] == [(0, 1), (1, None), (0, 1), (1, None)]


async def test_what_is_no_answer_or_of_no_two_classes_is_not_told(
    store: PostgresStore, outbox: Outbox, topic: str
) -> None:
    at = [Position(topic, 0, 9)]
    many = {"predictions": [0.2, 0.3, 0.5], "label": "c"}
    await store.save_predictions([prediction("refused", status="invalid"), prediction("many", metadata=many)], at)
    copies = [
        shadow_row("many", predictions={"champion": [1.0]}),
        shadow_row("failed", probability=None, error="failed"),
    ]
    await store.save_shadows(copies, at)
    await store.save_predictions([prediction("failed")], at)
    labels = [label(name, 1, place, topic=topic) for place, name in enumerate(("refused", "many", "failed"))]
    await store.save_labels(labels, at)
    assert [one[:4] for one in told(await outbox.take(10))] == [("failed", 0, "v1", "served")]


async def test_numbers_have_no_gap_and_stay_though_the_sender_is_killed(
    store: PostgresStore, engine: Engine, topic: str
) -> None:
    async def fill(first: int) -> None:
        some = [prediction(f"r-{i}", model_version=f"v{i % 2}") for i in range(first, first + 10)]
        await store.save_predictions(some, [Position(topic, 0, 9)])
        labels = [label(one.request_id, 1, first + place, topic=topic) for place, one in enumerate(some)]
        await store.save_labels(labels, [Position(topic, 0, 9)])

    await fill(0)
    sender = Outbox(engine, "killed", lease_s=0.0)
    before = await sender.take(4)
    await fill(10)
    heir = Outbox(engine, "heir")
    assert (await heir.take(4)) == before
    await heir.delivered(before)
    rest = await heir.take(100)
    numbers: dict[str, list[int]] = {"v0": [], "v1": []}
    for each in [*before, *rest]:
        numbers[each.message["model_version"]].append(each.number)
    assert {version: sorted(some) for version, some in numbers.items()} == {v: list(range(1, 11)) for v in numbers}
    await heir.delivered(rest)
    assert stored(engine, "SELECT count(*) FROM labelled_outbox") == [0]
    assert len({each.series for each in before}) == 2


async def test_of_several_senders_one_sends(store: PostgresStore, engine: Engine, topic: str) -> None:
    await store.save_predictions([prediction("r")], [Position(topic, 0, 9)])
    await store.save_labels([label("r", 1, 1, topic=topic)], [Position(topic, 0, 9)])
    taken = await asyncio.gather(*(Outbox(engine, f"sender {i}").take(10) for i in range(4)))
    assert sorted(map(len, taken)) == [0, 0, 0, 1]


async def test_copies_and_truths_that_come_at_once_all_meet(store: PostgresStore, outbox: Outbox, topic: str) -> None:
    names = [f"r-{i}" for i in range(200)]
    await store.save_predictions([prediction(name) for name in names], [Position(topic, 0, 9)])
    await asyncio.gather(
        *(store.save_shadows([shadow_row(name) for name in names[i::4]], [Position(topic, 1, 9)]) for i in range(4)),
        *(
            store.save_labels([label(name, 1, i, topic=topic) for i, name in enumerate(names[k::4], 1000 * k)], [])
            for k in range(4)
        ),
    )
    found = told(await outbox.take(1000))
    assert len(found) == len(set(found)) == 400
