"""Tallies and plans to judge by, made short."""

from collections.abc import Sequence
from typing import Any

from models.evidence import ArmTally, Pairs, Verdict, judge
from models.routing.base import Measure
from schemas.routes import RoutePlan
from tests.models.routing.plans import usual

CANARY = usual("canary", 0.5)
SHADOW = usual("shadow")
CHALLENGE = usual("champion_challenger")
SPLIT: tuple[Measure, ...] = ("errors", "slow")


def judged(
    plan: RoutePlan, needs: Sequence[Measure], candidate: dict[str, Any], champion: dict[str, Any] | None = None
) -> Verdict:
    """The verdict on v2 beside v1 by what both counted; the champion counted the same unless told."""
    arms = zip(plan.arms, (candidate if champion is None else champion, candidate), strict=True)
    tallies = {arm.name: ArmTally(arm.name, arm.version, **counts) for arm, counts in arms}
    return judge(plan, "v2", tallies, needs)


def served(requests: int, errors: int = 0, **more: Any) -> dict[str, Any]:
    """As many entities as requests."""
    return {"served": requests, "entities": requests, "errors": errors, **more}


def tried(requests: int, pairs: dict[Measure, Pairs], **more: Any) -> dict[str, Any]:
    """Copies, all of them answered."""
    return {"evaluated": requests, "compared": requests, "pairs": pairs, **more}


def with_thresholds(plan: RoutePlan, **changed: Any) -> RoutePlan:
    return plan.model_copy(update={"thresholds": plan.thresholds.model_copy(update=changed)})
