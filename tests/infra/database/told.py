"""What the monitor tells, as it lies on its topics."""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from schemas.drift_events import Bin, DriftEvent, DriftResult, Phase, Severity, StrangeRate, Weight
from schemas.drift_windows import DriftWindow, FeatureWindow
from schemas.outlier_events import OddFeature, OutlierEvent, OutlierRateEvent, OutlierResult, RateResult
from tests.infra.database.rows import MOMENT

CASE = DriftResult(
    drift_detected=True,
    test="ks",
    p_value=1e-9,
    distance=0.31,
    effect=0.31,
    distances={"ks": 0.31, "psi": 0.4},
    correction="bonferroni",
    alpha=0.05,
    threshold=0.05 / 22,
    smallest_p=1e-9,
    reference_rows=5000,
    current_rows=1000,
    bins=(
        Bin("below", 0, 0, high=1.0),
        Bin("within", 3000, 300, low=1.0, high=50.0),
        Bin("within", 2000, 500, low=50.0, high=90.0),
        Bin("above", 0, 200, low=90.0),
    ),
    rates=(StrangeRate("missing", 0.01, 0.2, risen=True),),
    drifted_features=("spent",),
    top_features=(Weight("spent", 0.2), Weight("orders", 0.01)),
)


def step(event_id: str, phase: Phase = "opened", minute: int = 0, windows: int = 1, **changes: Any) -> DriftEvent:
    """One step of an episode of m's feature `spent`; `minute` after noon, roughly."""
    event = DriftEvent(
        event_id=event_id,
        event_type="drift_resolved" if phase == "resolved" else "drift_detected",
        phase=phase,
        severity="warning",
        model="m",
        model_version="v1",
        subject="feature",
        feature="spent",
        timestamp=MOMENT + timedelta(minutes=minute),
        first_seen=MOMENT - timedelta(minutes=1),
        windows=windows,
        drift_result=CASE,
    )
    return replace(event, **changes)


def window(name: str, minute: int = 0, *, drift: bool = False, **changes: Any) -> DriftWindow:
    """A window of m v1 with one feature."""
    severity: Severity | None = "warning" if drift else None
    feature = FeatureWindow("spent", "feature", "tested", "ks", 0.4, 0.02, 0.02, {"ks": 0.02}, drift)
    end = MOMENT + timedelta(minutes=minute)
    found = DriftWindow(
        "m", "v1", name, end - timedelta(minutes=1), end, "tested", 1000, 3, drift, severity, "bonferroni", 0.05,
        0.0023, 0.4, (feature,),
    )  # fmt: skip
    return replace(found, **changes)


def outlier(event_id: str, **changes: Any) -> OutlierEvent:
    odd = OddFeature("spent", 9e9, 40.0, 0.3)
    result = OutlierResult("isolation_forest", 0.8, 0.6, 0.01, (odd,))
    return replace(OutlierEvent(event_id, "r-1", 0, "c-42", "m", "v1", MOMENT, result), **changes)


def rate(event_id: str, **changes: Any) -> OutlierRateEvent:
    result = RateResult("isolation_forest", 1000, 90, 0.09, 0.01, 1e-20, MOMENT, MOMENT)
    return replace(OutlierRateEvent(event_id, "m", "v1", MOMENT, result), **changes)
