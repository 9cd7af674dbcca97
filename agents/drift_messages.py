"""What the monitor says of windows and drifts, as records."""

from models.drift import Verdict, Window, few_bins
from schemas.drift_events import DriftEvent, encode_drift
from schemas.drift_windows import DriftWindow, FeatureWindow, encode_window
from schemas.headers import CURRENT_SCHEMA, SCHEMA_VERSION
from schemas.message import Emission

HEADERS = ((SCHEMA_VERSION, CURRENT_SCHEMA),)

Version = tuple[str, str]
"""(model, version)."""


def version_key(version: Version) -> bytes:
    """The key of a version's records on the monitor's topics."""
    return "/".join(version).encode()


def event_record(topic: str, event: DriftEvent) -> Emission:
    return Emission(topic, f"{event.model}:{event.feature}".encode(), encode_drift(event), HEADERS)


def window_record(topic: str, version: Version, window: Window, verdict: Verdict, late: int) -> Emission:
    return Emission(topic, version_key(version), encode_window(drift_window(version, window, verdict, late)), HEADERS)


def drift_window(version: Version, window: Window, verdict: Verdict, late: int) -> DriftWindow:
    """The message about a window."""
    return DriftWindow(
        model=version[0],
        model_version=version[1],
        window=window.id,
        start=window.start,
        end=window.end,
        outcome=verdict.outcome,
        rows=verdict.rows,
        late_rows=late,
        drift=verdict.drift,
        severity=verdict.severity,
        correction=verdict.correction,
        alpha=verdict.alpha,
        threshold=verdict.threshold,
        smallest_p=verdict.smallest_p,
        features=tuple(
            FeatureWindow(
                one.name,
                one.subject,
                one.state,
                one.test,
                one.p_value,
                one.distance,
                one.effect,
                one.distances,
                one.drifted,
                few_bins(one.distribution),
            )
            for one in verdict.all
        ),
    )
