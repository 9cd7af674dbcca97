"""What a window says of a model version: which features drifted, by how much, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from models.drift.correction import correction
from models.drift.feature_verdict import FeatureVerdict, decided, looked_at
from models.drift.reference import Reference
from models.drift.rules import Rules
from models.drift.severity import severity
from models.drift.sketch import Sketch
from schemas.drift_events import Severity

Outcome = Literal["tested", "filling", "empty", "no_reference"]
MOST_TOP = 5


@dataclass(frozen=True)
class Verdict:
    """outcome: `filling` below the window size and `empty` without rows, where nothing was tested; `no_reference` of a
    model whose training nobody here saw.

    fill: of the window, 0..1. features: in the signature's order. answer: of the predictions, None where training kept
    none. threshold: the corrected one; smallest_p: of all tests; both None where no test has a p-value. top: features
    by importance x effect, heaviest first. severity: of the worst drift, None without any.
    """

    outcome: Outcome
    rows: int
    fill: float
    features: tuple[FeatureVerdict, ...] = ()
    answer: FeatureVerdict | None = None
    correction: str = ""
    alpha: float = 0.0
    threshold: float | None = None
    smallest_p: float | None = None
    top: tuple[tuple[str, float], ...] = ()
    severity: Severity | None = None

    @property
    def all(self) -> tuple[FeatureVerdict, ...]:
        """Of the features and of the predictions."""
        return self.features if self.answer is None else (*self.features, self.answer)

    @property
    def drifted(self) -> tuple[str, ...]:
        """The features that did."""
        return tuple(feature.name for feature in self.features if feature.drifted)

    @property
    def drift(self) -> bool:
        return any(verdict.drifted for verdict in self.all)


def judge(
    reference: Reference | None, sketch: Sketch | None, rules: Rules, importance: Mapping[str, float] | None = None
) -> Verdict:
    """The verdict on the rows of one window; the predictions are tested in one family with the features.

    importance: of features for the model, above 0 and in any unit; all alike where there is none, 0 of one left out.
    """
    rows = 0 if sketch is None else sketch.rows
    fill = min(rows / rules.window_rows, 1.0)
    if reference is None or sketch is None:
        return Verdict("no_reference" if reference is None else "empty", rows, fill)
    if rows < rules.window_rows:
        return Verdict("filling" if rows else "empty", rows, fill)
    looks = [looked_at(distribution, rules) for distribution in sketch.distributions()]
    p_values = [look.p_value for look in looks if look.p_value is not None]
    threshold = correction(rules.correction).threshold(p_values, rules.alpha) if p_values else None
    found = _weighed([decided(look, threshold, len(looks), rules) for look in looks], importance)
    worst = severity(found)
    features = tuple(one for one in found if one.subject == "feature")
    return Verdict(
        outcome="tested",
        rows=rows,
        fill=fill,
        features=features,
        answer=found[-1] if len(found) > len(features) else None,
        correction=rules.correction,
        alpha=rules.alpha,
        threshold=threshold,
        smallest_p=min(p_values, default=None),
        top=_top(features),
        severity=worst,
    )


def _weighed(found: Sequence[FeatureVerdict], importance: Mapping[str, float] | None) -> list[FeatureVerdict]:
    return [
        replace(one, weight=one.effect * (1.0 if importance is None else importance.get(one.name, 0.0)))
        for one in found
    ]


def _top(features: Sequence[FeatureVerdict]) -> tuple[tuple[str, float], ...]:
    heaviest = sorted(features, key=lambda one: -one.weight)[:MOST_TOP]
    return tuple((one.name, one.weight) for one in heaviest if one.weight > 0)
