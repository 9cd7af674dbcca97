"""Ground truth in the store: joined whichever side comes first, revised by what comes later."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from infra.database import FeedbackRepository, PostgresStore
from schemas.stored import Position, ReceivedLabel
from tests.infra.database.rows import MOMENT, label, prediction, request_rows, stored

pytestmark = pytest.mark.contract("F1")
LABEL = "actual_label, label_source"


@pytest.fixture
def store(engine: Engine, topic: str) -> PostgresStore:
    return PostgresStore(engine, {topic: topic, "results": f"{topic}-results"})


async def predict(store: PostgresStore, name: str, next_offset: int = 1, **changes: Any) -> None:
    await store.save_predictions([prediction(name, **changes)], [Position("results", 0, next_offset)])


async def save(store: PostgresStore, *labels: ReceivedLabel) -> None:
    last = labels[-1]
    assert await store.save_labels(labels, [Position(last.topic, 0, last.offset + 1)]) == []


def revisions(engine: Engine, name: str) -> list[Any]:
    return stored(engine, "SELECT label FROM label_revisions WHERE request_id = :id ORDER BY id", id=name)


async def test_a_label_after_its_prediction_is_put_beside_it(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    await predict(store, name)
    await save(store, label(name, 1, 0, topic=topic))
    assert request_rows(engine, name, LABEL) == [(1, "crm")]


async def test_a_label_before_its_prediction_waits_for_it(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    await save(store, label(name, 0, 0, topic=topic), label(name, 1, 1, topic=topic))
    await predict(store, name)
    assert request_rows(engine, name, LABEL) == [(1, "crm")]


async def test_a_label_outlives_the_refusal_that_an_answer_replaces(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    await predict(store, name, status="rate_limited")
    await save(store, label(name, 1, 0, topic=topic))
    await predict(store, name, next_offset=2)
    assert request_rows(engine, name, f"status, {LABEL}") == [("ok", 1, "crm")]


async def test_each_row_of_a_request_has_its_own_label(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    rows = [prediction(name, row=row) for row in range(3)]
    await store.save_predictions(rows, [Position("results", 0, 1)])
    await save(store, label(name, 1, 0, topic=topic, row=2), label(name, 0, 1, topic=topic, row=0))
    assert request_rows(engine, name, "actual_label") == [0, None, 1]


async def test_another_label_is_a_revision_and_the_same_again_is_none(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    await predict(store, name)
    await save(store, *(label(name, value, place, topic=topic) for place, value in enumerate((1, 1, 0, 0))))
    await save(store, label(name, 0, 4, topic=topic), label(name, 1, 5, topic=topic))
    assert revisions(engine, name) == [1, 0, 1]
    assert request_rows(engine, name, LABEL) == [(1, "crm")]


@pytest.mark.contract("R10")
@pytest.mark.parametrize("replayed", [slice(0, 3), slice(0, 2), slice(1, 3)], ids=["all", "head", "tail"])
async def test_a_replay_makes_no_revision(
    store: PostgresStore, engine: Engine, topic: str, name: str, replayed: slice
) -> None:
    labels = [label(name, value, place, topic=topic) for place, value in enumerate((1, 1, 0))]
    await predict(store, name)
    await save(store, *labels)
    await save(store, *labels[replayed])
    assert revisions(engine, name) == [1, 0]
    assert request_rows(engine, name, "actual_label") == [0]


async def test_a_label_written_directly_and_one_from_the_topic_revise_each_other(
    store: PostgresStore, engine: Engine, repo: FeedbackRepository, topic: str, name: str
) -> None:
    await predict(store, name)
    await save(store, label(name, 1, 0, topic=topic))
    repo.update_feedback(request_id=name, actual_label=0)
    assert request_rows(engine, name, LABEL) == [(0, "api")]
    later = replace(label(name, 1, 1, topic=topic), received_at=datetime.now(UTC))
    await save(store, later)
    assert request_rows(engine, name, LABEL) == [(1, "crm")]
    assert revisions(engine, name) == [1, 0, 1]


@pytest.mark.contract("R10")
async def test_a_replay_outdoes_no_label_that_was_written_directly_since(
    store: PostgresStore, engine: Engine, repo: FeedbackRepository, topic: str, name: str
) -> None:
    await predict(store, name)
    labels = [label(name, 1, 0, topic=topic), label(name, 1, 1, topic=topic)]
    await save(store, *labels)
    repo.update_feedback(request_id=name, actual_label=0)
    await save(store, *labels[1:])
    assert request_rows(engine, name, LABEL) == [(0, "api")]
    assert revisions(engine, name) == [1, 0]


async def test_a_label_written_directly_counts_whatever_the_brokers_clock_says(
    store: PostgresStore, engine: Engine, repo: FeedbackRepository, topic: str, name: str
) -> None:
    await predict(store, name, status="rate_limited")
    ahead = datetime.now(UTC) + timedelta(hours=1)
    await save(store, replace(label(name, 1, 0, topic=topic), received_at=ahead))
    repo.update_feedback(request_id=name, actual_label=0)
    await predict(store, name, next_offset=2)
    assert request_rows(engine, name, f"status, {LABEL}") == [("ok", 0, "api")]


@pytest.mark.contract("R10")
@pytest.mark.parametrize("step_s", [1, 0, -1], ids=["clock", "one instant", "clock set back"])
@pytest.mark.parametrize("predicted", ["before", "after"])
async def test_labels_that_a_group_was_taken_past_are_history_and_the_last_of_the_log_counts(
    store: PostgresStore, engine: Engine, topic: str, name: str, predicted: str, step_s: int
) -> None:
    labels = [
        replace(label(name, value, place, topic=topic), received_at=MOMENT + place * timedelta(seconds=step_s))
        for place, value in enumerate((1, 0, 1, 1, 0))
    ]
    if predicted == "before":
        await predict(store, name)
    await save(store, labels[4])
    await save(store, *labels[1:3])
    await save(store, labels[0])
    await save(store, *labels)
    if predicted == "after":
        await predict(store, name)
    assert request_rows(engine, name, "actual_label, labelled_at") == [(0, labels[4].received_at)]
    history = 'SELECT "offset", label FROM label_revisions WHERE request_id = :id ORDER BY "offset"'
    assert stored(engine, history, id=name) == [(0, 1), (1, 0), (2, 1), (4, 0)]


async def test_a_label_in_a_log_that_was_made_again_is_newer(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    await predict(store, name)
    await save(store, label(name, 1, 10, topic=topic))
    again = PostgresStore(engine, {topic: f"{topic}-again"})
    await save(again, replace(label(name, 0, 0, topic=topic), received_at=MOMENT + timedelta(seconds=1)))
    assert request_rows(engine, name, "actual_label") == [0]


@pytest.mark.contract("R9")
async def test_a_label_that_postgres_refuses_does_not_hold_up_the_others(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    await predict(store, name)
    sound, other = label(f"{name}-far", 1, 0, topic=topic), label(name, 1, 1, topic=topic)
    beyond_the_column = replace(sound, feedback=sound.feedback.model_copy(update={"row": 2**40}))
    refused = await store.save_labels([beyond_the_column, other], [Position(topic, 0, 2)])
    assert [row.index for row in refused] == [0]
    assert request_rows(engine, name, "actual_label") == [1]


async def test_labels_and_predictions_at_once_never_miss_each_other(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    def both(number: int) -> list[Coroutine[Any, Any, Any]]:
        truth = label(f"{name}-{number}", 1, 0, topic=topic, partition=number)
        return [
            store.save_predictions([prediction(f"{name}-{number}")], [Position("results", number, 1)]),
            store.save_labels([truth], [Position(topic, number, 1)]),
        ]

    await asyncio.gather(*(call for number in range(50) for call in both(number)))
    query = "SELECT count(*) FROM prediction_feedback WHERE request_id LIKE :like AND actual_label = 1"
    assert stored(engine, query, like=f"{name}-%") == [50]
