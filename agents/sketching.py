"""The monitor's first stage: results become sketches of their features, exact however often they are read."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agents.cell import Cell, Counted
from agents.drift_messages import HEADERS, Version, version_key
from agents.outliers import Spotting
from agents.ports import MonitorCounters
from agents.rows import most_keys
from agents.sketched import Place, Row, answer_values, read_scored
from models.drift import Reference, Sketch, sketch_bytes
from models.features import Encoded, encode
from models.outliers import Detector
from models.signature import Signature
from schemas.message import Batch, Emission, Record
from schemas.sketches import OTHERS, SKETCHED, CellSketch, encode_sketch


@dataclass(frozen=True, slots=True)
class Watched:
    """A model version whose features are watched.

    undetected: why its outliers are not. threshold: from which score on a binary model answers yes. importance: of
    features, see `models.importance`; None where they are all alike.
    """

    signature: Signature
    reference: Reference
    detector: Detector | None = None
    undetected: str = "no_detector"
    threshold: float | None = None
    importance: Mapping[str, float] | None = None


References = Callable[[str, str], Awaitable[Watched | None]]
"""(model, version) -> what its rows are held against; None where there is nothing. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class Sketching:
    """The stage: for each place of the batch and each version there, a sketch of all that was read of it, and outliers.

    After a restart places are read again from their beginnings: what was counted then is counted again, and once.
    slot_ms: how long a slot of time is. logs: topic -> identity of its log.
    """

    references: References
    counters: MonitorCounters
    sketches: str
    slot_ms: int
    spotting: Spotting
    logs: Mapping[str, str] = field(default_factory=dict)
    _open: dict[int, Cell] = field(default_factory=dict)

    async def __call__(self, batch: Batch) -> list[Emission]:
        rows, ends = self._read(batch.records)
        # All that may fail comes before anything is kept: the batch may be asked again.
        found: dict[Place, list[tuple[Version, Counted]]] = {place: [] for place in ends}
        emissions: list[Emission] = []
        for version, some in rows.items():
            for place, counted in await self._count(version, some, emissions):
                found[place].append((version, counted))
        for place, parts in found.items():
            emissions += self._keep(batch.topic, place, ends[place], parts)
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
        # Nobody asks after the answer: a time that lies ahead would make later windows wait for it.
        asked_ms = min(result.requested_ms, record.timestamp) if record.timestamp > 0 else result.requested_ms
        slot_ms = asked_ms // self.slot_ms * self.slot_ms
        some, key_id = rows[result.model, result.model_version], result.key_id or OTHERS
        answers = enumerate(result.answers())
        some.extend(Row(place, record.offset, slot_ms, key_id, i, answer, result) for i, answer in answers)

    async def _count(
        self, version: Version, rows: Sequence[Row], events: list[Emission]
    ) -> list[tuple[Place, Counted]]:
        watched = await self.references(*version)
        if watched is None:
            self.counters.unsketched("no_reference", len(rows))
            return []
        encoded = encode(watched.signature, [row.answer.features for row in rows])
        answers = answer_values(watched.signature, rows)
        flags = self._flags(version, watched, rows, encoded, events)
        by_place = self._apart(version, watched, rows, encoded)
        found: list[tuple[Place, Counted]] = []
        for (place, key_id), some in by_place.items():
            sketch = Sketch(watched.reference)
            sketch.add(encoded.matrix[some], answers[some])
            times, flagged = Counter(rows[i].slot_ms for i in some), Counter(flags[i] for i in some if i in flags)
            found.append((place, Counted(rows[some[0]].offset, {key_id: sketch}, times, flagged)))
        self.counters.sketched(version[1], len(rows) - len(encoded.errors))
        if encoded.errors:
            self.counters.unsketched("other_features", len(encoded.errors))
        return found

    def _apart(
        self, version: Version, watched: Watched, rows: Sequence[Row], encoded: Encoded
    ) -> Mapping[tuple[Place, str], Sequence[int]]:
        """The rows of each place by key, where it is one of the place's first."""
        most, apart = most_keys(watched.reference), self._keys(version)
        found: dict[tuple[Place, str], list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            if i in encoded.errors:
                continue
            keys, key_id = apart[row.place], row.key_id
            if key_id not in keys:
                if len(keys) < most:
                    keys.add(key_id)
                else:
                    key_id = OTHERS
            found[row.place, key_id].append(i)
        return found

    def _keys(self, version: Version) -> dict[Place, set[str]]:
        """Of each place, whose rows are told apart so far."""
        found: dict[Place, set[str]] = defaultdict(set)
        for partition, cell in self._open.items():
            if version in cell.versions:
                found[partition, cell.number].update(cell.versions[version].rows)
        return found

    def _flags(
        self, version: Version, watched: Watched, rows: Sequence[Row], encoded: Encoded, events: list[Emission]
    ) -> dict[int, bool]:
        """For each row that the detector looked at whether it is an outlier; those that are become events."""
        places = [i for i in range(len(rows)) if i not in encoded.errors]
        if watched.detector is None:
            self.counters.unscored(watched.undetected, len(places))
            return {}
        told = {
            (partition, cell.number): cell.versions[version].flagged[True]
            for partition, cell in self._open.items()
            if version in cell.versions
        }
        some = [rows[i] for i in places]
        flags, found = self.spotting(watched.signature, watched.detector, some, encoded.matrix[places], told)
        events += found
        return dict(zip(places, flags, strict=True))

    def _keep(self, topic: str, place: Place, end: int, found: Sequence[tuple[Version, Counted]]) -> list[Emission]:
        """Add what was found of a place to what is kept of it, and say what is known of it now."""
        partition, number = place
        cell = self._open.get(partition)
        if cell is None or cell.number != number:
            cell = self._open[partition] = Cell(number)
        cell.last = end
        for version, counted in found:
            cell.versions.setdefault(version, Counted(counted.first)).add(counted)
        return [self._emission(topic, partition, cell, version) for version in dict(found)]

    def _emission(self, topic: str, partition: int, cell: Cell, version: Version) -> Emission:
        counted = cell.versions[version]
        rows = {key_id: sketch_bytes(sketch) for key_id, sketch in counted.rows.items()}
        scored, outliers = counted.flagged.total(), counted.flagged[True]
        message = CellSketch(
            *version,
            self.logs.get(topic, topic),
            partition,
            cell.number,
            cell.last,
            rows,
            counted.times,
            scored,
            outliers,
            counted.first,
        )
        return Emission(self.sketches, version_key(version), encode_sketch(message), HEADERS)
