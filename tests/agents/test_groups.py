"""Batches that several versions answer, whose rows are encoded together."""

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest

from agents.answer import Scorer as Stage
from agents.ending import Outlets
from models.bundle import Bundle
from models.routing import ModelRoute, Routes
from schemas.answers import Task
from schemas.message import Record
from tests.agents.scorer import FakeCounters, FakeKeys, FakeLimiter, batch, clock, record
from tests.models.graphs import bundle_of
from tests.models.routing.plans import champions, plan

RAISES_AT = 1.5


class Picky:
    """Raises where a row's first feature is the one that it cannot read; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def score(self, matrix: Any) -> Any:
        self.asked += 1
        if (matrix[:, 0] == np.float32(RAISES_AT)).any():
            raise ValueError("no such row")
        return np.asarray(0.25 + matrix[:, 0] / 10, dtype=np.float64)


def version(name: str, task: Task = "binary", scorer: Any = None, **more: Any) -> Bundle:
    bundle = bundle_of(task, **more)
    return Bundle(replace(bundle.manifest, version=name), scorer or bundle.scorer)


def routes(picky: Picky) -> Routes:
    """m: three versions with the same features. wide: one with more of them. number: a regression with those of m."""
    versions = {"v1": version("v1"), "v2": version("v2", scorer=picky), "v3": version("v3")}
    arms = plan("bandit", ("a", "v1", 0.4), ("b", "v2", 0.3), ("c", "v3", 0.3))
    others = {"wide": version("w1", width=5), "number": version("n1", "regression")}
    return champions(others).replaced(ModelRoute("m", arms, 7, versions))


def requests() -> list[Record]:
    """Of each model some with one row, some with several, some that are refused and some that `Picky` raises at."""
    found = []
    for i in range(120):
        model = ("m", "wide", "m", "number", "m")[i % 5]
        width = 5 if model == "wide" else 3
        rows = [{f"f{j}": round((i + n + j) % 40 / 10 - 2, 1) for j in range(width)} for n in range(1 + i % 3)]
        if i % 17 == 3:
            rows[-1]["f1"] = 9
        body = {"features": rows[0]} if i % 2 else {"rows": rows}
        found.append(
            record(
                {"entity": f"c-{i}", "model": model, **body},
                key=f"c-{i}".encode(),
                request_id=f"r-{i}".encode(),
                offset=i,
            )
        )
    return found


async def results(stage: Stage, *records: Record) -> list[dict[str, Any]]:
    found = [orjson.loads(e.value) for e in await stage(batch(*records)) if e.topic == "results"]
    for result in found:
        result.get("error", {}).pop("error_id", None)
    return found


@pytest.mark.contract("R4", "T1")
async def test_each_request_of_a_mixed_batch_is_answered_as_it_would_be_alone() -> None:
    outlets = Outlets("results", "replies", "dead-letters", 4, "mirrored")
    stage = Stage(FakeKeys(), FakeLimiter(), routes(Picky()), clock, FakeCounters(), outlets)
    together = await results(stage, *requests())
    assert together == [one for each in requests() for one in await results(stage, each)]
    ends = {(result["model_version"], result["status"]) for result in together}
    assert {("v1", "ok"), ("v2", "ok"), ("v3", "ok"), ("w1", "ok"), ("n1", "ok"), ("v2", "error")} <= ends
    assert {version for version, status in ends if status == "invalid"} >= {"v1", "n1"}


async def test_each_version_is_asked_once_for_a_batch() -> None:
    picky, limiter = Picky(), FakeLimiter()
    outlets = Outlets("results", "replies", "dead-letters", 4, "mirrored")
    stage = Stage(FakeKeys(), limiter, routes(picky), clock, FakeCounters(), outlets)
    row = {"f0": 0.5, "f1": 0, "f2": 1}
    await results(
        stage,
        *(
            record({"entity": f"c-{i}", "model": "m", "features": row}, key=f"c-{i}".encode(), offset=i)
            for i in range(60)
        ),
    )
    assert picky.asked == 1
