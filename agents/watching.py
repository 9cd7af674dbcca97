"""The monitor's second stage: the sketches of a model version become windows, each judged once, and drifts events."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agents.drift_messages import Version, event_record, window_record
from agents.estimates import estimate_records
from agents.outliers import rate_records, rate_steps, window_rate
from agents.ports import MonitorCounters
from agents.saving import Saving, States, Unsaved
from agents.sketching import References, Watched
from agents.watch import Watch, resumed
from models.drift import DriftState, Rules, Sources, Window, advance, judge
from schemas.errors import Undecodable
from schemas.message import Batch, Emission, Record
from schemas.sketches import CellSketch, Tick, read_sketched

SAVED_EVERY = 500
"""Sketches after which a version is saved though its window is not over: not many more are read again."""


@dataclass(frozen=True, slots=True)
class WatchOutlets:
    """Where the emissions go."""

    events: str
    windows: str
    states: str
    outliers: str
    performance: str | None = None
    """Of estimates, where they are wanted."""


@dataclass(slots=True)
class _Followed:
    """A version that is watched here."""

    partition: int
    watch: Watch
    watched: Watched
    unsaved: Unsaved = field(default_factory=Unsaved)

    def saved(self) -> bytes:
        return self.watch.saved()


@dataclass(slots=True)
class Watching:
    """The stage. Its batches are delivered one after the other: a state is saved once all that it led to is delivered.

    window_ms: how long a window is at least; it ends with the first sketch, or tick, that finds it as long and full.
    log: the identity of the sketches' log, in whose offsets states are saved.
    """

    references: References
    states: States
    counters: MonitorCounters
    rules: Rules
    window_ms: int
    slot_ms: int
    outlets: WatchOutlets
    log: str = ""
    _saving: Saving[_Followed] = field(init=False)

    def __post_init__(self) -> None:
        self._saving = Saving(self.states, self.outlets.states, SAVED_EVERY)

    async def __call__(self, batch: Batch) -> list[Emission]:
        gone = await self._saving.taken_over(batch.records)
        for version in [version for version, one in self._followed.items() if one.partition in gone]:
            del self._followed[version]
        said = [(record, message) for record in batch.records if (message := self._read(record)) is not None]
        # All that may fail comes before anything is counted: the batch may be asked again.
        for version, partition in {
            (message.model, message.version): record.partition
            for record, message in said
            if isinstance(message, CellSketch)
        }.items():
            await self._follow(version, partition)
        emissions = list(self._saving.delivered(batch))
        for record, message in said:
            emissions += self._tick(record, message) if isinstance(message, Tick) else self._take(record, message)
        self._saving.keep(batch)
        return emissions

    def give_up(self, record: Record, attempts: int, error_id: str) -> list[Emission]:
        """Nothing in place of a sketch that keeps crashing the monitor."""
        self.counters.unsketched("crashed", 1)
        self._saving.passed(record)
        return []

    @property
    def _followed(self) -> MutableMapping[Version, _Followed]:
        return self._saving.followed

    def _read(self, record: Record) -> CellSketch | Tick | None:
        try:
            return read_sketched(record.value)
        except Undecodable:
            self.counters.unsketched("not_a_sketch", 1)
            return None

    async def _follow(self, version: Version, partition: int) -> None:
        if version in self._followed:
            return
        watched = await self.references(*version)
        if watched is not None:
            watch = _watch(version, watched, self._saving.known(version), f"{self.log}/{partition}")
            self._followed[version] = _Followed(partition, watch, watched)

    def _take(self, record: Record, said: CellSketch) -> list[Emission]:
        version = said.model, said.version
        followed = self._followed.get(version)
        if followed is None or record.offset <= followed.watch.offset:
            return []
        try:
            followed.watch.take(said)
        except Undecodable:
            self.counters.unsketched("other_reference", sum(said.times.values()))
        followed.watch.offset = record.offset
        followed.unsaved.add(record)
        return self._look(version, followed, record, followed.watch.newest_ms)

    def _tick(self, record: Record, tick: Tick) -> list[Emission]:
        here = [(version, one) for version, one in self._followed.items() if one.partition == record.partition]
        emissions: list[Emission] = []
        for version, followed in here:
            if record.offset > followed.watch.offset:
                followed.watch.hold(tick.at_ms)
                emissions += self._look(version, followed, record, tick.at_ms)
        return emissions

    def _look(self, version: Version, followed: _Followed, record: Record, now_ms: int) -> list[Emission]:
        """What a version's window is judged to be where it is over."""
        watch, begun_ms = followed.watch, followed.watch.begun_ms
        rows = watch.count
        over = begun_ms is not None and rows >= self.rules.window_rows and now_ms - begun_ms >= self.window_ms
        self.counters.filled(*version, 0.0 if over else min(rows / self.rules.window_rows, 1.0))
        if begun_ms is None or not over:
            return []
        newest_ms = max(watch.newest_ms, begun_ms)
        ended_ms = newest_ms + self.slot_ms
        window = Window(f"{record.partition}@{record.offset}", _moment(begun_ms), _moment(ended_ms))
        verdict = judge(watch.reference, watch.whole(), self.rules, followed.watched.importance)
        sources = Sources(watch.rows, {key_id: sketch.rows for key_id, sketch in watch.rows.items()}, watch.before)
        drift, events = advance(watch.drift, window, verdict, self.rules, sources)
        late, rate = watch.late, window_rate(followed.watched.detector, watch.flagged)
        watch.outlying, risen = rate_steps(version, watch.outlying, window, rate, watch.reference)
        watch.next(drift, newest_ms)  # its last slot goes on: rows of that are not late
        watch.offset = record.offset
        followed.unsaved.add(record)  # what is saved may count its rows already
        followed.unsaved.due = True
        self.counters.judged(*version, [event.phase for event in (*events, *risen)])
        told = [event_record(self.outlets.events, event) for event in (*events, *risen)]
        told += rate_records(self.outlets.outliers, version, window, rate)
        told += estimate_records(self.outlets.performance, version, window, verdict, followed.watched.threshold)
        return [*told, window_record(self.outlets.windows, version, window, verdict, late)]


def _watch(version: Version, watched: Watched, saved: bytes | None, place: str) -> Watch:
    """The watch that was saved, or a new one: also where another reference's was, as of a version trained again."""
    if saved is not None:
        try:
            return resumed(watched.reference, saved, place)
        except (Undecodable, ValueError):
            pass
    return Watch(watched.reference, DriftState(*version), place=place)


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
