"""A learner held against the champion on its latest rows, each of which both answered before it was learned.

Source: Gama, Sebastiao and Rodrigues, "On evaluating stream learning algorithms" (2013).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field

from models.metrics import best_threshold, quality
from models.signature import FloatVector
from models.training import Truth

WINDOW = 2000
"""Rows: the latest ones. The older half of them chooses the learner's threshold, the later half measures it there."""


class Prequential(Struct):
    """The rows of the window, oldest first. scores: the learner's. champion: the champion's. scored_ms: since 1970."""

    truth: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    champion: list[float] = field(default_factory=list)
    scored_ms: list[int] = field(default_factory=list)

    def add(self, truth: Truth, scores: FloatVector, champion: FloatVector, scored_ms: npt.NDArray[np.int64]) -> None:
        """The next rows, [n] of each; the oldest give way to them."""
        self.truth = (self.truth + truth.tolist())[-WINDOW:]
        self.scores = (self.scores + scores.tolist())[-WINDOW:]
        self.champion = (self.champion + champion.tolist())[-WINDOW:]
        self.scored_ms = (self.scored_ms + scored_ms.tolist())[-WINDOW:]

    @property
    def choosing(self) -> "Measured":
        return self._part(slice(None, len(self.truth) // 2))

    @property
    def measured(self) -> "Measured":
        return self._part(slice(len(self.truth) // 2, None))

    def _part(self, rows: slice) -> "Measured":
        truth = np.array(self.truth[rows], dtype=np.intp)
        return Measured(truth, np.array(self.scores[rows]), np.array(self.champion[rows]))


@dataclass(frozen=True)
class Measured:
    """Some of the rows, [n] of each."""

    truth: Truth
    scores: FloatVector
    champion: FloatVector

    def threshold(self) -> float:
        """The learner's, for the highest F1."""
        return best_threshold(self.truth, self.scores)

    def quality(self, threshold: float, champion_threshold: float) -> tuple[dict[str, float], dict[str, float]]:
        """`models.metrics.quality` of the learner and of the champion."""
        return quality(self.truth, self.scores, threshold), quality(self.truth, self.champion, champion_threshold)
