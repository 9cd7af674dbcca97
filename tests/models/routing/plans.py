"""A plan of every strategy, and entities to route."""

from schemas.routes import Arm, RoutePlan, StrategyName

ENTITIES = [f"c-{number}" for number in range(10_000)]


def plan(strategy: StrategyName, *arms: tuple[str, str, float], **more: object) -> RoutePlan:
    """arms: (name, version, weight)."""
    made = [Arm(name=name, version=version, weight=weight) for name, version, weight in arms]
    return RoutePlan.model_validate({"strategy": strategy, "arms": made, **more})


NAMES: dict[StrategyName, tuple[str, ...]] = {
    "champion": ("champion",),
    "canary": ("champion", "canary"),
    "blue_green": ("blue", "green"),
    "shadow": ("champion", "shadow"),
    "ab": ("a", "b"),
    "champion_challenger": ("champion", "challenger"),
    "bandit": ("a", "b"),
}
"""The arms of each strategy's usual plan."""


def usual(strategy: StrategyName, share: float = 0.0, **more: object) -> RoutePlan:
    """v1 beside v2, which answers such a share; the champion's plan has v1 alone."""
    weights = (1 - share, share)
    arms = [(name, f"v{place + 1}", weights[place]) for place, name in enumerate(NAMES[strategy])]
    return plan(strategy, *arms, **more)
