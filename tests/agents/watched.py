"""A small model that is watched, and results of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import numpy as np

from agents.outliers import Spotting
from agents.sketching import Sketching, Watched
from models.drift import reference_of
from models.outliers import Order, fitted, load
from models.profile import reference_profile
from models.signature import Feature, Signature
from schemas.message import Batch, Emission, Record
from schemas.sketches import CellSketch, read_sketched
from schemas.wire import encode

TOPIC, SKETCHES, OUTLIERS = "prediction-results", "feature-sketches", "outlier-events"
SLOT_MS = 10_000
NOON_MS = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)
METHODS = ("card", "cash")
SIGNATURE = Signature(
    (
        Feature("orders", "int", 0, 50),
        Feature("spent", "float", 0.0, 1000.0),
        Feature("method", "str", categories=METHODS),
    ),
    "churned",
)


def watched(seed: int = 1, rows: int = 500) -> Watched:
    random = np.random.default_rng(seed)
    columns = [random.integers(0, 20, rows), random.uniform(0, 500, rows), random.integers(1, 3, rows)]
    scores = random.uniform(0, 1, rows)
    profile = reference_profile(SIGNATURE, np.array(columns, dtype=np.float32).T, scores)
    reference = reference_of(SIGNATURE, profile)
    assert reference is not None
    return Watched(SIGNATURE, reference)


@dataclass
class FakeMonitorCounters:
    """Remembers what was counted."""

    rows: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)
    undetected: Counter[str] = field(default_factory=Counter)
    fill: dict[str, float] = field(default_factory=dict)
    phases: Counter[str] = field(default_factory=Counter)

    def sketched(self, model_version: str, count: int) -> None:
        self.rows[model_version] += count

    def unsketched(self, reason: str, count: int) -> None:
        self.lost[reason] += count

    def scored(self, model_version: str, rows: int, outliers: int) -> None:
        self.flagged[model_version] += outliers

    def unscored(self, reason: str, count: int) -> None:
        self.undetected[reason] += count

    def graded(self, model_version: str, role: str, count: int) -> None:
        self.rows[f"{model_version} {role}"] += count

    def ungraded(self, reason: str, count: int) -> None:
        self.lost[reason] += count

    def concept(self, model: str, phases: Sequence[str]) -> None:
        self.phases.update(phases)

    def filled(self, model: str, model_version: str, fill: float) -> None:
        self.fill[model_version] = fill

    def judged(self, model: str, model_version: str, phases: Sequence[str]) -> None:
        self.phases.update(phases)


@dataclass
class FakeReferences:
    """Those of versions; raises what it is given first."""

    known: Mapping[tuple[str, str], Watched]
    errors: list[Exception] = field(default_factory=list)

    async def __call__(self, model: str, version: str) -> Watched | None:
        if self.errors:
            raise self.errors.pop()
        return self.known.get((model, version))


def features(random: Random) -> dict[str, Any]:
    spent, method = round(random.uniform(0, 700), 2), random.choice([*METHODS, "a new one"])
    return {"orders": random.randrange(30), "spent": spent, "method": method}


def answer(random: Random) -> dict[str, Any]:
    return {"predictions": [1 - (p := random.random()), p], "features": features(random)}


def result(offset: int, partition: int = 0, *, at_ms: int = NOON_MS, **more: Any) -> Record:
    """A record of the results topic; `more` takes the place of, or comes to, what a result of one row has."""
    body = {
        "request_id": f"r-{partition}-{offset}",
        "entity": "c-1",
        "status": "ok",
        "model": "m",
        "model_version": "v1",
        "requested_at": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(),
        "scored_at": datetime.fromtimestamp(at_ms / 1000 + 0.004, UTC).isoformat(),
        "key_id": "aaaaaaaaaaa",
        **more,
    }
    return Record(TOPIC, partition, offset, at_ms, b"c-1", encode(body), ())


def stage(references: FakeReferences | None = None, counters: FakeMonitorCounters | None = None) -> Sketching:
    known = references or FakeReferences({("m", "v1"): watched()})
    counts = counters or FakeMonitorCounters()
    return Sketching(known, counts, SKETCHES, SLOT_MS, Spotting(OUTLIERS, counts))


def detected(seed: int = 1) -> Watched:
    """A version whose detector knows rows of orders below 20, spent below 500, and hardly any method but card."""
    random = np.random.default_rng(seed)
    methods = random.choice([1, 2], 4000, p=[0.99, 0.01])
    columns = [random.integers(0, 20, 4000), random.uniform(0, 500, 4000), methods]
    matrix = np.array(columns, dtype=np.float32).T
    said, graph = fitted(Order(contamination=0.02), SIGNATURE, matrix[:2000], matrix[2000:], None, seed)
    return replace(watched(seed), detector=load(graph, said, SIGNATURE, None))


def batch(records: Sequence[Record]) -> Batch:
    return Batch(TOPIC, records)


def cells(emissions: Sequence[Emission]) -> Iterator[CellSketch]:
    for emission in emissions:
        if emission.topic != SKETCHES:
            continue
        read = read_sketched(emission.value)
        assert isinstance(read, CellSketch)
        yield read
