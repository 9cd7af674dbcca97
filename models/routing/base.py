"""What every strategy answers with, and what every strategy is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from models.bundle import Bundle
from schemas.routes import Arm, RoutePlan

Measure = Literal["errors", "slow", "disagreement", "loss"]
"""What a candidate is judged by before it is promoted; `schemas.routes.Thresholds` bounds each."""


@dataclass(frozen=True, slots=True)
class Routed:
    """The model that answers a request, and why this one.

    strategy: the route's. arm: the part of the traffic that the request belongs to. epoch: counts the route's changes.
    mirrors: versions of the same model that get a copy of the request, off its path.
    """

    bundle: Bundle
    strategy: str
    arm: str
    epoch: int
    mirrors: tuple[str, ...] = ()


class Strategy(Protocol):
    """One way to share a model's requests out among its arms; a class for each, in `models.routing.STRATEGIES`.

    needs: what must be shown of a candidate before it is promoted, none where nothing can be.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[Measure, ...]]

    def __init__(self, model: str, plan: RoutePlan) -> None: ...

    @staticmethod
    def check(plan: RoutePlan) -> None:
        """Raises InvalidRequest naming every field of the plan that this strategy cannot have."""
        ...

    @staticmethod
    def candidate(plan: RoutePlan) -> Arm | None:
        """The arm that would be promoted, or None where there is none."""
        ...

    @staticmethod
    def promoted(plan: RoutePlan, version: str) -> RoutePlan:
        """The plan after its candidate, of this version, was promoted: it serves everything."""
        ...

    def arm(self, entity: str) -> str:
        """The name of the arm that answers an entity: the same one each time, in every process."""
        ...

    def mirrors(self, entity: str) -> tuple[str, ...]:
        """The versions that get a copy of an entity's requests."""
        ...


Bundles = Mapping[str, Bundle]
"""The versions of one model by their names."""
