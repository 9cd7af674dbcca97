"""Two versions' answers to the same rows, side by side."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from agents.tally import Tally
from models.bundle import Bundle
from models.features import Encoded
from models.signature import ClassLabel, FloatVector
from schemas.recorded import Recorded
from schemas.shadow import MirroredRow, Reply


class Flip(NamedTuple):
    """A row that the candidate answers with another label. difference: of the scores, None where they are of others."""

    request: Recorded
    row: int
    answered: Reply
    candidate: Reply
    difference: float | None

    def as_json(self) -> dict[str, Any]:
        request = self.request
        return {
            "request_id": request.request_id,
            "entity": request.entity,
            "row": self.row,
            "answered_by": request.model_version,
            "answered": {"predictions": self.answered.predictions, "label": self.answered.label},
            "candidate": {"predictions": self.candidate.predictions, "label": self.candidate.label},
            "difference": self.difference,
        }


class Pair(NamedTuple):
    """A row with its place among the candidate's answers."""

    request: Recorded
    row: int
    answer: MirroredRow
    place: int


class Answers(NamedTuple):
    """What a candidate answered to some rows."""

    encoded: Encoded
    scores: FloatVector
    labels: Sequence[ClassLabel | None]


def compared(candidate: Bundle, tally: Tally, pairs: Sequence[Pair], answers: Answers) -> Iterator[Flip]:
    """Count the rows that both answered; the flips among them."""
    differences = _differences(candidate, pairs, answers)
    alike = np.isfinite(differences)
    tally.compared += len(pairs)
    tally.incomparable += len(pairs) - int(alike.sum())
    tally.differences.add(differences[alike])
    for pair, difference in zip(pairs, differences.tolist(), strict=True):
        ours, theirs = pair.answer.label, answers.labels[pair.place]
        if ours is None or theirs is None:
            continue
        tally.labelled += 1
        if ours != theirs:
            tally.flips += 1
            answered = Reply(pair.answer.predictions, ours)
            predictions = _predictions(candidate, answers.scores[pair.place].tolist())
            shown = difference if math.isfinite(difference) else None
            yield Flip(pair.request, pair.row, answered, Reply(predictions, theirs), shown)


def _differences(candidate: Bundle, pairs: Sequence[Pair], answers: Answers) -> FloatVector:
    """Of each row the largest between two scores of one class, NaN where the classes are others."""
    differences = np.full(len(pairs), np.nan)
    alike = [number for number, pair in enumerate(pairs) if _is_alike(candidate, pair.answer)]
    if not alike:
        return differences
    given = np.array([pairs[number].answer.predictions for number in alike], dtype=np.float64)
    found = answers.scores[[pairs[number].place for number in alike]]
    if found.ndim == 1:  # one score a row: of two classes the second one's
        given, found = given[:, -1:], found[:, None]
    differences[alike] = np.abs(given - found).max(axis=1)
    return differences


def _is_alike(candidate: Bundle, answer: MirroredRow) -> bool:
    """Whether the predictions are of the candidate's classes, in its order as far as the label shows that."""
    classes, given = candidate.signature.classes, answer.predictions
    if len(given) != (len(classes) or 1):
        return False
    if candidate.task == "multiclass":
        return classes[given.index(max(given))] == answer.label
    return answer.label in classes if classes else answer.label is None


def _predictions(candidate: Bundle, score: Any) -> tuple[float, ...]:
    if candidate.task == "multiclass":
        return tuple(score)
    return (1.0 - score, score) if candidate.task == "binary" else (score,)
