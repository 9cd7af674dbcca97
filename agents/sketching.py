"""The monitor's first stage: results become sketches of their features, exact however often they are read."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agents.ports import MonitorCounters
from agents.sketched import ScoredRow, read_scored
from models.drift import Reference, Sketch, sketch_bytes
from models.features import encode
from models.profile import answer_column
from models.signature import Signature
from models.tasks import columns_of, scores_of
from schemas.headers import CURRENT_SCHEMA, SCHEMA_VERSION
from schemas.message import Batch, Emission, Record
from schemas.sketches import SKETCHED, CellSketch, SlotSketch, encode_sketch

_HEADERS = ((SCHEMA_VERSION, CURRENT_SCHEMA),)

Version = tuple[str, str]
"""(model, version)."""
Place = tuple[int, int]
"""A cell: (partition, which multiple of `SKETCHED` it begins at)."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A model version whose features are watched."""

    signature: Signature
    reference: Reference


References = Callable[[str, str], Awaitable[Watched | None]]
"""(model, version) -> what its rows are held against; None where there is nothing. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The rows of one version in one slot of time."""

    sketch: Sketch
    keys: Counter[str]

    def add(self, other: "Slot") -> None:
        self.sketch.merge(other.sketch)
        self.keys.update(other.keys)


Slots = dict[tuple[Version, int], Slot]
"""(version, when the slot begins in epoch milliseconds) -> its rows."""


@dataclass(slots=True)
class Cell:
    """What was counted of one place, up to the offset `last`."""

    number: int
    last: int = -1
    slots: Slots = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    place: Place
    start_ms: int
    key_id: str
    answer: ScoredRow


@dataclass(frozen=True, slots=True)
class Sketching:
    """The stage: for each place of the batch and each version there, a sketch of all that was read of it.

    After a restart places are read again from their beginnings: what was counted then is counted again, and once.
    slot_ms: the length of a slot of time; 0 where time does not count.
    """

    references: References
    counters: MonitorCounters
    sketches: str
    slot_ms: int
    _open: dict[int, Cell] = field(default_factory=dict)

    async def __call__(self, batch: Batch) -> list[Emission]:
        rows, ends = self._read(batch.records)
        # All that may fail comes before anything is kept: the batch may be asked again.
        found = [(place, slots) for version, some in rows.items() for place, slots in await self._count(version, some)]
        emissions = [emission for place in ends for emission in self._keep(batch.topic, place, ends[place], found)]
        batch.needed.update({partition: cell.number * SKETCHED for partition, cell in self._open.items()})
        return emissions

    def give_up(self, record: Record, attempts: int, error_id: str) -> list[Emission]:
        """Nothing in place of a record that keeps crashing the monitor: the sink has it."""
        self.counters.unsketched("crashed", 1)
        return []

    def _read(self, records: Sequence[Record]) -> tuple[dict[Version, list[Row]], dict[Place, int]]:
        """The rows that are new, and up to which offset each place is read then, in order."""
        rows: dict[Version, list[Row]] = defaultdict(list)
        ends: dict[Place, int] = {}
        for record in records:
            place = record.partition, record.offset // SKETCHED
            if record.offset > ends.get(place, self._last(place)):
                ends[place] = record.offset
                self._add_rows(rows, place, record)
        return rows, ends

    def _last(self, place: Place) -> int:
        kept = self._open.get(place[0])
        return kept.last if kept is not None and kept.number == place[1] else -1

    def _add_rows(self, rows: dict[Version, list[Row]], place: Place, record: Record) -> None:
        result = read_scored(record)
        if result is None or result.status != "ok" or result.model is None or result.model_version is None:
            return
        start_ms = result.requested_ms // self.slot_ms * self.slot_ms if self.slot_ms else 0
        some, key_id = rows[result.model, result.model_version], result.key_id or ""
        some.extend(Row(place, start_ms, key_id, answer) for answer in result.answers())

    async def _count(self, version: Version, rows: Sequence[Row]) -> list[tuple[Place, Slots]]:
        watched = await self.references(*version)
        if watched is None:
            self.counters.unsketched("no_reference", len(rows))
            return []
        encoded = encode(watched.signature, [row.answer.features for row in rows])
        answers = _answers(watched.signature, rows)
        by_slot: dict[tuple[Place, int], list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            if i not in encoded.errors:
                by_slot[row.place, row.start_ms].append(i)
        found: list[tuple[Place, Slots]] = []
        for (place, start_ms), some in by_slot.items():
            slot = Slot(Sketch(watched.reference), Counter(rows[i].key_id for i in some))
            slot.sketch.add(encoded.matrix[some], answers[some])
            found.append((place, {(version, start_ms): slot}))
        self.counters.sketched(version[1], len(rows) - len(encoded.errors))
        if encoded.errors:
            self.counters.unsketched("other_features", len(encoded.errors))
        return found

    def _keep(self, topic: str, place: Place, end: int, found: Sequence[tuple[Place, Slots]]) -> list[Emission]:
        """Add what was found of a place to what is kept of it, and say what is known of it now."""
        partition, number = place
        cell = self._open.get(partition)
        if cell is None or cell.number != number:
            cell = self._open[partition] = Cell(number)
        cell.last = end
        touched: dict[Version, None] = {}
        for where, slots in found:
            for (version, start_ms), slot in slots.items() if where == place else ():
                touched[version] = None
                if (kept := cell.slots.get((version, start_ms))) is None:
                    cell.slots[version, start_ms] = slot
                else:
                    kept.add(slot)
        return [self._emission(topic, partition, cell, version) for version in touched]

    def _emission(self, topic: str, partition: int, cell: Cell, version: Version) -> Emission:
        slots = tuple(
            SlotSketch(start_ms, sketch_bytes(slot.sketch), slot.keys)
            for (whose, start_ms), slot in cell.slots.items()
            if whose == version
        )
        message = CellSketch(*version, topic, partition, cell.number, cell.last, slots)
        return Emission(self.sketches, version_key(version), encode_sketch(message), _HEADERS)


def version_key(version: Version) -> bytes:
    """The key of a version's records on the monitor's topics."""
    return "/".join(version).encode()


def _answers(signature: Signature, rows: Sequence[Row]) -> npt.NDArray[np.float32]:
    """The column of the answers; NaN for one that is none of the model's."""
    width = columns_of(signature)
    output = np.full((len(rows), width), np.nan)
    for place, row in enumerate(rows):
        if len(row.answer.predictions) == width:
            output[place] = row.answer.predictions  # null becomes NaN
    return answer_column(signature, scores_of(signature.task, output))
