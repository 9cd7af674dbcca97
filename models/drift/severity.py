"""How bad a drift is, by stated rules."""

from collections.abc import Sequence
from typing import get_args

from models.drift.feature_verdict import FeatureVerdict
from schemas.drift_events import Severity

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""From the least on."""
WARNING, CRITICAL = 0.2, 0.5
LEAST_BROAD = 3


def severity_of(one: FeatureVerdict) -> Severity | None:
    """None without drift; else by the share of rows that moved or became strange, whichever is more.

    info below a fifth, warning from there on (a normal feature's mean moved by a deviation is 0.38), critical from a
    half on. Predictions are one step up: they are what is acted on.
    """
    if not one.drifted:
        return None
    step = (one.share >= WARNING) + (one.share >= CRITICAL) + (one.subject == "prediction")
    return SEVERITIES[min(step, 2)]


def severity(found: Sequence[FeatureVerdict]) -> Severity | None:
    """The worst of all; critical where the shift is broad."""
    steps = [SEVERITIES.index(worst) for one in found if (worst := severity_of(one)) is not None]
    if not steps:
        return None
    return "critical" if broad(found) else SEVERITIES[max(steps)]


def broad(found: Sequence[FeatureVerdict]) -> bool:
    """Whether half of the features drifted, and three at least."""
    features = [one for one in found if one.subject == "feature"]
    drifted = sum(one.drifted for one in features)
    return drifted >= max(LEAST_BROAD, len(features) / 2)
