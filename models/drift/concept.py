"""Concept drift: what a model gets wrong changes, found in the stream of its errors or losses by river's detectors."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from models.signature import FloatVector
from schemas.errors import InvalidRequest

MOST = 4096
"""Values that a detector is made of, at most; reached, the later half is kept."""
_FEWEST = 5
"""Values on either side of where a change is sought."""


@dataclass(frozen=True)
class _Kind:
    """make: a detector that has seen nothing. block: how many values it is given the mean of.

    spread: the standard deviation to which values are shrunk that vary more, as its threshold is meant for that.
    """

    make: Callable[[], Any]
    block: int = 1
    spread: float | None = None


def _adwin() -> Any:
    from river import drift

    adwin: Any = drift.ADWIN  # typed in part, unlike the others
    return adwin(delta=0.002)


def _page_hinkley() -> Any:
    from river import drift

    return drift.PageHinkley(delta=0.005, threshold=50.0)


def _kswin() -> Any:
    from river import drift

    return drift.KSWIN(alpha=0.0001, window_size=120, stat_size=40, seed=0)


KINDS: Mapping[str, _Kind] = {
    "adwin": _Kind(_adwin),
    "page_hinkley": _Kind(_page_hinkley, spread=0.4),
    # It compares distributions, of which errors of 0 and 1 have none to speak of, and takes a millisecond each time.
    "kswin": _Kind(_kswin, block=10),
}
"""Errors that double from 20 % are found after 170, 220 and 320 values, by the median; of 100 000 values without a
change two bring a false alarm at the most.

Sources: Bifet and Gavaldà, "Learning from time-changing data with adaptive windowing" (SDM 2007); Page, "Continuous
inspection schemes" (Biometrika 1954); Raab, Heusinger and Schleif, "Reactive soft prototype computing for concept
drift streams" (Neurocomputing 2020).
"""


class Detection(NamedTuple):
    """A change. place: of the value at which it was found. since: of the value from which on it is likeliest to hold.

    Places are counted from 0 over all values that the detector was given. before, after: the means on both sides of
    `since`, as far back as the detector remembers, which is so many `values`; a loss that rises is a model that got
    worse.
    """

    detector: str
    place: int
    since: int
    before: float
    after: float
    values: int


class ConceptDetector:
    """One of KINDS on a stream of errors or losses from 0 to 1.

    It is a function of the values since its last detection, MOST at the most, which are its whole state: one that is
    restored goes on as if it had never stopped.
    """

    def __init__(self, name: str, seen: int = 0, values: Iterable[float] = ()) -> None:
        if name not in KINDS:
            raise InvalidRequest(f"unknown concept drift detector {name!r}: choose one of {', '.join(KINDS)}")
        self.name = name
        self.seen = seen
        self._replay(list(values))

    def update(self, values: FloatVector) -> list[Detection]:
        """What is found in the next values of the stream, in its order; what is no number is passed over."""
        found = []
        for value in values[np.isfinite(values)].tolist():
            self.seen += 1
            if self._is_changed_by(value):
                found.append(self._detection())
                self._replay([])
            elif len(self._values) == MOST:
                self._replay(self._values[MOST // 2 :])
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain data, for `from_json`."""
        return {"detector": self.name, "seen": self.seen, "values": list(self._values)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ConceptDetector":
        return cls(data["detector"], data["seen"], data["values"])

    def _replay(self, values: list[float]) -> None:
        """Begin anew with these; a change among them is an old one, behind which it begins again."""
        self._start()
        for value in values:
            if self._is_changed_by(value):
                self._start()

    def _start(self) -> None:
        self._values: list[float] = []
        self._sum = self._squares = 0.0
        self._detector = KINDS[self.name].make()

    def _is_changed_by(self, value: float) -> bool:
        kind = KINDS[self.name]
        self._values.append(value)
        if len(self._values) % kind.block:
            return False
        mean = sum(self._values[-kind.block :]) / kind.block
        self._detector.update(mean if kind.spread is None else mean * self._shrunk(value, kind.spread))
        return bool(self._detector.drift_detected)

    def _shrunk(self, value: float, spread: float) -> float:
        """What the values so far, and this one, are to be multiplied by to vary no more than that."""
        self._sum += value
        self._squares += value * value
        count = len(self._values)
        deviation = sqrt(max(self._squares / count - (self._sum / count) ** 2, 0.0))
        return spread / max(deviation, spread)

    def _detection(self) -> Detection:
        values = np.array(self._values)
        at = _likeliest_change(values)
        since = self.seen - len(values) + at
        before, after = float(values[:at].mean()), float(values[at:].mean())
        return Detection(self.name, self.seen - 1, since, before, after, len(values))


def _likeliest_change(values: FloatVector) -> int:
    """Where two means, one up to there and one from there, fit best."""
    count = len(values)
    places = np.arange(_FEWEST, count - _FEWEST + 1)
    excess = np.cumsum(values - values.mean())[places - 1]
    return int(places[np.argmax(excess**2 / (places * (count - places)))])
