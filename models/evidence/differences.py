"""By how much a candidate is worse than its champion on one measure, and where that lies."""

from dataclasses import dataclass

from models.evidence.bounds import lower, paired_half_width, upper
from models.evidence.tally import ArmTally, Pairs, ratio
from models.routing.base import Measure


@dataclass(frozen=True, slots=True)
class Difference:
    """champion, candidate: the means that were seen; of disagreement, which is the candidate's with the champion, 0 and
    how often. low, high: where their difference lies, each with an error of its own. samples: the candidate's.
    paired: whether both were seen on the same ones.
    """

    champion: float
    candidate: float
    low: float
    high: float
    samples: int
    champion_samples: int
    paired: bool

    @property
    def seen(self) -> float:
        return self.candidate - self.champion


def difference(
    measure: Measure, champion: ArmTally, candidate: ArmTally, *, alpha_low: float, alpha_high: float
) -> Difference:
    """The sharpest that the sums allow: `low` with the error alpha_low, `high` with alpha_high.

    Pairs are the sharpest by far: what a request does to both arms alike cancels. Two arms share each error by halves.
    """
    count, total = candidate.sums(measure)
    if measure == "disagreement":
        bounds = lower(count, total, alpha_low), upper(count, total, alpha_high)
        return Difference(0.0, ratio(total, count), *bounds, count, count, True)
    if (pairs := candidate.pairs.get(measure)) is not None:
        return _paired(pairs, alpha_low, alpha_high)
    its_count, its_total = champion.sums(measure)
    low = lower(count, total, alpha_low / 2) - upper(its_count, its_total, alpha_low / 2)
    high = upper(count, total, alpha_high / 2) - lower(its_count, its_total, alpha_high / 2)
    return Difference(ratio(its_total, its_count), ratio(total, count), low, high, count, its_count, False)


def _paired(pairs: Pairs, alpha_low: float, alpha_high: float) -> Difference:
    excess, count = pairs.candidate - pairs.champion, pairs.count
    low, high = -1.0, 1.0
    if count:
        low = max(low, (excess - paired_half_width(pairs.squares, alpha_low)) / count)
        high = min(high, (excess + paired_half_width(pairs.squares, alpha_high)) / count)
    return Difference(ratio(pairs.champion, count), ratio(pairs.candidate, count), low, high, count, count, True)
