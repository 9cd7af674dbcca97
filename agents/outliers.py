"""Outliers among the rows that the monitor counts: each becomes an event, and so does a window of too many."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.drift_messages import HEADERS, Version, version_key
from agents.ports import MonitorCounters
from agents.sketched import Place, Row
from models.drift import Reference, Window
from models.outliers import Detector, StandOut, WindowRate
from models.outliers.base import Matrix
from models.outliers.rate_episode import RateEpisode, advance_rate, rate_event
from models.signature import Signature
from schemas.drift_events import DriftEvent
from schemas.message import Emission
from schemas.outlier_events import (
    OddFeature,
    OutlierEvent,
    OutlierRateEvent,
    OutlierResult,
    RateResult,
    encode_outlier,
    outlier_id,
    rate_id,
)
from schemas.wire import decode

EXPLAINED = 32
"""Outliers of one place and version whose features are looked into, the first ones: each costs a score per feature, and
where all rows are odd the monitor has to keep up."""


@dataclass(frozen=True, slots=True)
class Spotting:
    """Finds outliers; what it says of a row is the same however often the row is read. topic: where events go."""

    topic: str
    counters: MonitorCounters

    def __call__(
        self, signature: Signature, detector: Detector, rows: Sequence[Row], matrix: Matrix, told: Mapping[Place, int]
    ) -> tuple[Sequence[bool], list[Emission]]:
        """Which rows of one version are outliers, and the events.

        matrix: the rows encoded. told: how many outliers of a place were told before.
        """
        if not rows:
            return [], []
        scores = detector.score(matrix)
        flags = detector.flags(scores)
        by_place: dict[Place, list[int]] = defaultdict(list)
        for i in np.flatnonzero(flags).tolist():
            by_place[rows[i].place].append(i)
        self.counters.scored(str(rows[0].result.model_version), len(rows), int(flags.sum()))
        events = []
        for place, odd in by_place.items():
            looked_into = odd[: max(0, EXPLAINED - told.get(place, 0))]
            shown = detector.stand_out(matrix[looked_into], scores[looked_into])
            features = [_features(signature, rows[i], found) for i, found in zip(looked_into, shown, strict=True)]
            features += [()] * (len(odd) - len(features))
            events += [self._event(detector, rows[i], scores[i], of) for i, of in zip(odd, features, strict=True)]
        return flags.tolist(), events

    def _event(self, detector: Detector, row: Row, score: float, features: tuple[OddFeature, ...]) -> Emission:
        said, result = detector.said, row.result
        version, entity = result.model_version or "", result.entity or ""
        event = OutlierEvent(
            event_id=outlier_id(result.request_id, row.number, version),
            request_id=result.request_id,
            row=row.number,
            entity=entity,
            model=result.model or "",
            model_version=version,
            timestamp=result.scored_at,
            outlier_result=OutlierResult(said.detector, float(score), said.threshold, said.contamination, features),
        )
        return Emission(self.topic, entity.encode(), encode_outlier(event), HEADERS)


def window_rate(detector: Detector | None, flagged: tuple[int, int]) -> WindowRate | None:
    """None where no row was looked at. flagged: rows that were, outliers."""
    if detector is None or not flagged[0]:
        return None
    said = detector.said
    return WindowRate(said.detector, said.contamination, *flagged, chosen_on=said.rows)


def rate_steps(
    version: Version, episode: RateEpisode | None, window: Window, rate: WindowRate | None, reference: Reference
) -> tuple[RateEpisode | None, list[DriftEvent]]:
    """What a window's rate makes of an episode of too many outliers, and the event that tells it."""
    if rate is None:
        return episode, []
    episode, phase = advance_rate(version, episode, window, rate)
    if episode is None or phase is None:
        return episode, []
    trained = max(column.rows + column.missing for column in reference.columns)
    event = rate_event(version, episode, phase, window, rate, trained)
    return None if phase == "resolved" else episode, [event]


def rate_records(topic: str, version: Version, window: Window, rate: WindowRate | None) -> list[Emission]:
    """An event where too many rows of a window are outliers."""
    if rate is None or not rate.high:
        return []
    result = RateResult(
        detector=rate.detector,
        rows=rate.rows,
        outliers=rate.outliers,
        rate=rate.share,
        contamination=rate.contamination,
        p_value=rate.p_value,
        first=window.start,
        last=window.end,
    )
    event = OutlierRateEvent(rate_id(*version, window.id), *version, window.end, result)
    return [Emission(topic, version_key(version), encode_outlier(event), HEADERS)]


def _features(signature: Signature, row: Row, found: Sequence[StandOut]) -> tuple[OddFeature, ...]:
    """As they were scored: a text, where a category is encoded as a number."""
    scored: Any = decode(bytes(row.answer.features))
    categories = {feature.name: feature.categories for feature in signature.features}
    return tuple(
        OddFeature(one.feature, scored[one.feature], _typical(categories[one.feature], one.typical), one.fall)
        for one in found
    )


def _typical(categories: Sequence[str], value: float) -> float | str | None:
    if not categories:
        return value
    return categories[int(value) - 1] if value >= 1 else None
