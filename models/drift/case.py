"""The case file of a drift: what an analyst needs, in an event."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from models.drift.bins import bins
from models.drift.episode import DriftState, Episode
from models.drift.feature_verdict import FeatureVerdict
from models.drift.verdict import Verdict
from schemas.drift_events import Bin, DriftEvent, DriftResult, Phase, Severity, StrangeRate, Subject, Weight


class About(NamedTuple):
    """What has drifted, of which model version."""

    model: str
    version: str
    subject: Subject
    feature: str


class Told(Protocol):
    """An episode of any kind, as its events tell it."""

    @property
    def event_id(self) -> str: ...
    @property
    def first_seen(self) -> datetime: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def windows(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Share:
    """What is no feature but a share of rows: wrong answers, outliers. bins: rows that are not so, rows that are."""

    test: str
    distance: float
    effect: float
    bins: tuple[Bin, Bin]
    p_value: float | None = None
    alpha: float = 0.0
    threshold: float | None = None


def drift_event(
    phase: Phase, state: DriftState, episode: Episode, one: FeatureVerdict, verdict: Verdict, at: datetime
) -> DriftEvent:
    """The event of this phase of an episode, with what the window said of its feature. at: the window's end."""
    about = About(state.model, state.version, one.subject, one.name)
    event = _event(phase, about, episode, _result(one, verdict), at)
    return replace(event, cause=episode.cause, source=episode.source)


def share_event(phase: Phase, about: About, episode: Told, share: Share, at: datetime) -> DriftEvent:
    """The event of this phase of an episode of a share."""
    drifts = phase != "resolved"
    result = DriftResult(
        drift_detected=drifts,
        test=share.test,
        p_value=share.p_value,
        distance=share.distance,
        effect=share.effect,
        distances={},
        correction="none",
        alpha=share.alpha,
        threshold=share.threshold,
        smallest_p=None,
        reference_rows=sum(each.reference for each in share.bins),
        current_rows=sum(each.current for each in share.bins),
        bins=share.bins,
        rates=(),
        drifted_features=(about.feature,) if drifts else (),
        top_features=(),
    )
    return _event(phase, about, episode, result, at)


def _event(phase: Phase, about: About, episode: Told, result: DriftResult, at: datetime) -> DriftEvent:
    return DriftEvent(
        event_id=episode.event_id,
        event_type="drift_resolved" if phase == "resolved" else "drift_detected",
        phase=phase,
        severity=episode.severity,
        model=about.model,
        model_version=about.version,
        subject=about.subject,
        feature=about.feature,
        timestamp=at,
        first_seen=episode.first_seen,
        windows=episode.windows,
        drift_result=result,
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
