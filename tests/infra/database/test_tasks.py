"""Answers of models of every task, stored and shown again as they were given."""

from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from agents.persist import persist_results
from infra.database import FeedbackRepository, PostgresStore
from schemas.answers import TASKS, Task
from schemas.errors import InvalidRequest
from schemas.message import Batch
from schemas.stored import Position
from streams.gateway.stored import as_result
from tests.agents.scorer import FakeCounters, record
from tests.agents.test_tasks import ROWS, emitted
from tests.infra.database.rows import label, prediction, request_rows, stored
from tests.models.graphs import bundle_of

NUMBER = {"predicted_probability": None, "predicted_label": None, "risk_score": None, "metadata": {"predictions": [7]}}
BIG = [3_000_000_000 + i for i in range(3)]


async def shown_again(store: PostgresStore, repo: FeedbackRepository, topic: str, results: list[Any]) -> list[Any]:
    """The results as `GET /predictions` has them, in the form of what was sent."""
    batch = Batch(topic, [record(value, topic=topic, offset=i) for i, value in enumerate(results)])
    assert await persist_results(batch, store=store, counters=FakeCounters(), dead_letters="dead") == []
    return [as_result(repo.get_prediction(orjson.loads(value)["request_id"])) for value in results]


def without_features(value: bytes) -> dict[str, Any]:
    result = orjson.loads(value)
    result.pop("features", None)
    for row in result.get("rows", ()):
        row.pop("features")
    return result


@pytest.mark.contract("R7")
@pytest.mark.parametrize(
    ("task", "more"),
    [*((task, {}) for task in TASKS), ("multiclass", {"classes": BIG}), ("multiclass", {"classes": [3, 4, 5]})],
)
async def test_an_answer_is_shown_as_it_was_given(
    store: PostgresStore, repo: FeedbackRepository, topic: str, name: str, task: Task, more: dict[str, Any]
) -> None:
    asked = [
        record({"entity": "c-42", **value}, offset=i, request_id=f"{name}-{i}".encode())
        for i, value in enumerate([{"features": ROWS[0]}, {"rows": ROWS[:3]}, {"rows": ROWS[5:6]}])
    ]
    results = [emission.value for emission in await emitted(bundle_of(task, **more), *asked)]
    assert await shown_again(store, repo, topic, results) == [without_features(value) for value in results]


@pytest.mark.parametrize("value", [3.4e38, 1e20, -1e-45, 12.0])
async def test_a_value_of_any_size_comes_back_as_the_float_it_was(
    store: PostgresStore, repo: FeedbackRepository, topic: str, name: str, value: float
) -> None:
    [emission] = await emitted(bundle_of("regression"), record({"entity": "c-42", "features": ROWS[0]}))
    result = orjson.loads(emission.value) | {"request_id": name, "predictions": [value], "outcome_value": value}
    [shown] = await shown_again(store, repo, topic, [orjson.dumps(result)])
    assert orjson.dumps([shown["predictions"], shown["outcome_value"]]) == orjson.dumps([[value], value])


@pytest.mark.contract("F3")
async def test_an_ok_row_without_probability_and_predictions_is_still_refused(
    store: PostgresStore, topic: str, name: str
) -> None:
    rows = [prediction(name, **NUMBER | {"metadata": metadata}) for metadata in (None, {"target": "price"})]
    refused = await store.save_predictions(rows, [Position(topic, 0, 1)])
    assert [row.code for row in refused] == ["not_storable"] * 2


@pytest.mark.contract("F1")
@pytest.mark.parametrize("label_first", [True, False])
async def test_a_label_is_not_put_beside_an_answer_that_is_not_binary(
    store: PostgresStore, repo: FeedbackRepository, engine: Engine, topic: str, name: str, label_first: bool
) -> None:
    steps = [
        lambda: store.save_labels([label(name, 1, 0, topic=topic)], [Position(topic, 0, 1)]),
        lambda: store.save_predictions([prediction(name, **NUMBER)], [Position(topic, 0, 1)]),
    ]
    for step in steps if label_first else reversed(steps):
        assert await step() == []
    assert request_rows(engine, name, "actual_label, labelled_at") == [(None, None)]
    assert stored(engine, "SELECT label FROM label_revisions WHERE request_id = :id", id=name) == [1]
    with pytest.raises(InvalidRequest, match="is not of a binary model"):
        repo.update_feedback(request_id=name, actual_label=1)
