"""How sure a verdict is: an F1 of few positives is mostly chance."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.training import Truth

SAMPLES = 10_000
EDGES = (0.025, 0.975)

Answers = npt.NDArray[np.bool_]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Sureness:
    """What other rows of the same kind, as many, would have told; each interval holds 95 of a hundred such samples.

    positives: rows that were true. gain: the candidate's F1 less the champion's. better: share of samples in which that
    is above zero.
    """

    positives: int
    f1: Interval
    champion_f1: Interval
    gain: Interval
    better: float

    @property
    def may_be_chance(self) -> bool:
        """Whether the sign of the difference is not sure."""
        return self.gain[0] <= 0 <= self.gain[1]


def sureness(truth: Truth, answers: Answers, champion: Answers) -> Sureness:
    """By a bootstrap of rows, each with both models' answers, [n] of each.

    Rows count as independent: those of one entity are not, and make it less sure than this tells. Source: Efron and
    Tibshirani, "An Introduction to the Bootstrap" (1993), percentile intervals.
    """
    kinds = np.bincount(truth * 4 + answers * 2 + champion, minlength=8)
    drawn = np.random.default_rng(0).multinomial(len(truth), kinds / len(truth), SAMPLES).reshape(-1, 2, 2, 2)
    own, champions = _f1(drawn.sum(axis=3)), _f1(drawn.sum(axis=2))
    gain = own - champions
    return Sureness(int(truth.sum()), _interval(own), _interval(champions), _interval(gain), float((gain > 0).mean()))


def _f1(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Of samples [n, truth, answer]; 0 where neither is ever yes."""
    hits, misses = counts[:, 1, 1], counts[:, 0, 1] + counts[:, 1, 0]
    return 2 * hits / np.maximum(2 * hits + misses, 1)


def _interval(values: npt.NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, EDGES)
    return float(low), float(high)
