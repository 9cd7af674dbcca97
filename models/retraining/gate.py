"""The gate: whether a retrained model is good enough to be tried beside the champion."""

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_F1 = 0.85


@dataclass(frozen=True)
class Verdict:
    """Whether it may enter, and why not. f1, champion_f1: on the same rows, which the candidate did not learn from."""

    passed: bool
    reasons: tuple[str, ...]
    f1: float
    champion_f1: float
    least_f1: float


def judge(candidate: Mapping[str, float], champion: Mapping[str, float], least_f1: float = DEFAULT_F1) -> Verdict:
    """By F1: at least `least_f1`, and better than the champion's.

    candidate, champion: `models.metrics.quality` of both on the same rows.
    """
    f1, champion_f1 = candidate["f1"], champion["f1"]
    reasons = []
    if not f1 >= least_f1:
        reasons.append(f"F1 {f1:.4f} is below the least, {least_f1:g}")
    if not f1 > champion_f1:
        reasons.append(f"F1 {f1:.4f} is not above the champion's, {champion_f1:.4f}, on the same rows")
    return Verdict(not reasons, tuple(reasons), f1, champion_f1, least_f1)
