"""What the topics tell of a model's drift, in as much space as a report needs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from schemas.drift_events import DriftEvent, Severity, read_drift
from schemas.drift_windows import DriftWindow, FeatureWindow, read_window
from schemas.errors import Undecodable

Key = tuple[str, str]
"""(subject, feature): an answer may have the name of a feature."""
Step = tuple[str, str, datetime, int]
"""(event_id, phase, timestamp, windows): two windows may end in one moment."""


@dataclass(frozen=True, slots=True)
class Point:
    """A window. psi: of each feature of which it was measured. drifted: the features that did."""

    end: datetime
    rows: int
    psi: Mapping[Key, float]
    drifted: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Span:
    """An episode. opened: its first event that was read. resolved: None of one that goes on. last: its last event."""

    key: Key
    opened: datetime
    worsened: tuple[datetime, ...]
    resolved: datetime | None
    last: DriftEvent

    @property
    def severity(self) -> Severity:
        return self.last.severity


@dataclass(slots=True)
class Told:
    """What was read of one model; a window or event that comes again counts once. unread: records that are neither."""

    model: str
    others: set[str] = field(default_factory=set)
    unread: int = 0
    _points: dict[str, dict[str, Point]] = field(default_factory=lambda: defaultdict(dict))
    _latest: dict[str, DriftWindow] = field(default_factory=dict)
    _events: dict[str, dict[Step, DriftEvent]] = field(default_factory=lambda: defaultdict(dict))

    def add_window(self, value: bytes | None) -> None:
        try:
            window = read_window(value)
        except Undecodable:
            self.unread += 1
            return
        if window.model != self.model:
            self.others.add(window.model)
            return
        version = window.model_version
        self._points[version][window.window] = _point(window)
        if version not in self._latest or window.end >= self._latest[version].end:
            self._latest[version] = window

    def add_event(self, value: bytes | None) -> None:
        try:
            event = read_drift(value)
        except Undecodable:
            self.unread += 1
            return
        if event.model == self.model:
            step = event.event_id, event.phase, event.timestamp, event.windows
            self._events[event.model_version][step] = event

    @property
    def versions(self) -> list[str]:
        """Those that have a window, the one with the latest last."""
        return sorted(self._latest, key=lambda version: self._latest[version].end)

    def latest(self, version: str) -> DriftWindow | None:
        return self._latest.get(version)

    def points(self, version: str) -> list[Point]:
        """Its windows, oldest first."""
        return sorted(self._points.get(version, {}).values(), key=lambda point: point.end)

    def spans(self, version: str) -> list[Span]:
        """Its episodes, the one that opened last first."""
        steps: dict[str, list[DriftEvent]] = defaultdict(list)
        for event in self._events.get(version, {}).values():
            steps[event.event_id].append(event)
        return sorted(map(_span, steps.values()), key=lambda span: span.opened, reverse=True)


def key_of(one: FeatureWindow | DriftEvent) -> Key:
    return one.subject, one.feature


def _point(window: DriftWindow) -> Point:
    psi = {key_of(one): one.distances["psi"] for one in window.features if "psi" in one.distances}
    return Point(window.end, window.rows, psi, frozenset(key_of(one) for one in window.features if one.drifted))


def _span(steps: Sequence[DriftEvent]) -> Span:
    told = sorted(steps, key=lambda event: (event.timestamp, event.windows))
    ended = [event.timestamp for event in told if event.phase == "resolved"]
    worsened = tuple(event.timestamp for event in told if event.phase == "worsened")
    return Span(key_of(told[0]), told[0].timestamp, worsened, ended[-1] if ended else None, told[-1])
