"""With each window of answers the monitor tells how good they probably are, without their truth."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from agents.watching import Watching, WatchOutlets
from models.drift import Rules
from models.quality import Answered, estimate
from schemas.message import Batch, Record
from schemas.performance import ModelPerformance, read_performance
from tests.agents.watched import (
    NOON_MS,
    OUTLIERS,
    SKETCHES,
    SLOT_MS,
    FakeMonitorCounters,
    FakeReferences,
    batch,
    features,
    result,
    stage,
    watched,
)

ROWS = 400


async def told(scores: list[float], threshold: float | None) -> list[ModelPerformance]:
    """What is told on `performance` of one window of these scores."""
    version = FakeReferences({("m", "v1"): replace(watched(1, 5000), threshold=threshold)})
    random = Random(1)
    rows = [{"predictions": [1 - score, score], "features": features(random)} for score in scores]
    records = [result(i, at_ms=NOON_MS + i * 100, **row) for i, row in enumerate(rows)]
    said = [one for one in await stage(version)(batch(records)) if one.topic == SKETCHES]

    async def states() -> dict[bytes, bytes]:
        return {}

    outlets = WatchOutlets("events", "windows", "states", OUTLIERS, "performance")
    rules = Rules(window_rows=ROWS)
    watching = Watching(version, states, FakeMonitorCounters(), rules, 0, SLOT_MS, outlets)
    log = [Record(SKETCHES, 0, i, 0, one.key, one.value, ()) for i, one in enumerate(said)]
    emissions = await watching(Batch(SKETCHES, log))
    return [read_performance(one.value) for one in emissions if one.topic == "performance"]


@pytest.mark.contract("D5")
async def test_a_windows_answers_are_estimated_from_their_scores_alone() -> None:
    scores = np.random.default_rng(2).beta(0.4, 0.6, ROWS)
    [found] = await told(scores.tolist(), 0.4)
    expected = estimate(Answered.of(scores, scores >= 0.4))
    assert (found.estimated, found.role, found.rows, found.unusable) == (True, "served", ROWS, 0)
    assert found.measures == pytest.approx(expected.values, abs=0.02)
    assert found.measures["accuracy"] > 0.8
    assert found.corrections == {}


async def test_of_models_that_answer_otherwise_than_yes_or_no_there_is_none() -> None:
    assert await told([0.5] * ROWS, None) == []
