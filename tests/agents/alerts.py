"""Drift events, and who counts their alerts."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.drift_events import DriftEvent, DriftResult, encode_drift
from schemas.message import Record

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RESULT = DriftResult(
    drift_detected=True,
    test="ks",
    p_value=1e-9,
    distance=0.4,
    effect=0.4,
    distances={"ks": 0.4},
    correction="bonferroni",
    alpha=0.05,
    threshold=0.002,
    smallest_p=1e-9,
    reference_rows=5000,
    current_rows=1000,
    bins=(),
    rates=(),
    drifted_features=("spent",),
    top_features=(),
)


def event(number: int = 1, minutes: int = 1, **more: Any) -> DriftEvent:
    """A step of episode `number`, so long after noon."""
    given = {
        "event_id": f"e{number}",
        "event_type": "drift_detected",
        "phase": "opened",
        "severity": "warning",
        "model": "m",
        "model_version": "v1",
        "subject": "feature",
        "feature": "spent",
        "timestamp": NOON + timedelta(minutes=minutes),
        "first_seen": NOON,
        "windows": 1,
        "drift_result": RESULT,
    }
    return DriftEvent(**{**given, **more})


def record(offset: int, said: DriftEvent | bytes, partition: int = 0) -> Record:
    value = said if isinstance(said, bytes) else encode_drift(said)
    return Record("drift-events", partition, offset, 0, b"m:spent", value, ())


@dataclass
class FakeAlertCounters:
    """Remembers what was counted."""

    out: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)

    def alerted(self, handler: str, severity: str) -> None:
        self.out[handler, severity] += 1

    def unalerted(self, handler: str, reason: str) -> None:
        self.lost[handler, reason] += 1
