"""How much is measured."""

from dataclasses import asdict, dataclass
from typing import Any

PARTS = (
    "drain",
    "sink",
    "labels",
    "retraining",
    "roundtrip",
    "memory",
    "admission",
    "routing",
    "switch",
    "shadow",
    "drift",
)


@dataclass(frozen=True)
class Options:
    """requests: in a drain through the pipeline. stock_records, loop_records: in the drains it is compared with.

    callers, http_callers: closed loops at once. seconds: of each. memory_records: requests between the first and
    the last of memory_looks at resident memory. admission_batches: of 500 records, by the admit stage and its limiter
    alone.

    routing_records, routing_rounds: in a drain under one route, and how often each route has its turn. switches: of
    each kind, and requests a second meanwhile. forest_rows: that the large model is trained on. shadow_rounds: pairs of
    `seconds` without and with a shadow, requests a second meanwhile, and for how many seconds before, with a shadow.
    drift_rows: through the monitor's stages for their rate. thousand_rows: of 1000 features each. drift_seeds: onsets
    of a drift, each of a feature's turn.

    labels: joined with their predictions, in each order. retraining_rows: that one retraining learns from.
    """

    parts: tuple[str, ...] = PARTS
    repeats: int = 3
    model: str = "logistic_regression"
    requests: int = 200_000
    labels: int = 30_000
    retraining_rows: int = 100_000
    stock_records: int = 20_000
    loop_records: int = 1_000_000
    callers: tuple[int, ...] = (1, 10, 50, 200)
    http_callers: tuple[int, ...] = (1, 10, 50)
    seconds: float = 6.0
    memory_records: int = 1_000_000
    memory_looks: int = 10
    admission_batches: int = 200
    routing_records: int = 20_000
    routing_rounds: int = 12
    switches: int = 10
    switch_rate: int = 500
    forest_rows: int = 20_000
    shadow_rounds: int = 9
    shadow_rate: int = 50
    """Broker, scorer, shadow and caller share a machine: two cores have nothing to spare for the shadow at 200."""
    shadow_warm_up: float = 40.0
    drift_rows: int = 40_000
    thousand_rows: int = 2500
    drift_seeds: int = 21

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


QUICK = Options(
    repeats=2,
    requests=20_000,
    labels=5_000,
    retraining_rows=10_000,
    stock_records=3_000,
    loop_records=100_000,
    seconds=2,
    memory_records=100_000,
    admission_batches=20,
    routing_records=5_000,
    routing_rounds=3,
    switches=4,
    shadow_rounds=3,
    shadow_warm_up=5,
    drift_rows=4_000,
    drift_seeds=3,
)
