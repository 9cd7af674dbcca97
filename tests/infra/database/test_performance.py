"""Windows of quality in their table: each once, an estimate beside what came to be known."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from schemas.performance import ModelPerformance, read_performance
from tests.infra.database.rows import MOMENT, stored
from tests.infra.database.test_events import save


@pytest.mark.contract("D5", "F3")
async def test_each_window_is_one_row_however_often_it_comes(
    engine: Engine, topic: str, unique: Callable[..., str]
) -> None:
    model = unique("model")
    known = ModelPerformance(
        model=model,
        model_version="v1",
        role="served",
        estimated=False,
        window="7d4d/1000",
        start=MOMENT,
        end=MOMENT + timedelta(minutes=9),
        rows=1000,
        unusable=2,
        revised=1,
        measures={"accuracy": 0.875, "log_loss": 0.4},
        missing={"roc_auc": "one_class"},
        corrections={"accuracy": -0.01},
    )
    windows = [known, replace(known, estimated=True), replace(known, role="shadow"), known]
    assert await save(engine, topic, read_performance, windows) == []
    assert await save(engine, topic, read_performance, windows) == []
    columns = "role, estimated, measures, missing, corrections, rows, unusable, revised"
    found = stored(engine, f"SELECT {columns} FROM model_performance WHERE model = :m ORDER BY 1, 2", m=model)
    tail = (known.measures, known.missing, known.corrections, 1000, 2, 1)
    assert found == [("served", False, *tail), ("served", True, *tail), ("shadow", False, *tail)]


async def test_what_is_no_window_becomes_a_dead_letter(engine: Engine, topic: str) -> None:
    assert [letter["reason"] for letter in await save(engine, topic, read_performance, [b"{}", b"no"])] == [
        "invalid",
        "not_json",
    ]
