"""Where a drift likely comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from models.drift.base import Distribution
from models.drift.feature_verdict import FeatureVerdict, decided, looked_at
from models.drift.rules import Rules
from models.drift.severity import broad
from models.drift.sketch import Sketch
from schemas.drift_events import Cause

LEAST_REST = 100
"""Rows of the others that say whether they have drifted too."""
_NEARLY = 0.9
"""Shares are of samples: what they should be at least they may just miss."""


@dataclass(frozen=True)
class Sources:
    """Whose rows a window holds, where it is known.

    sketches: of each source's rows, on the window's cells; their sum is the window. now, before: rows of each source in
    this window and in those before it.
    """

    sketches: Mapping[str, Sketch] = field(default_factory=dict)
    now: Mapping[str, int] = field(default_factory=dict)
    before: Mapping[str, int] = field(default_factory=dict)


class Likely(NamedTuple):
    """source: the producer, where it is a single one."""

    cause: Cause | None = None
    source: str | None = None


def likely_cause(one: FeatureVerdict, found: Sequence[FeatureVerdict], sources: Sources, rules: Rules) -> Likely:
    """What explains the drift of one of a window's features.

    found: all of them. In this order: values that training did not have are most of what moved; there is one source
    without which the others' rows are calm, or whose share of the rows has risen by as much as moved while the others'
    have not drifted; half of the features drifted at once.
    """
    if _strange(one):
        return Likely("schema_change")
    without = _without_each(one, found.index(one), sources, rules)
    if source := _apart(without) or _risen(one, without, sources):
        return Likely("single_producer", source)
    return Likely("broad_shift" if broad(found) else None)


def _strange(one: FeatureVerdict) -> bool:
    """Whether strange values are most of what moved: of a mere shift some lie out of range, too."""
    risen = [rate for rate in one.rates if rate.kind in one.strange]
    return any(rate.kind == "missing" or rate.risen >= one.effect / 2 for rate in risen)


def _without_each(one: FeatureVerdict, place: int, sources: Sources, rules: Rules) -> dict[str, FeatureVerdict]:
    """For each source with rows what the others' alone say, where they are enough to say anything."""
    parts = {source: sketch.distribution(place) for source, sketch in sources.sketches.items()}
    rest = {source: _without(one.distribution, part) for source, part in parts.items() if part.rows}
    enough = {
        source: others for source, others in rest.items() if others.rows >= LEAST_REST and (others.counts >= 0).all()
    }
    return {source: decided(looked_at(others, rules), rules.alpha, 1, rules) for source, others in enough.items()}


def _without(whole: Distribution, part: Distribution) -> Distribution:
    return replace(
        whole,
        counts=whole.counts - part.counts,
        missing=whole.missing - part.missing,
        below=max(whole.below - part.below, 0.0),
        above=max(whole.above - part.above, 0.0),
    )


def _apart(without: Mapping[str, FeatureVerdict]) -> str | None:
    """The only source without which nothing has drifted."""
    lone = [source for source, others in without.items() if others.calm]
    return lone[0] if len(lone) == 1 else None


def _risen(one: FeatureVerdict, without: Mapping[str, FeatureVerdict], sources: Sources) -> str | None:
    """The only source whose part has grown by what moved, if the others' rows have not drifted as well."""
    now, before = sum(sources.now.values()), sum(sources.before.values())
    if not now or not before:
        return None
    risen = {source: rows / now - sources.before.get(source, 0) / before for source, rows in sources.now.items()}
    enough = [source for source, more in risen.items() if more >= max(_NEARLY * one.effect, 0.05)]
    if len(enough) != 1 or (enough[0] in without and without[enough[0]].drifted):
        return None
    return enough[0]
