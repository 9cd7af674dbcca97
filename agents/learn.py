"""What an online learner makes of labelled predictions: each row teaches once, by the first truth told of it."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import Any

import numpy as np
from msgspec import DecodeError, Struct
from msgspec.json import Decoder, encode

from agents.numbering import Numbering
from models.bundle import Bundle
from models.features import encode as encoded
from models.online import OnlineLearner, Weights
from models.prequential import WINDOW, Prequential
from models.retraining import Learned
from schemas.errors import InvalidRequest, NotEnoughData, Undecodable
from schemas.labelled import LabelledPrediction, RowKey, read_labelled

_log = logging.getLogger("weir.learn")

Features = Mapping[RowKey, Any]


class State(Struct, frozen=True):
    """A pupil as it is kept. signature: as JSON. scored_ms: of the first and the last row that it learned, since 1970.

    told_ms: of the last truth.
    """

    signature: dict[str, Any]
    champion_version: str
    weights: Weights
    latest: Prequential
    numbers: dict[str, Numbering]
    scored_ms: tuple[int, int] | None
    told_ms: int


@dataclass(slots=True)
class Pupil:
    """A model's learner.

    champion: who it is held against. numbers: by model version, what has come of its labelled predictions.
    """

    champion: Bundle
    learner: OnlineLearner
    latest: Prequential = field(default_factory=Prequential)
    numbers: dict[str, Numbering] = field(default_factory=dict)
    scored_ms: tuple[int, int] | None = None
    told_ms: int = 0

    def learn(self, rows: Sequence[LabelledPrediction], features: Features) -> Counter[str]:
        """Learn the rows that are lessons, in their order; how many were learned, and passed over by which reason.

        rows: of this model. features: what the rows of `lessons` were scored by, as far as that is stored still.
        The same however the rows are parted.
        """
        counts, taught = Counter[str](), list[LabelledPrediction]()
        for row in rows:
            if (reason := self._passed_over(row, features)) is None:
                taught.append(row)
            else:
                counts[reason] += 1
        batch = encoded(self.champion.signature, [features[key_of(row)] for row in taught])
        fit = [place for place in range(len(taught)) if place not in batch.errors]
        self._take([taught[place] for place in fit], batch.matrix[fit])
        counts["unfit"] += len(batch.errors)
        counts["learned"] += len(fit)
        return +counts

    def _passed_over(self, row: LabelledPrediction, features: Features) -> str | None:
        if not self.numbers.setdefault(row.model_version, Numbering()).is_new(row):
            return "repeated"
        if row.role != "served":
            return "copy"
        if row.former_label is not None:
            return "revised"
        return None if key_of(row) in features else "gone"

    def _take(self, rows: Sequence[LabelledPrediction], matrix: Any) -> None:
        if not rows:
            return
        truth = np.array([row.label for row in rows], dtype=np.intp)
        times = np.array([_ms(row.scored_at) for row in rows], dtype=np.int64)
        scores, champions = self.learner.learn(matrix, truth), self.champion.score(matrix)
        told = (champions >= 0) & (champions <= 1)  # of the others the champion says nothing that it could be held to
        self.latest.add(truth[told], scores[told], champions[told], times[told])
        first, last = self.scored_ms or (int(times[0]), int(times[0]))
        self.scored_ms = min(first, int(times.min())), max(last, int(times.max()))
        self.told_ms = max(self.told_ms, *(_ms(row.labelled_at or row.scored_at) for row in rows))

    def kept(self) -> str:
        """All that it is, as JSON."""
        signature = self.champion.signature.to_json()
        learner, latest = self.learner.kept(), self.latest
        whose = signature, self.champion.version
        state = State(*whose, learner, latest, self.numbers, self.scored_ms, self.told_ms)
        return encode(state, order="deterministic").decode()


def key_of(row: LabelledPrediction) -> RowKey:
    return row.request_id, row.row


def rows_of(model: str, values: Sequence[bytes | None]) -> tuple[list[LabelledPrediction], Counter[str]]:
    """The model's labelled predictions in these records, and how many records are none."""
    rows, counts = list[LabelledPrediction](), Counter[str]()
    for value in values:
        try:
            row = read_labelled(value)
        except Undecodable:
            counts["not_a_labelled_prediction"] += 1
            continue
        if row.model == model:
            rows.append(row)
        else:
            counts["other_model"] += 1
    return rows, counts


def lessons(rows: Sequence[LabelledPrediction]) -> Iterator[RowKey]:
    """Those that teach, unless they came before.

    A copy teaches nothing that the answer to its row does not. A truth that is revised cannot be unlearned, and learned
    beside the other it would count half: a retraining from the table has the last one.
    """
    return (key_of(row) for row in rows if row.role == "served" and row.former_label is None)


def resumed(champion: Bundle, kept: str | None) -> Pupil:
    """As it was kept; anew where it never was, is no state of this Weir's, or learned by another signature.

    What it was held against another champion on is forgotten. Raises InvalidRequest for a champion that is not binary.
    """
    whose = champion.name, champion.version
    if champion.task != "binary":
        raise InvalidRequest(f"{champion.name} {champion.version} is of task {champion.task}: only binary is learned")
    if kept is None:
        return Pupil(champion, OnlineLearner(champion.signature))
    try:
        state = _decoder.decode(kept)
        numbers, learner = state.numbers, OnlineLearner(champion.signature)
        if state.signature != champion.signature.to_json():
            _log.warning("%s %s has another signature: its learner begins anew", *whose)
            return Pupil(champion, learner, numbers=numbers)
        learner = OnlineLearner(champion.signature, state.weights)
    except (DecodeError, ValueError) as error:
        _log.warning("what was learned of %s cannot be read, its learner begins anew: %s", champion.name, error)
        return Pupil(champion, OnlineLearner(champion.signature))
    latest = state.latest
    if state.champion_version != champion.version:
        _log.info("%s %s is the champion now: the learner is held against it from here on", *whose)
        latest = Prequential()
    return Pupil(champion, learner, latest, numbers, state.scored_ms, state.told_ms)


def learned(champion: Bundle, kept: str, least_rows: int) -> Learned:
    """What a learner came to. Raises NotEnoughData for fewer rows that it learned, or was compared on."""
    pupil = resumed(champion, kept)
    compared = len(pupil.latest.truth)
    if pupil.scored_ms is None or not is_enough(pupil.learner.rows, compared, least_rows):
        raise NotEnoughData(min(pupil.learner.rows, compared), least_rows)
    first, last, told = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (*pupil.scored_ms, pupil.told_ms))
    return Learned(pupil.learner, pupil.latest, champion.version, (first, last), told)


def _ms(moment: datetime) -> int:
    return ceil(moment.timestamp() * 1000)


def is_enough(rows: int, compared: int, least_rows: int) -> bool:
    """Whether a learner of so many rows can be judged by those on which it was held against the champion."""
    return rows >= least_rows and compared >= min(least_rows, WINDOW)


_decoder = Decoder(State)
