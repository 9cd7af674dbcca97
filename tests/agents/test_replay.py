"""Recorded requests answered by a candidate, and what is told of both answers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents.replay import Replay
from models.bundle import Bundle, read_bundle
from models.publishing import bundled
from schemas.answers import TASKS, Task
from tests.agents.recorded import ROWS, answered, recorded
from tests.models import wild
from tests.models.graphs import NOW, bundle_of, declared, graph_of


class Ticks:
    """Ten milliseconds pass with each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.01
        return self.now


class Says:
    """Answers with these, row by row."""

    def __init__(self, *answers: Any) -> None:
        self.answers = answers

    def score(self, matrix: Any) -> Any:
        return np.array(self.answers[: len(matrix)], dtype=np.float64)


def replay_of(candidate: Bundle) -> Replay:
    return Replay(candidate, Ticks())


def saying(task: Task, *answers: Any) -> Replay:
    return replay_of(Bundle(bundle_of(task).manifest, Says(*answers)))


def total(replay: Replay, *names: str) -> Any:
    found = replay.report()["total"]
    return {name: found[name] for name in names}


@pytest.mark.contract("R4")
@pytest.mark.parametrize("task", TASKS)
async def test_a_version_on_its_own_past_flips_nothing_and_differs_by_nothing(task: Task) -> None:
    bundle = bundle_of(task)
    past = await recorded(bundle, [*ROWS[:5], ROWS, ROWS[5]])
    replay = replay_of(bundle)
    assert [*replay.add(past[:3]), *replay.add(past[3:])] == []
    found = replay.report()
    assert found["answered_by"].keys() == {bundle.version}
    assert found["total"] == found["answered_by"][bundle.version]
    assert found["total"]["difference"] == {"mean": 0.0, "max": 0.0, "p99": 0.0}
    assert total(replay, "requests", "rows", "compared", "flips") == {
        "requests": 7,
        "rows": 14,
        "compared": 14,
        "flips": 0,
    }
    assert found["total"]["flip_ratio"] == (None if task == "regression" else 0.0)


def test_flips_say_who_asked_which_row_and_both_answers() -> None:
    rows = [{"predictions": [0.9, 0.1], "label": "late", "features": row} for row in ROWS[:2]]
    replay = saying("binary", 0.25, 0.1, 0.75)
    flips = replay.add([answered("a", [0.75, 0.25], "late"), answered("b", [], None, rows=rows)])
    assert [flip.as_json() for flip in flips] == [
        {
            "request_id": "b",
            "entity": "c-1",
            "row": 1,
            "answered_by": "v0",
            "answered": {"predictions": (0.9, 0.1), "label": "late"},
            "candidate": {"predictions": (0.25, 0.75), "label": "on time"},
            "difference": pytest.approx(0.65),
        }
    ]
    assert total(replay, "flips", "labelled") == {"flips": 1, "labelled": 3}
    assert replay.report()["total"]["flip_ratio"] == pytest.approx(1 / 3)
    difference = replay.report()["total"]["difference"]
    assert (difference["mean"], difference["max"]) == (pytest.approx(0.65 / 3), pytest.approx(0.65))
    assert difference["p99"] == pytest.approx(0.65, rel=0.01)


def test_each_answering_version_is_told_apart_from_the_others_and_from_all() -> None:
    replay = saying("binary", 0.75, 0.75, 0.75)
    past = [("v9", 0.25, "late"), ("v1", 0.75, "on time"), ("v9", 0.75, "on time")]
    replay.add([answered(f"{i}", [1 - p, p], label, model_version=v) for i, (v, p, label) in enumerate(past)])
    found = replay.report()
    told = [
        (name, one["requests"], one["flips"], one["difference"]["max"]) for name, one in found["answered_by"].items()
    ]
    assert told == [("v1", 1, 0, 0.0), ("v9", 2, 1, 0.5)]
    assert total(replay, "requests", "rows", "flips") == {"requests": 3, "rows": 3, "flips": 1}
    assert found["total"]["difference"]["mean"] == pytest.approx(0.5 / 3)


async def test_rows_that_the_candidates_signature_refuses_are_named_by_field_and_cost_their_request() -> None:
    past = await recorded(bundle_of("binary"), [ROWS[0], [ROWS[3], ROWS[7]], ROWS[3]])
    features = [
        {"name": "f0", "type": "float", "minimum": -1, "maximum": 1},
        {"name": "f1", "type": "float"},
        {"name": "f2", "type": "float"},
    ]
    replay = replay_of(bundle_of("binary", features=features))
    assert replay.add(past) == []
    counts = {"requests": 3, "unanswered": 2, "rows": 4, "refused": 2, "compared": 1, "failed": 0, "not_a_number": 0}
    assert total(replay, *counts) == counts
    assert total(replay, "fields")["fields"] == {
        "f0": {"rows": 2, "reason": "must be a number from -1 to 1, both included"}
    }


def test_a_row_that_is_refused_is_not_asked_for_a_number() -> None:
    replay = saying("binary", np.nan, 0.75)
    replay.add([answered("a", [0.25, 0.75], "on time", features={"f0": None}), answered("b", [0.25, 0.75], "on time")])
    counts = {"unanswered": 1, "refused": 1, "not_a_number": 0, "compared": 1}
    assert total(replay, *counts) == counts


async def test_fields_that_are_new_or_gone_are_named_and_so_many_of_them() -> None:
    past = await recorded(bundle_of("binary"), [ROWS[0], ROWS[1]])
    replay = replay_of(bundle_of("binary", features=[{"name": n, "type": "float"} for n in ("f0", "f1", "f3")]))
    replay.add(past)
    fields = replay.report()["total"]["fields"]
    assert {name: one["rows"] for name, one in fields.items()} == {"f3": 2, "f2": 2}


@pytest.mark.parametrize(
    ("task", "fine", "none", "past"),
    [
        ("binary", 0.75, np.nan, ([0.25, 0.75], "on time")),
        ("multiclass", [0.25, 0.25, 0.5], [np.nan] * 3, ([0.25, 0.25, 0.5], "high")),
        ("regression", 7.0, -np.inf, ([7.0], None)),
    ],
)
def test_answers_that_are_no_number_are_counted_and_spoil_no_neighbour(
    task: Task, fine: Any, none: Any, past: Any
) -> None:
    replay = saying(task, fine, none, fine)
    assert replay.add([answered(f"{i}", *past) for i in range(3)]) == []
    counts = {"unanswered": 1, "rows": 3, "not_a_number": 1, "compared": 2, "refused": 0, "failed": 0}
    assert total(replay, *counts) == counts
    assert replay.report()["total"]["difference"]["max"] == 0.0


def test_a_candidate_that_raises_for_a_row_costs_that_request_alone(capfd: pytest.CaptureFixture[str]) -> None:
    features = [{"name": f"f{i}", "type": "float"} for i in range(3)]
    said = declared("binary", features=features)
    bundle = read_bundle(bundled(wild.fails(3).SerializeToString(), said, name="m", published_at=NOW))
    beyond = {"features": {**ROWS[0], "f0": 2 * wild.BOUND}}
    asked = [answered(f"{i}", [0.25, 0.75], "on time", **(beyond if i == 3 else {})) for i in range(6)]
    replay = replay_of(bundle)
    replay.add(asked)
    counts = {"requests": 6, "unanswered": 1, "failed": 1, "compared": 5, "flips": 0}
    assert total(replay, *counts) == counts
    assert "Gather" in replay.report()["first_failure"]
    assert capfd.readouterr().err == "", "a failure is told once, not printed for each row"
    assert replay.report()["latency"]["batches"] == 2, "what raised has none"


def test_a_candidate_with_fewer_answers_than_rows_costs_whoever_has_none_and_shifts_no_other() -> None:
    features = [{"name": f"f{i}", "type": "float"} for i in range(3)]
    said = declared("binary", features=features)
    bundle = read_bundle(bundled(wild.drops(3).SerializeToString(), said, name="m", published_at=NOW))
    beyond = {"features": {**ROWS[0], "f0": 2 * wild.BOUND}}
    asked = [answered(f"{i}", [0.25, 0.75], "on time", **(beyond if i in (1, 4) else {})) for i in range(5)]
    replay = replay_of(bundle)
    assert replay.add(asked) == []
    counts = {"requests": 5, "unanswered": 2, "failed": 2, "compared": 3, "flips": 0}
    assert total(replay, *counts) == counts
    assert "answers to" in replay.report()["first_failure"]


def test_out_of_memory_is_no_trait_of_a_row() -> None:
    class Full:
        def score(self, matrix: Any) -> Any:
            raise MemoryError

    with pytest.raises(MemoryError):
        replay_of(Bundle(bundle_of("binary").manifest, Full())).add([answered("a", [0.5, 0.5], "late")] * 2)


def test_scores_of_other_classes_are_not_subtracted() -> None:
    replay = saying("multiclass", *[[0.5, 0.25, 0.25]] * 4)
    flips = replay.add(
        [
            answered("same", [0.75, 0.125, 0.125], "low"),
            answered("another order", [0.75, 0.125, 0.125], "high"),
            answered("fewer", [0.75, 0.25], "low"),
            answered("a number", [3.5], None),
        ]
    )
    assert total(replay, "compared", "incomparable", "labelled") == {"compared": 4, "incomparable": 3, "labelled": 3}
    assert replay.report()["total"]["difference"]["max"] == 0.25
    assert [(flip.request.request_id, flip.difference) for flip in flips] == [("another order", None)]


def test_another_threshold_flips_labels_whose_scores_are_the_same() -> None:
    bundle = bundle_of("binary")
    strict = Bundle(replace(bundle.manifest, threshold=0.9), Says(0.75))
    [flip] = replay_of(strict).add([answered("a", [0.25, 0.75], "on time")])
    assert (flip.answered.label, flip.candidate.label, flip.difference) == ("on time", "late", 0.0)


def test_the_latency_is_told_by_batch_and_by_row() -> None:
    replay = saying("binary", *[0.5] * 5)
    for rows in (1, 5, 1):
        replay.add([answered(f"{i}", [0.5, 0.5], "late") for i in range(rows)])
    latency = replay.report()["latency"]
    assert latency["batches"] == 3
    assert latency["batch_ms"] == {"p50": pytest.approx(10, rel=0.011), "p99": pytest.approx(10, rel=0.011)}
    assert latency["row_ms"] == {"p50": pytest.approx(2, rel=0.011), "p99": pytest.approx(10, rel=0.011)}


def test_differences_and_flips_are_those_of_the_graphs() -> None:
    ours, said = bundle_of("binary"), declared("binary")
    other = read_bundle(bundled(graph_of("binary", seed=4).SerializeToString(), said, name="m", published_at=NOW))
    matrix = np.array([list(row.values()) for row in ROWS], dtype=np.float32)
    before, after = ours.score(matrix), other.score(matrix)
    labels = list(zip(ours.labels(before), other.labels(after), strict=True))
    scored = enumerate(zip(ROWS, before.tolist(), labels, strict=True))
    past = [answered(f"{i}", [1 - p, p], label, features=row) for i, (row, p, (label, _)) in scored]
    replay = replay_of(other)
    flips = replay.add(past)
    expected = np.abs(before - after)
    assert [int(flip.request.request_id) for flip in flips] == [i for i, (old, new) in enumerate(labels) if old != new]
    assert flips
    assert replay.report()["total"]["difference"]["max"] == pytest.approx(expected.max())
    assert replay.report()["total"]["difference"]["mean"] == pytest.approx(expected.mean())
