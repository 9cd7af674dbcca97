"""What models of several classes and of a number are answered with."""

from typing import Any

import numpy as np
import orjson
import pytest

from agents.answer import Scorer as Stage
from agents.ending import Outlets
from models.bundle import Bundle
from schemas.answers import TASKS, Task
from schemas.message import Emission, Record
from schemas.result import PredictionResult
from tests.agents.scorer import FakeCounters, FakeKeys, FakeLimiter, batch, clock, record
from tests.models.graphs import CLASSES, bundle_of
from tests.models.routing.plans import champions

ROWS = [{f"f{i}": value for i, value in enumerate(row)} for row in np.linspace(-2, 2, 24).reshape(8, 3).tolist()]
OWN = {
    "binary": {"predictions", "outcome_probability", "risk_score", "label"},
    "multiclass": {"predictions", "outcome_probability", "label"},
    "regression": {"predictions", "outcome_value"},
}


async def emitted(bundle: Bundle, *records: Record) -> list[Emission]:
    outlets = Outlets("results", "replies", "dead-letters", 4, "mirrored")
    stage = Stage(FakeKeys(), FakeLimiter(), champions({"m": bundle}), clock, FakeCounters(), outlets)
    return await stage(batch(*records))


async def answers(bundle: Bundle, *values: Any) -> list[dict[str, Any]]:
    records = [record({"entity": "c-42", **value}, offset=i) for i, value in enumerate(values)]
    return [orjson.loads(e.value) for e in await emitted(bundle, *records) if e.topic == "results"]


@pytest.mark.contract("R4", "R5")
@pytest.mark.parametrize("task", TASKS)
async def test_a_row_is_answered_alike_alone_beside_others_and_in_a_list(task: Task) -> None:
    bundle = bundle_of(task)
    beside = await answers(bundle, *({"features": row} for row in ROWS))
    [together] = await answers(bundle, {"rows": ROWS})
    for row, single, one in zip(ROWS, beside, together["rows"], strict=True):
        [alone] = await answers(bundle, {"features": row})
        assert {name: one[name] for name in OWN[task]} == {name: single[name] for name in OWN[task]}
        assert alone == single
        assert single.keys() & {*OWN["binary"], *OWN["regression"]} == one.keys() - {"features"} == OWN[task]
    assert [PredictionResult.model_validate(result).status for result in [*beside, together]] == ["ok"] * 9


@pytest.mark.contract("R5")
async def test_of_several_classes_the_most_probable_is_answered_with_its_probability() -> None:
    classes = CLASSES["multiclass"] or []
    labels = set()
    for result in await answers(bundle_of("multiclass"), *({"features": row} for row in ROWS)):
        assert sum(result["predictions"]) == pytest.approx(1, abs=1e-12)
        assert result["outcome_probability"] == max(result["predictions"])
        assert result["label"] == classes[result["predictions"].index(max(result["predictions"]))]
        labels.add(result["label"])
    assert len(labels) > 1


async def test_a_regression_answers_with_its_value() -> None:
    bundle = bundle_of("regression")
    found = await answers(bundle, *({"features": row} for row in ROWS))
    expected = bundle.score(np.array([list(row.values()) for row in ROWS], dtype=np.float32)).tolist()
    assert [(result["predictions"], result["outcome_value"]) for result in found] == [([v], v) for v in expected]


class Failing:
    """Has no answer to the second row."""

    def __init__(self, answer: Any, none: Any) -> None:
        self.answer, self.none = answer, none

    def score(self, matrix: Any) -> Any:
        return np.array([self.none if i == 1 else self.answer for i in range(len(matrix))], dtype=np.float64)


@pytest.mark.contract("R6")
@pytest.mark.parametrize(
    ("task", "answer", "none"),
    [
        ("multiclass", [0.25, 0.25, 0.5], [np.nan] * 3),
        ("regression", 7.0, np.nan),
        ("regression", 7.0, -np.inf),
    ],
)
async def test_no_number_ends_as_error_and_spoils_no_neighbour(task: Task, answer: Any, none: Any) -> None:
    bundle = Bundle(bundle_of(task).manifest, Failing(answer, none))
    found = await answers(bundle, *({"features": row} for row in ROWS[:3]))
    assert [result["status"] for result in found] == ["ok", "error", "ok"]
    assert found[1]["error"]["code"] == "model_failed"
    [listed] = await answers(bundle, {"rows": ROWS[:3]})
    assert (listed["status"], listed["error"]["code"]) == ("error", "model_failed")
