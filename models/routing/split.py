"""What the strategies have in common."""

from collections.abc import Callable

from models.routing.hashing import sticky_arm, sticky_copies
from schemas.errors import FieldError, InvalidRequest
from schemas.request import describe
from schemas.routes import Arm, RoutePlan


class Split:
    """Entities are shared out among the arms by weight; whoever is promoted is the champion of a plan of its own."""

    arm: Callable[[str], str]
    mirrors: Callable[[str], tuple[str, ...]]

    def __init__(self, model: str, plan: RoutePlan) -> None:
        salt = plan.salt or model
        self.arm = sticky_arm(salt, plan.arms)
        self.mirrors = sticky_copies(salt, plan.mirror, self.copied(plan))

    @staticmethod
    def copied(plan: RoutePlan) -> tuple[str, ...]:
        """The versions that get copies of requests."""
        return ()

    @staticmethod
    def candidate(plan: RoutePlan) -> Arm | None:
        """The second arm of two. Of more none is: a guess would make it serve everything, so the caller names one."""
        return plan.arms[1] if len(plan.arms) == 2 else None

    @staticmethod
    def promoted(plan: RoutePlan, version: str) -> RoutePlan:
        """A champion's plan with the same salt, thresholds and guardrail.

        Raises InvalidRequest where no arm has the version.
        """
        check_version(plan, version)
        kept = {name: getattr(plan, name) for name in ("salt", "thresholds", "guardrail")}
        return RoutePlan(strategy="champion", arms=(Arm(name="champion", version=version),), **kept)


class Mirrored(Split):
    """The first arm answers; the versions of the others get copies of a share of the requests."""

    @staticmethod
    def copied(plan: RoutePlan) -> tuple[str, ...]:
        return tuple(arm.version for arm in plan.arms if arm.weight == 0)


def check_version(plan: RoutePlan, version: str) -> None:
    """Raises InvalidRequest naming the versions of the plan where this is none."""
    if version not in plan.versions():
        reason = f"is no arm of this {plan.strategy} route; known are {', '.join(plan.versions())}"
        raise InvalidRequest(f"version {reason}", [FieldError("version", reason, describe(version))])
