"""The present window of one model version, and all that is needed to go on with it elsewhere."""

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from agents.rows import Rows, most_keys, read_rows, without, written
from models.drift import DriftState, Reference, Sketch, merged
from models.outliers.rate_episode import RateEpisode
from schemas.errors import Undecodable
from schemas.sketches import OTHERS, CellSketch

AHEAD_MS = 5 * 60_000
"""How far clocks may be apart."""


class SavedPart(Struct, frozen=True, array_like=True):
    topic: str
    partition: int
    cell: int
    last: int
    rows: Mapping[str, bytes]
    times: Mapping[int, int]
    flagged: tuple[int, int] = (0, 0)


class SavedWatch(Struct, frozen=True):
    """A watch as it lies on `monitor-state`. offset: of the last sketch that it counts, at `place`, a partition."""

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
    place: str = ""


encode_saved = Encoder().encode
_decode = Decoder(SavedWatch).decode
_COMPRESSED = b"\x78"


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

    offset: of the last sketch that was counted, at `place`. times: rows by the slot that they were asked for in.
    ended_ms: rows from before are late, as the last window was judged. before: rows by key in earlier windows, old ones
    for less. flagged: rows that the outlier detector looked at, outliers among them. outlying: where too many were.
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
    place: str = ""

    def take(self, said: CellSketch) -> None:
        """Count what is new in it. Raises Undecodable where it holds no sketches of this version."""
        place = said.topic, said.partition
        part = self.parts.get(place)
        if part is not None and (said.cell, said.last) <= (part.cell, part.last):
            return
        rows = read_rows(self.reference, said.rows)
        times, scored, outliers = Counter(said.times), said.scored, said.outliers
        holds = part is not None and part.cell == said.cell and said.first <= part.last
        if part is not None and holds and (new := without(rows, part.rows)) is not None:
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

    def hold(self, now_ms: int) -> None:
        """No row is from beyond now, which a clock may have said that was ahead: a window would wait for that."""
        if self.ended_ms > now_ms + AHEAD_MS:
            self.ended_ms = now_ms
        for slot_ms in [slot_ms for slot_ms in self.times if slot_ms > now_ms + AHEAD_MS]:
            self.times[now_ms] += self.times.pop(slot_ms)

    def whole(self) -> Sketch:
        """All its rows."""
        return merged(self.reference, self.rows.values())

    def next(self, drift: DriftState, ended_ms: int) -> None:
        """Begin the next window. ended_ms: rows from before are late there."""
        now = {key_id: sketch.rows for key_id, sketch in self.rows.items()}
        self.before = Counter({key_id: count // 2 for key_id, count in self.before.items() if count > 1})
        self.before.update(now)
        self.drift, self.ended_ms, self.late = drift, max(ended_ms, self.ended_ms), 0
        self.rows, self.times, self.flagged = {}, Counter(), (0, 0)

    def _whose(self, key_id: str) -> Sketch:
        if key_id not in self.rows and len(self.rows) >= most_keys(self.reference):
            key_id = OTHERS
        return self.rows.setdefault(key_id, Sketch(self.reference))

    def saved(self) -> bytes:
        """All of it, for `resumed`; in a third of its bytes, as one record must hold a thousand features."""
        parts = tuple(
            SavedPart(*place, part.cell, part.last, written(part.rows), part.times, part.flagged)
            for place, part in self.parts.items()
        )
        said = encode_saved(
            SavedWatch(
                self.offset,
                parts,
                written(self.rows),
                self.times,
                self.ended_ms,
                self.late,
                self.before,
                self.drift,
                self.flagged,
                self.outlying,
                self.place,
            )
        )
        return zlib.compress(said, 1)


def resumed(reference: Reference, content: bytes, place: str = "") -> Watch:
    """The watch that was saved, to go on at a place. Raises Undecodable, DecodeError where it is none of this
    reference's."""
    try:
        saved = _decode(zlib.decompress(content) if content.startswith(_COMPRESSED) else content)
    except zlib.error as error:
        raise Undecodable("invalid", f"not a watch: {error}") from None
    parts = {
        (part.topic, part.partition): Part(
            part.cell, part.last, read_rows(reference, part.rows), part.times, part.flagged
        )
        for part in saved.parts
    }
    return Watch(
        reference,
        saved.drift,
        saved.offset if saved.place == place else -1,
        parts,
        read_rows(reference, saved.rows),
        Counter(saved.times),
        saved.ended_ms,
        saved.late,
        Counter(saved.before),
        saved.flagged,
        saved.outlying,
        place,
    )
