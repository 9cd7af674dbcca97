"""The case file of a drift: what an analyst needs, in an event."""

from datetime import datetime

from models.drift.bins import bins
from models.drift.episode import DriftState, Episode
from models.drift.feature_verdict import FeatureVerdict
from models.drift.verdict import Verdict
from schemas.drift_events import DriftEvent, DriftResult, Phase, StrangeRate, Weight


def drift_event(
    phase: Phase, state: DriftState, episode: Episode, one: FeatureVerdict, verdict: Verdict, at: datetime
) -> DriftEvent:
    """The event of this phase of an episode, with what the window said of its feature. at: the window's end."""
    return DriftEvent(
        event_id=episode.event_id,
        event_type="drift_resolved" if phase == "resolved" else "drift_detected",
        phase=phase,
        severity=episode.severity,
        model=state.model,
        model_version=state.version,
        subject=one.subject,
        feature=one.name,
        timestamp=at,
        first_seen=episode.first_seen,
        windows=episode.windows,
        drift_result=_result(one, verdict),
        cause=episode.cause,
        source=episode.source,
    )


def _result(one: FeatureVerdict, verdict: Verdict) -> DriftResult:
    return DriftResult(
        drift_detected=one.drifted,
        test=one.test,
        p_value=one.p_value,
        distance=one.distance,
        effect=one.effect,
        distances=one.distances,
        correction=verdict.correction,
        alpha=verdict.alpha,
        threshold=verdict.threshold,
        smallest_p=verdict.smallest_p,
        reference_rows=one.distribution.reference.rows,
        current_rows=one.distribution.rows,
        bins=bins(one.distribution),
        rates=tuple(StrangeRate(r.kind, r.reference, r.current, r.kind in one.strange) for r in one.rates),
        drifted_features=verdict.drifted,
        top_features=tuple(Weight(name, weight) for name, weight in verdict.top),
    )
