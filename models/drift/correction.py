"""Corrections for many tests at once: of 21 features at 0.05 one alarm in two windows would be chance."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

from schemas.errors import InvalidRequest


class Correction(Protocol):
    """One way to bound the false alarms of a family of tests; a class for each, in `CORRECTIONS`."""

    name: ClassVar[str]

    def threshold(self, p_values: Sequence[float], alpha: float) -> float:
        """The p-value up to which a test of this family has found something."""
        ...


class Bonferroni:
    """At most `alpha` of all windows without drift have any alarm, however the features hang together."""

    name: ClassVar[str] = "bonferroni"

    def threshold(self, p_values: Sequence[float], alpha: float) -> float:
        return alpha / max(len(p_values), 1)


class BenjaminiHochberg:
    """At most a share `alpha` of the alarms is false, of features that do not work against each other.

    It finds more where many have drifted. Source: Benjamini, Hochberg, "Controlling the false discovery rate" (1995).
    """

    name: ClassVar[str] = "benjamini_hochberg"

    def threshold(self, p_values: Sequence[float], alpha: float) -> float:
        steps = [alpha * rank / len(p_values) for rank in range(1, len(p_values) + 1)]
        passed = [step for p_value, step in zip(sorted(p_values), steps, strict=True) if p_value <= step]
        return max(passed, default=alpha / max(len(p_values), 1))


CORRECTIONS: Mapping[str, type[Correction]] = {kind.name: kind for kind in (Bonferroni, BenjaminiHochberg)}


def correction(name: str) -> Correction:
    """Raises InvalidRequest naming the known ones."""
    if name not in CORRECTIONS:
        raise InvalidRequest(f"no correction {name!r}: known are {', '.join(CORRECTIONS)}")
    return CORRECTIONS[name]()
