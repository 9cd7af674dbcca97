"""What a model version got right and wrong since its last window, and all that is needed to go on with it elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from models.drift.concept import KINDS, MOST, ConceptDetector
from models.drift.concept_episode import ConceptEpisode, Graded, concept_event, detected, judged
from models.quality import Answered, BinaryQuality, corrected, estimate
from models.signature import FloatVector
from schemas.drift_events import DriftEvent, Phase
from schemas.labelled import LabelledPrediction, Role
from schemas.performance import ModelPerformance

MARK = 64
"""Every so many rows the time is noted, for when a drift began."""


class SavedGrades(Struct, frozen=True):
    """Grades as they lie on `monitor-state`."""

    quality: dict[str, Any]
    answered: dict[str, Any]
    count: int
    revised: int
    start: datetime | None
    end: datetime | None
    detectors: tuple[dict[str, Any], ...]
    marks: tuple[datetime, ...]
    episode: ConceptEpisode | None


@dataclass(slots=True)
class Grades:
    """Of one version in one role. count: rows of the window, usable or not. marks: times of every MARKth usable row."""

    whose: Graded
    window_rows: int
    quality: BinaryQuality = field(default_factory=BinaryQuality)
    answered: Answered = field(default_factory=Answered)
    count: int = 0
    revised: int = 0
    start: datetime | None = None
    end: datetime | None = None
    detectors: list[ConceptDetector] = field(default_factory=lambda: [ConceptDetector(name) for name in KINDS])
    marks: list[datetime] = field(default_factory=list)
    episode: ConceptEpisode | None = None

    def take(self, rows: Sequence[LabelledPrediction]) -> Iterator[ModelPerformance | DriftEvent]:
        """What the next rows make known, in order; the same however they are parted."""
        first = [row for row in rows if row.former_label is None]
        self.revised += len(rows) - len(first)
        while first:
            room = max(self.window_rows - self.count, 1)  # what was saved may be of longer windows
            part, first = first[:room], first[room:]
            yield from self._add(part)
            if self.count >= self.window_rows:
                yield from self._close(part[-1])

    def _add(self, rows: Sequence[LabelledPrediction]) -> Iterator[DriftEvent]:
        scores = np.array([np.nan if row.probability is None else row.probability for row in rows], dtype=np.float64)
        answers = np.array([_ANSWERS.get(row.predicted or "", np.nan) for row in rows])
        truth = np.array([row.label for row in rows], dtype=np.float64)
        self.quality += BinaryQuality.of(scores, answers, truth)
        self.answered += Answered.of(scores, answers)
        self.count += len(rows)
        times = [row.scored_at for row in rows]
        self.start = min(times) if self.start is None else min(self.start, *times)
        self.end = max(times) if self.end is None else max(self.end, *times)
        usable = np.flatnonzero((scores >= 0) & (scores <= 1) & np.isfinite(answers))
        yield from self._detect([rows[i] for i in usable.tolist()], (answers != truth)[usable].astype(np.float64))

    def _detect(self, rows: Sequence[LabelledPrediction], errors: FloatVector) -> Iterator[DriftEvent]:
        seen = self.detectors[0].seen
        self.marks += [row.scored_at for place, row in enumerate(rows, seen) if place % MARK == 0]
        found = [one for detector in self.detectors for one in detector.update(errors)]
        for one in sorted(found, key=lambda one: (one.place, one.detector)):
            began = self.marks[one.since // MARK - (seen + len(rows) - 1) // MARK - 1]
            self.episode, phase = detected(self.whose, self.episode, one, began)
            yield from self._told(phase, rows[one.place - seen])
        self.marks = self.marks[-(MOST // MARK + 2) :]

    def _close(self, last: LabelledPrediction) -> Iterator[ModelPerformance | DriftEvent]:
        found = self.quality.measures()
        assert self.start is not None, "a window has rows"
        assert self.end is not None, "a window has rows"
        yield ModelPerformance(
            model=self.whose.model,
            model_version=self.whose.version,
            role=last.role,
            estimated=False,
            window=f"{last.series}/{last.number}",
            start=self.start,
            end=self.end,
            rows=found.rows,
            unusable=found.unusable,
            revised=self.revised,
            measures=found.values,
            missing=found.missing,
            corrections=corrected(estimate(self.answered), found),
        )
        if self.episode is not None and found.rows:
            self.episode, phase = judged(self.episode, 1.0 - found.values["accuracy"], found.rows)
            yield from self._told(phase, last)
        self.quality, self.answered = BinaryQuality(), Answered()
        self.count, self.revised, self.start, self.end = 0, 0, None, None

    def _told(self, phase: Phase | None, row: LabelledPrediction) -> Iterator[DriftEvent]:
        if phase is None or self.episode is None:
            return
        yield concept_event(self.whose, self.episode, phase, row.labelled_at or row.scored_at)
        if phase == "resolved":
            self.episode = None

    def saved(self) -> SavedGrades:
        return SavedGrades(
            self.quality.to_json(),
            self.answered.to_json(),
            self.count,
            self.revised,
            self.start,
            self.end,
            tuple(detector.to_json() for detector in self.detectors),
            tuple(self.marks),
            self.episode,
        )


_ANSWERS = {"0": 0.0, "1": 1.0}
"""Classes of other names are not known here: such rows are unusable."""


def resumed(whose: Graded, window_rows: int, saved: SavedGrades) -> Grades:
    return Grades(
        whose,
        window_rows,
        BinaryQuality.from_json(saved.quality),
        Answered.from_json(saved.answered),
        saved.count,
        saved.revised,
        saved.start,
        saved.end,
        [ConceptDetector.from_json(one) for one in saved.detectors],
        list(saved.marks),
        saved.episode,
    )


class SavedVersion(Struct, frozen=True):
    """Both roles of a version. following: the number that comes next; skipped: lower ones that did not come yet."""

    series: str
    following: int
    skipped: tuple[int, ...]
    roles: dict[Role, SavedGrades]


encode_grades = Encoder().encode
decode_grades = Decoder(SavedVersion).decode
