"""What routing costs: the same scorer's drains under each strategy, and the choice of an arm by itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter_ns

from infra import artifacts
from models.bundle import Bundle, read_bundle
from models.routing import ModelRoute, Routes
from schemas.routes import RoutePlan
from tests.bench.drain import Drain
from tests.bench.load import customers
from tests.bench.options import Options
from tests.bench.routed import MODEL, TWINS, Routed, champion, plan

V1, V2, V3 = TWINS
CHAMPION, AGAIN, MIRRORED = "champion", "champion again", "shadow, mirror 1"
PLANS: Mapping[str, RoutePlan] = {
    CHAMPION: champion(),
    AGAIN: champion(),
    "canary 0.1": plan("canary", ("champion", V1, 0.9), ("canary", V2, 0.1)),
    "blue_green": plan("blue_green", ("blue", V1, 1.0), ("green", V2, 0.0)),
    "shadow, mirror 0": plan("shadow", ("champion", V1, 1.0), ("shadow", V2, 0.0)),
    "ab 0.5": plan("ab", ("a", V1, 0.5), ("b", V2, 0.5)),
    "champion_challenger": plan("champion_challenger", ("champion", V1, 1.0), ("challenger", V2, 0.0)),
    "bandit of 3": plan("bandit", ("a", V1, 0.5), ("b", V2, 0.3), ("c", V3, 0.2)),
    MIRRORED: plan("shadow", ("champion", V1, 1.0), ("shadow", V2, 0.0), mirror=1.0),
}
"""All are held against the first. The second is the same once more: what its ratio is off by is not routing's."""
UNTARGETED = (AGAIN, MIRRORED)
"""Copies are records more to be written: their price is shown, and no bound is set."""
TRIES = 9


def routings(scorer: Routed, options: Options) -> Iterator[tuple[str, Drain]]:
    """(plan, one drain), round by round; who begins changes from round to round."""
    names = [*PLANS]
    for turn in range(options.routing_rounds):
        begin = turn % len(names)
        for name in names[begin:] + names[:begin]:
            scorer.follow(PLANS[name])
            yield name, scorer.drain(options.routing_records)


def route_ns(store: str) -> dict[str, float]:
    """Plan -> nanoseconds for the choice of who answers one request, the loop around it included."""
    bundles = {version: read_bundle(artifacts.fetch(store, MODEL, version)) for version in TWINS}
    return {name: _call_ns(each, bundles) for name, each in PLANS.items() if name != AGAIN}


def _call_ns(each: RoutePlan, bundles: Mapping[str, Bundle]) -> float:
    """The least of some tries: the others were disturbed."""
    route = Routes({MODEL: ModelRoute(MODEL, each, 1, bundles)}).route
    entities = [entity for entity, _ in customers()]
    return min(_loop_ns(route, entities) / len(entities) for _ in range(TRIES))


def _loop_ns(route: Callable[[str, str], object], entities: Sequence[str]) -> int:
    began = perf_counter_ns()
    for entity in entities:
        route(MODEL, entity)
    return perf_counter_ns() - began
