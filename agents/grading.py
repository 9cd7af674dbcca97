"""The monitor's third stage: answers whose truth is known become windows of quality, and drifts of what is wrong."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from msgspec import DecodeError

from agents.drift_messages import HEADERS, Version, event_record, version_key
from agents.grades import Grades, SavedVersion, decode_grades, encode_grades, resumed
from agents.numbering import Numbering
from agents.ports import MonitorCounters
from agents.saving import Saving, States, Unsaved
from models.drift.concept_episode import Graded
from schemas.drift_events import DriftEvent
from schemas.errors import Undecodable
from schemas.labelled import LabelledPrediction, Role, read_labelled
from schemas.message import Batch, Emission, Record
from schemas.performance import ModelPerformance, encode_performance

log = logging.getLogger("weir.drift")

SAVED_EVERY = 1000
"""Records after which a version is saved though its window is not over: not many more are read again."""
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
    version: Version
    window_rows: int
    numbers: Numbering = field(default_factory=Numbering)
    roles: dict[Role, Grades] = field(default_factory=dict)
    unsaved: Unsaved = field(default_factory=Unsaved)

    def of(self, role: Role) -> Grades:
        if role not in self.roles:
            self.roles[role] = Grades(Graded(*self.version, role), self.window_rows)
        return self.roles[role]

    def saved(self) -> bytes:
        roles = {role: grades.saved() for role, grades in self.roles.items()}
        numbers = self.numbers
        return encode_grades(SavedVersion(numbers.series, numbers.following, tuple(sorted(numbers.skipped)), roles))


@dataclass(slots=True)
class Grading:
    """The stage. Its batches are delivered one after the other: a state is saved once all that it led to is delivered.

    window_rows: how many rows of a version, in one role, a window holds.
    """

    states: States
    counters: MonitorCounters
    window_rows: int
    outlets: GradingOutlets
    _saving: Saving[_Followed] = field(init=False)

    def __post_init__(self) -> None:
        self._saving = Saving(self.states, self.outlets.states, SAVED_EVERY, PREFIX)

    async def __call__(self, batch: Batch) -> list[Emission]:
        # All that may fail comes before anything is counted: the batch may be asked again.
        if await self._saving.taken_over(batch.records):
            self._saving.followed.clear()
        emissions = list(self._saving.delivered(batch))
        rows: dict[tuple[Version, Role], list[LabelledPrediction]] = {}
        for record in batch.records:
            row = self._new(record)
            if row is not None:
                rows.setdefault(((row.model, row.model_version), row.role), []).append(row)
        for (version, role), some in rows.items():
            emissions += self._grade(self._saving.followed[version], role, some)
        self._saving.keep(batch)
        return emissions

    def give_up(self, record: Record, attempts: int, error_id: str) -> list[Emission]:
        """Nothing in place of a row that keeps crashing the monitor."""
        self.counters.ungraded("crashed", 1)
        self._saving.passed(record)
        return []

    def _new(self, record: Record) -> LabelledPrediction | None:
        """The row in a record, unless it was counted before."""
        try:
            row = read_labelled(record.value)
        except Undecodable:
            self.counters.ungraded("not_a_labelled_prediction", 1)
            return None
        followed = self._follow((row.model, row.model_version))
        followed.unsaved.add(record)
        if followed.numbers.is_new(row):
            return row
        self.counters.ungraded("repeated", 1)
        return None

    def _follow(self, version: Version) -> _Followed:
        followed = self._saving.followed
        if version not in followed:
            followed[version] = _resumed(version, self.window_rows, self._saving.known(version))
        return followed[version]

    def _grade(self, followed: _Followed, role: Role, rows: Sequence[LabelledPrediction]) -> Iterator[Emission]:
        told = list(followed.of(role).take(rows))
        followed.unsaved.due |= any(isinstance(one, ModelPerformance) for one in told)
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


def _resumed(version: Version, window_rows: int, content: bytes | None) -> _Followed:
    """As it was saved; anew where it never was, or is no state as this Weir writes them."""
    found = _Followed(version, window_rows)
    if content is None:
        return found
    try:
        saved = decode_grades(content)
        roles = {role: resumed(Graded(*version, role), window_rows, one) for role, one in saved.roles.items()}
    except (DecodeError, ValueError, KeyError, TypeError) as error:
        log.warning("what was graded of %s %s cannot be read, its windows begin anew: %s", *version, error)
        return found
    return replace(found, numbers=Numbering(saved.series, saved.following, set(saved.skipped)), roles=roles)
