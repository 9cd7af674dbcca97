"""What a report shows of each feature: its last verdict, histogram, PSI over time and episodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from models.drift import Distribution, Reference, few_bins
from schemas.drift_events import Bin, DriftEvent
from schemas.drift_windows import Bins, DriftWindow, FeatureWindow
from streams.drift_report.told import Key, Point, Span, key_of


@dataclass(frozen=True, slots=True)
class Shown:
    """One feature, or the answers. at: when the window of its histogram ended; None where only training is shown."""

    key: Key
    verdict: FeatureWindow | None
    bins: Bins | None
    at: datetime | None
    psi: tuple[tuple[datetime, float], ...]
    spans: tuple[Span, ...]

    @property
    def name(self) -> str:
        return self.key[1]

    @property
    def open(self) -> Span | None:
        """The episode that goes on."""
        return next((span for span in self.spans if span.resolved is None), None)

    @property
    def concept(self) -> bool:
        """Whether it is about wrong answers."""
        return self.key[0] == "concept"

    @property
    def by_windows(self) -> bool:
        """Whether windows tell of it: not so of wrong answers and outliers, which have episodes alone."""
        return self.key[0] not in ("concept", "outliers")

    @property
    def weight(self) -> tuple[bool, bool, float]:
        """By which features are put in order: those that drift first."""
        drifted = self.verdict is not None and self.verdict.drifted
        return drifted or self.open is not None, bool(self.spans), 0.0 if self.verdict is None else self.verdict.effect


def shown(
    latest: DriftWindow | None, points: Sequence[Point], spans: Sequence[Span], reference: Reference | None
) -> list[Shown]:
    """Every feature that was told of, what drifts and what moved most first."""
    verdicts = {} if latest is None else {key_of(one): one for one in latest.features}
    trained = {} if reference is None else _trained(reference)
    keys = dict.fromkeys([*(verdicts or trained), *(span.key for span in spans)])
    found = [
        _shown(key, verdicts.get(key), latest, trained.get(key), points, [span for span in spans if span.key == key])
        for key in keys
    ]
    return sorted(found, key=lambda one: one.weight, reverse=True)


def _shown(
    key: Key,
    verdict: FeatureWindow | None,
    latest: DriftWindow | None,
    trained: Bins | None,
    points: Sequence[Point],
    spans: list[Span],
) -> Shown:
    bins, at = trained, None
    told = max((span.last for span in spans), key=lambda event: event.timestamp, default=None)
    if told is not None:
        bins, at = _event_bins(told), told.timestamp
    if latest is not None and verdict is not None and verdict.bins is not None and (at is None or latest.end >= at):
        bins, at = verdict.bins, latest.end
    psi = tuple((point.end, point.psi[key]) for point in points if key in point.psi)
    return Shown(key, verdict, bins, at, psi, tuple(spans))


def _trained(reference: Reference) -> dict[Key, Bins | None]:
    return {
        (column.subject, column.name): few_bins(Distribution(column, np.zeros_like(column.counts)))
        for column in reference.columns
    }


def _event_bins(event: DriftEvent) -> Bins:
    found = event.drift_result.bins
    edges = tuple(one.high for one in found if one.high is not None)
    labels = tuple(one.label for one in found if one.label is not None)
    if labels:  # as `few_bins` has them, with a bin of other ones before that of unseen ones
        others = [one for one in found if one.where == "category" and one.label is None] or [Bin("category", 0, 0)]
        unseen = [one for one in found if one.where == "unseen"] or [Bin("unseen", 0, 0)]
        found = (*(one for one in found if one.label is not None), *others, *unseen)
    return Bins(tuple(one.reference for one in found), tuple(one.current for one in found), edges, labels)
