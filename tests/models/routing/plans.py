"""A plan of every strategy, routes, and entities to route."""

from collections.abc import Mapping

from models.bundle import Bundle
from models.routing import ModelRoute, Routes
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


def champions(bundles: Mapping[str, Bundle]) -> Routes:
    """Models that one bundle answers each."""
    routes = Routes({})
    for model, bundle in bundles.items():
        champion = plan("champion", ("champion", bundle.version, 1.0))
        routes = routes.replaced(ModelRoute(model, champion, 1, {bundle.version: bundle}))
    return routes
