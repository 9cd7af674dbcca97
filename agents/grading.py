"""The monitor's third stage: answers whose truth is known become windows of quality, and drifts of what is wrong."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agents.drift_messages import HEADERS, Version, event_record, version_key
from agents.grades import Grades, SavedVersion, decode_grades, encode_grades, resumed
from agents.ports import MonitorCounters
from agents.watching import States
from models.drift.concept_episode import Graded
from schemas.drift_events import DriftEvent
from schemas.errors import Undecodable
from schemas.labelled import LabelledPrediction, Role, read_labelled
from schemas.message import Batch, Emission, Record
from schemas.performance import ModelPerformance, encode_performance

SAVED_EVERY = 1000
"""Rows after which a version is saved though its window is not over."""
MOST_SKIPPED = 10_000
PREFIX = b"quality:"
"""Of the keys of states, which lie beside those of windows."""


@dataclass(frozen=True, slots=True)
class GradingOutlets:
    """Where the emissions go."""

    performance: str
    events: str
    states: str


@dataclass(slots=True)
class _Followed:
    """A version. unsaved: of each partition the offset of the first row that no saved state counts.

    since: rows from there on; closed: whether a window ended among them.
    """

    version: Version
    window_rows: int
    series: str = ""
    following: int = 0
    skipped: set[int] = field(default_factory=set)
    roles: dict[Role, Grades] = field(default_factory=dict)
    unsaved: dict[int, int] = field(default_factory=dict)
    since: int = 0
    closed: bool = False
    saving: bytes | None = None

    def is_new(self, row: LabelledPrediction) -> bool:
        """Whether this row was not counted yet: a sender that was killed sends some again, perhaps after later ones."""
        if row.series != self.series:  # the database was made anew, and its numbers begin again
            self.series, self.following, self.skipped = row.series, 1, set()
        if row.number < self.following:
            known = row.number in self.skipped
            self.skipped.discard(row.number)
            return known
        if row.number - self.following <= MOST_SKIPPED:
            self.skipped.update(range(self.following, row.number))
        self.following = row.number + 1
        return True

    def of(self, role: Role) -> Grades:
        if role not in self.roles:
            self.roles[role] = Grades(Graded(*self.version, role), self.window_rows)
        return self.roles[role]

    def save(self) -> None:
        roles = {role: grades.saved() for role, grades in self.roles.items()}
        self.closed = False
        self.saving = encode_grades(SavedVersion(self.series, self.following, tuple(sorted(self.skipped)), roles))


@dataclass(slots=True)
class Grading:
    """The stage. Its batches are delivered one after the other: a state is saved once all that it led to is delivered.

    window_rows: how many rows of a version, in one role, a window holds.
    """

    states: States
    counters: MonitorCounters
    window_rows: int
    outlets: GradingOutlets
    _followed: dict[Version, _Followed] = field(default_factory=dict)
    _next: dict[int, int] = field(default_factory=dict)
    _known: Mapping[bytes, bytes] = field(default_factory=dict)

    async def __call__(self, batch: Batch) -> list[Emission]:
        # All that may fail comes before anything is counted: the batch may be asked again.
        if any(self._next.get(record.partition) != record.offset for record in _first(batch.records)):
            self._known, self._followed = await self.states(), {}
        emissions = list(self._saved())
        rows: dict[tuple[Version, Role], list[LabelledPrediction]] = {}
        for record in batch.records:
            row = self._new(record)
            if row is not None:
                rows.setdefault(((row.model, row.model_version), row.role), []).append(row)
        for (version, role), some in rows.items():
            emissions += self._grade(self._followed[version], role, some)
        self._next.update({partition: last + 1 for partition, last in batch.last_offsets().items()})
        self._keep(batch)
        return emissions

    def give_up(self, record: Record, attempts: int, error_id: str) -> list[Emission]:
        """Nothing in place of a row that keeps crashing the monitor."""
        self.counters.ungraded("crashed", 1)
        return []

    def _keep(self, batch: Batch) -> None:
        """Save what is due, and what a restart reads again: all that no saved state counts."""
        for followed in self._followed.values():
            if followed.closed or followed.since >= SAVED_EVERY:
                followed.save()
            for partition, offset in followed.unsaved.items():
                batch.needed[partition] = min(offset, batch.needed.get(partition, offset))

    def _saved(self) -> Iterator[Emission]:
        """The states that the last batch led to, now that its events are delivered."""
        for version, followed in self._followed.items():
            if followed.saving is not None:
                yield Emission(self.outlets.states, PREFIX + version_key(version), followed.saving, HEADERS)
                followed.saving, followed.unsaved, followed.since = None, {}, 0

    def _new(self, record: Record) -> LabelledPrediction | None:
        """The row in a record, unless it was counted before."""
        try:
            row = read_labelled(record.value)
        except Undecodable:
            self.counters.ungraded("not_a_labelled_prediction", 1)
            return None
        followed = self._follow((row.model, row.model_version))
        followed.unsaved.setdefault(record.partition, record.offset)
        followed.since += 1
        if followed.is_new(row):
            return row
        self.counters.ungraded("repeated", 1)
        return None

    def _follow(self, version: Version) -> _Followed:
        if version not in self._followed:
            found = self._followed[version] = _Followed(version, self.window_rows)
            if (content := self._known.get(PREFIX + version_key(version))) is not None:
                saved = decode_grades(content)
                found.series, found.following, found.skipped = saved.series, saved.following, set(saved.skipped)
                for role, grades in saved.roles.items():
                    found.roles[role] = resumed(Graded(*version, role), self.window_rows, grades)
        return self._followed[version]

    def _grade(self, followed: _Followed, role: Role, rows: Sequence[LabelledPrediction]) -> Iterator[Emission]:
        told = list(followed.of(role).take(rows))
        followed.closed |= any(isinstance(one, ModelPerformance) for one in told)
        revised = sum(row.former_label is not None for row in rows)
        self.counters.graded(followed.version[1], role, len(rows) - revised)
        if revised:
            self.counters.ungraded("revised", revised)
        phases = Counter(one.phase for one in told if isinstance(one, DriftEvent))
        self.counters.concept(followed.version[0], list(phases.elements()))
        for one in told:
            if isinstance(one, DriftEvent):
                yield event_record(self.outlets.events, one)
            else:
                key = version_key(followed.version)
                yield Emission(self.outlets.performance, key, encode_performance(one), HEADERS)


def _first(records: Sequence[Record]) -> list[Record]:
    """The first record of each partition."""
    first: dict[int, Record] = {}
    for record in records:
        first.setdefault(record.partition, record)
    return list(first.values())
