"""The present window of one model version, and all that is needed to go on with it elsewhere."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from models.drift import DriftState, Reference, Sketch, merged, read_sketch, sketch_bytes
from models.outliers.rate_episode import RateEpisode
from schemas.sketches import OTHERS, CellSketch

MOST_KEYS = 16
"""Keys whose rows are told apart in a window; the rows of others are counted together."""

Rows = dict[str, Sketch]
"""By the key that sent them."""


class SavedPart(Struct, frozen=True, array_like=True):
    topic: str
    partition: int
    cell: int
    last: int
    rows: Mapping[str, bytes]
    times: Mapping[int, int]
    flagged: tuple[int, int] = (0, 0)


class SavedWatch(Struct, frozen=True):
    """A watch as it lies on `monitor-state`. offset: of the last sketch that it counts."""

    offset: int
    parts: tuple[SavedPart, ...]
    rows: Mapping[str, bytes]
    times: Mapping[int, int]
    ended_ms: int
    late: int
    before: Mapping[str, int]
    drift: DriftState
    flagged: tuple[int, int] = (0, 0)
    outlying: RateEpisode | None = None


encode_saved = Encoder().encode
_decode = Decoder(SavedWatch).decode


@dataclass(frozen=True, slots=True)
class Part:
    """What was last said of the place that a source partition is at."""

    cell: int
    last: int
    rows: Rows
    times: Mapping[int, int]
    flagged: tuple[int, int]


@dataclass(slots=True)
class Watch:
    """The rows of a version since its last window.

    offset: of the last sketch that was counted. times: rows by the slot that they were asked for in. ended_ms: rows
    from before are late, as the last window was judged. before: rows by key in earlier windows, old ones for less.
    flagged: rows that the outlier detector looked at, outliers among them. outlying: where too many were.
    """

    reference: Reference
    drift: DriftState
    offset: int = -1
    parts: dict[tuple[str, int], Part] = field(default_factory=dict)
    rows: Rows = field(default_factory=dict)
    times: Counter[int] = field(default_factory=Counter)
    ended_ms: int = 0
    late: int = 0
    before: Counter[str] = field(default_factory=Counter)
    flagged: tuple[int, int] = (0, 0)
    outlying: RateEpisode | None = None

    def take(self, said: CellSketch) -> None:
        """Count what is new in it. Raises Undecodable where it holds no sketches of this version."""
        place = said.topic, said.partition
        part = self.parts.get(place)
        if part is not None and (said.cell, said.last) <= (part.cell, part.last):
            return
        rows = {key_id: read_sketch(self.reference, content) for key_id, content in said.rows.items()}
        times, scored, outliers = Counter(said.times), said.scored, said.outliers
        if part is not None and part.cell == said.cell and (new := _without(rows, part.rows)) is not None:
            times.subtract(part.times)
            scored, outliers = scored - part.flagged[0], outliers - part.flagged[1]
        else:
            new = rows
        for key_id, sketch in new.items():
            self._whose(key_id).merge(sketch)
        self.times.update(times)
        self.flagged = self.flagged[0] + scored, self.flagged[1] + outliers
        self.late += sum(count for slot_ms, count in times.items() if slot_ms < self.ended_ms)
        self.parts[place] = Part(said.cell, said.last, rows, said.times, (said.scored, said.outliers))

    @property
    def count(self) -> int:
        return sum(sketch.rows for sketch in self.rows.values())

    @property
    def begun_ms(self) -> int | None:
        """When the window began; late rows belong to it and do not make it older."""
        slots = [slot_ms for slot_ms, count in self.times.items() if count > 0]
        return max(min(slots), self.ended_ms) if slots else None

    @property
    def newest_ms(self) -> int:
        return max((slot_ms for slot_ms, count in self.times.items() if count > 0), default=self.ended_ms)

    def whole(self) -> Sketch:
        """All its rows."""
        return merged(self.reference, self.rows.values())

    def next(self, drift: DriftState, ended_ms: int) -> None:
        """Begin the next window."""
        now = {key_id: sketch.rows for key_id, sketch in self.rows.items()}
        self.before = Counter({key_id: count // 2 for key_id, count in self.before.items() if count > 1})
        self.before.update(now)
        self.drift, self.ended_ms, self.late = drift, max(ended_ms, self.ended_ms), 0
        self.rows, self.times, self.flagged = {}, Counter(), (0, 0)

    def _whose(self, key_id: str) -> Sketch:
        if key_id not in self.rows and len(self.rows) >= MOST_KEYS:
            key_id = OTHERS
        return self.rows.setdefault(key_id, Sketch(self.reference))

    def saved(self) -> bytes:
        """All of it, for `resumed`."""
        parts = tuple(
            SavedPart(*place, part.cell, part.last, _written(part.rows), part.times, part.flagged)
            for place, part in self.parts.items()
        )
        return encode_saved(
            SavedWatch(
                self.offset,
                parts,
                _written(self.rows),
                self.times,
                self.ended_ms,
                self.late,
                self.before,
                self.drift,
                self.flagged,
                self.outlying,
            )
        )


def resumed(reference: Reference, content: bytes) -> Watch:
    """The watch that was saved. Raises Undecodable, DecodeError where it is none of this reference's."""
    saved = _decode(content)
    parts = {
        (part.topic, part.partition): Part(part.cell, part.last, _read(reference, part.rows), part.times, part.flagged)
        for part in saved.parts
    }
    return Watch(
        reference,
        saved.drift,
        saved.offset,
        parts,
        _read(reference, saved.rows),
        Counter(saved.times),
        saved.ended_ms,
        saved.late,
        Counter(saved.before),
        saved.flagged,
        saved.outlying,
    )


def _without(rows: Rows, known: Rows) -> Rows | None:
    """What is new; None where what was known is no part of it, as after a reset of offsets to within a place."""
    new: Rows = {}
    for key_id, sketch in rows.items():
        new[key_id] = Sketch(sketch.reference)
        new[key_id].merge(sketch)
        if key_id in known:
            try:
                new[key_id].subtract(known[key_id])
            except ValueError:
                return None
    return new if known.keys() <= rows.keys() else None


def _written(rows: Rows) -> dict[str, bytes]:
    return {key_id: sketch_bytes(sketch) for key_id, sketch in rows.items()}


def _read(reference: Reference, rows: Mapping[str, bytes]) -> Rows:
    return {key_id: read_sketch(reference, content) for key_id, content in rows.items()}
