"""How far a mean may be from what was seen: bounds that hold at every look at once, however often one looks.

Each is where a test supermartingale reaches 1/alpha: a wealth that a bet against a mean, were it the true one, would
ever reach with a probability of alpha at most (Ville's inequality). `evidence_*` are logarithms of such wealths, and
take arrays too. Bounds are one-sided, each with the error alpha; two hold together with the sum of their errors.
"""

from collections.abc import Callable
from math import log
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = float | npt.NDArray[np.float64]

RHO = 1.0
"""Bounds of paired differences are tightest where the squares sum to about 8 RHO: a few slow answers that only one of
the two had, or a thousand labels on which their Brier losses differ by a tenth."""
_TINY = 1e-12


def evidence_below(n: Numbers, total: Numbers, mean: Numbers) -> Any:
    """Logarithm of what is won by betting that the mean of n variables in 0..1, of this total, is below `mean`.

    The likelihood ratio of a smaller mean to this one, mixed over all smaller ones alike. It is that of Bernoulli
    variables, and by convexity no larger on average for any others in 0..1: errors, slow answers and losses alike.
    Sources: Robbins, "Statistical methods related to the law of the iterated logarithm" (1970); Howard, Ramdas,
    McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences" (2021): the beta-binomial.
    """
    from scipy.special import betainc, betaln, xlog1py, xlogy  # a second to import: only who judges shall wait for it

    a, b = np.asarray(total) + 1.0, np.asarray(n) - total + 1.0
    mixed = betaln(a, b) + np.log(betainc(a, b, mean)) - np.log(mean)
    return mixed - xlogy(total, mean) - xlog1py(np.asarray(n) - total, -np.asarray(mean))


def upper(n: float, total: float, alpha: float) -> float:
    """The mean of n independent variables in 0..1 with this total is not above it; 1 without any."""
    total = min(max(total, 0.0), n)

    def short_of(mean: float) -> float:
        return float(evidence_below(n, total, mean)) + log(alpha)

    most = 1.0 - _TINY
    if total >= n * most or short_of(most) <= 0:
        return 1.0
    return _root(short_of, max(total / n, _TINY), most)


def lower(n: float, total: float, alpha: float) -> float:
    """The mean is not below it; 0 without any."""
    return 1.0 - upper(n, n - total, alpha)


def evidence_paired(excess: Numbers, squares: Numbers) -> Any:
    """Logarithm of what is won by betting that differences in -1..1 are larger in the mean than was said.

    excess: by how much their sum is above what was said; below it nothing is won. squares: the sum of their squares.
    The mean may change from one to the next: said is its average. Sources: Fan, Grama, Liu, "Exponential inequalities
    for martingales with applications" (2015); Howard et al. (2021): empirical Bernstein with 0 as every prediction,
    gamma-exponential mixture.
    """
    from scipy.special import gammainc, gammaln

    v, s = np.asarray(squares) + RHO, np.maximum(excess, 0.0) + squares + RHO
    scale = RHO * np.log(RHO) - gammaln(RHO) - np.log(gammainc(RHO, RHO))
    return scale + s - RHO + gammaln(v) + np.log(gammainc(v, s)) - v * np.log(s)


def paired_half_width(squares: float, alpha: float) -> float:
    """By how much the sum of differences, whose squares sum to this, is not above or below what their means sum to."""

    def short_of(excess: float) -> float:
        return float(evidence_paired(excess, squares)) + log(alpha)

    enough = 1.0
    while short_of(enough) < 0:
        enough *= 2.0
    return _root(short_of, 0.0, enough)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=_TINY))
