"""The present routes: what answers each request."""

from collections.abc import Callable, Mapping, Sequence

from models.routing.base import Bundles, Routed, Strategy
from models.routing.hashing import answering
from models.routing.strategies import STRATEGIES
from schemas.errors import FieldError, InvalidRequest
from schemas.request import describe
from schemas.routes import RoutePlan


class ModelRoute:
    """The route of one model. Each way to answer is one `Routed`, the same for all who are answered that way.

    The plan is not checked again: a route in force goes on where a newer version of Weir would no longer set it.
    bundles: at least the versions that answer; those that only get copies are not needed.
    """

    route: Callable[[str], Routed]
    """entity -> what answers its requests."""

    def __init__(self, model: str, plan: RoutePlan, epoch: int, bundles: Bundles) -> None:
        self.model = model
        self.plan = plan
        self.epoch = epoch
        self._bundles = {arm.name: bundles[arm.version] for arm in answering(plan.arms)}
        self.route = self._way(STRATEGIES[plan.strategy](model, plan))

    def _way(self, strategy: Strategy) -> Callable[[str], Routed]:
        """The cheapest one that there is for this plan: it is asked for every record."""
        arm, mirrors = strategy.arm, strategy.mirrors
        if self.plan.mirror not in (0.0, 1.0):
            made: dict[tuple[str, tuple[str, ...]], Routed] = {}

            def route(entity: str) -> Routed:
                way = arm(entity), mirrors(entity)
                routed = made.get(way)
                if routed is None:
                    routed = made[way] = self._routed(*way)
                return routed

            return route
        # A share of none or all is the same for every entity.
        ways = {name: self._routed(name, mirrors("")) for name in self._bundles}
        if len(ways) == 1:
            [only] = ways.values()
            return lambda entity: only
        return lambda entity: ways[arm(entity)]

    def _routed(self, arm: str, mirrors: tuple[str, ...]) -> Routed:
        return Routed(self._bundles[arm], self.plan.strategy, arm, self.epoch, mirrors)


class Routes:
    """A route for each model; a request may leave the model out where there is only one.

    They never change: others take their place.
    """

    def __init__(self, routes: Mapping[str, ModelRoute]) -> None:
        self._routes = dict(sorted(routes.items()))
        self._ways = {model: route.route for model, route in self._routes.items()}
        self._only = next(iter(self._ways.values())) if len(self._ways) == 1 else None

    @property
    def models(self) -> Sequence[str]:
        """The models that are served, in order."""
        return tuple(self._routes)

    def route(self, model: str | None, entity: str) -> Routed:
        """What answers a request. Raises InvalidRequest naming the known models."""
        way = self._only if model is None else self._ways.get(model)
        if way is not None:
            return way(entity)
        known = ", ".join(self._routes) or "none"
        reason = f"is not served; known are {known}" if model is not None else f"say which of {known}"
        raise InvalidRequest(f"model {reason}", [FieldError("model", reason, describe(model))])

    def replaced(self, route: ModelRoute) -> "Routes":
        """The same with this route in its model's place."""
        return Routes({**self._routes, route.model: route})

    def without(self, model: str) -> "Routes":
        """The same without a model's route."""
        return Routes({name: route for name, route in self._routes.items() if name != model})
