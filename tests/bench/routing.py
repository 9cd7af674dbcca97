"""What routing costs: the same scorer's drains under each strategy, and the answering of a batch by itself."""

from collections.abc import Iterator, Mapping
from itertools import cycle, islice
from math import inf
from time import thread_time

from agents.admit import examine_all
from agents.score import score
from infra import artifacts
from models.bundle import read_bundle
from models.routing import ModelRoute, Routes
from schemas.routes import RoutePlan
from tests.agents.scorer import NOW, FakeKeys, batch, record
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
BATCH, TRIES = 500, 60


def routings(scorer: Routed, options: Options) -> Iterator[tuple[str, Drain]]:
    """(plan, one drain), round by round; who begins changes from round to round."""
    names = [*PLANS]
    for turn in range(options.routing_rounds):
        begin = turn % len(names)
        for name in names[begin:] + names[:begin]:
            scorer.follow(PLANS[name])
            yield name, scorer.drain(options.routing_records)


def score_us(store: str) -> dict[str, float]:
    """Plan -> microseconds of one core for the choice of who answers a request and for its answer, in full batches.

    The least of some rounds, in which the plans take turns: the others were disturbed.
    """
    bundles = {version: read_bundle(artifacts.fetch(store, MODEL, version)) for version in TWINS}
    routes = {name: Routes({MODEL: ModelRoute(MODEL, each, 1, bundles)}) for name, each in PLANS.items()}
    records = [
        record(body, key=entity.encode(), request_id=b"r-%d" % i, offset=i)
        for i, (entity, body) in enumerate(islice(cycle(customers()), BATCH))
    ]
    items = examine_all(batch(*records), keys=FakeKeys(), now=NOW)
    least = dict.fromkeys(routes, inf)
    for _ in range(TRIES):
        for name, router in routes.items():
            began = thread_time()
            score(items, router=router)
            least[name] = min(least[name], (thread_time() - began) / BATCH * 1e6)
    return least
