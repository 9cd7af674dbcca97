"""What a window says of one feature, or of the predictions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from models.drift.base import Distribution, Kind, Subject
from models.drift.effect import effect
from models.drift.measures import TESTS, drift_test
from models.drift.rules import Rules
from models.drift.schema_change import Rate, Strange, rates

State = Literal["tested", "constant", "all_missing", "no_reference"]


@dataclass(frozen=True)
class FeatureVerdict:
    """state: `constant` where reference and window hold the same one value; `all_missing` where the window holds none,
    `no_reference` where the training data did: then nothing is compared.

    test: the one that decided; p_value: its, None of a distance; distance: its. distances: of every test that can
    compare such a feature, by name. effect: the share of rows that moved. rates: of missing, unseen and out-of-range
    values; strange: those that have risen. calm: quiet enough for an episode to end. weight: importance x effect.
    """

    name: str
    subject: Subject
    kind: Kind
    state: State
    distribution: Distribution
    test: str
    p_value: float | None = None
    distance: float | None = None
    effect: float = 0.0
    distances: Mapping[str, float] = field(default_factory=dict)
    rates: tuple[Rate, ...] = ()
    strange: tuple[Strange, ...] = ()
    drifted: bool = False
    calm: bool = False
    weight: float = 0.0

    @property
    def share(self) -> float:
        """Of the rows that moved or became strange, whichever is more: how bad a drift is."""
        return max([self.effect, *(rate.risen for rate in self.rates if rate.kind in self.strange)])


def looked_at(current: Distribution, rules: Rules) -> FeatureVerdict:
    """All that is measured; what is made of it needs the other features' p-values, see `decided`."""
    reference = current.reference
    test = rules.deciding(reference.kind)
    look = FeatureVerdict(
        reference.name, reference.subject, reference.kind, _state(current), current, test, rates=rates(current)
    )
    if look.state in ("no_reference", "all_missing"):
        return look
    measured = {name: member().measure(current) for name, member in TESTS.items() if reference.kind in member.kinds}
    return replace(
        look,
        p_value=measured[test].p_value,
        distance=measured[test].distance,
        effect=effect(current),
        distances={name: one.distance for name, one in measured.items()},
    )


def decided(look: FeatureVerdict, threshold: float | None, family: int, rules: Rules) -> FeatureVerdict:
    """With what it means. threshold: the corrected one. family: how many features and answers were looked at."""
    strange = _strange(look, family, rules)
    if look.distance is None:
        return replace(look, strange=strange, drifted=bool(strange))
    if look.p_value is None or threshold is None:
        most = rules.distance or drift_test(look.test, look.kind).threshold or 0.0
        moved, calm = look.distance >= most, look.distance < rules.close_ratio * most
    else:
        moved = look.p_value <= threshold and look.effect >= rules.least_effect
        calm = look.p_value > rules.alpha or look.effect < rules.close_ratio * rules.least_effect
    return replace(look, strange=strange, drifted=moved or bool(strange), calm=calm and not strange)


def _state(current: Distribution) -> State:
    reference = current.reference
    if not reference.rows:
        return "no_reference"
    if not current.rows:
        return "all_missing"
    return (
        "constant" if reference.constant and (current.counts[reference.counts > 0] == current.rows).all() else "tested"
    )


def _strange(look: FeatureVerdict, family: int, rules: Rules) -> tuple[Strange, ...]:
    """What has risen by enough; each feature has two chances to raise a false alarm."""
    most = rules.schema_alpha / (2 * max(family, 1))
    return tuple(rate.kind for rate in look.rates if rate.risen >= rules.least_rate and rate.p_value <= most)
