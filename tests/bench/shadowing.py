"""What shadows cost the champion's callers: round trips at a fixed rate, with and without copies to a shadow agent."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import uvloop

from schemas.routes import RoutePlan
from streams.topics import SHADOW_REQUESTS, SHADOW_RESULTS
from tests.bench.callers import Ask, over_kafka, until_answered
from tests.bench.load import Ends
from tests.bench.options import Options
from tests.bench.place import Place, Started
from tests.bench.routed import TWINS, Routed, champion, plan

V1, V2, _ = TWINS
OFF, ON = "shadow off", "shadow at 100 %"
PLANS: Mapping[str, RoutePlan] = {
    OFF: champion(),
    ON: plan("shadow", ("champion", V1, 1.0), ("shadow", V2, 0.0), mirror=1.0),
}
WARM_UP_S = 0.5
CATCH_UP_S = 60.0


@dataclass(frozen=True, slots=True)
class Trips:
    """Round trips in milliseconds, of requests that were sent each when it was due. copies: answered by the shadow."""

    p50: float
    p99: float
    copies: int


def shadowings(place: Place, scorer: Routed, options: Options) -> Iterator[tuple[str, Trips]]:
    """(off or on, what its callers saw), in pairs; who begins changes from pair to pair. The agent is up for both.

    A broker that has just started compiles for its first half minute what it runs, which costs callers more than any
    shadow does: the times before that are left out.
    """
    copied, answered = (Ends(scorer.lane, scorer.lane.topic(each.name)) for each in (SHADOW_REQUESTS, SHADOW_RESULTS))
    with place.role("shadow", scorer.lane) as agent:
        scorer.follow(PLANS[ON])
        scorer.load.put(1)
        agent.await_true(lambda: answered.count() > 0, "a first answer of the shadow", CATCH_UP_S)
        _at_rate(scorer, options.shadow_rate, options.shadow_warm_up)
        for turn in range(options.shadow_rounds):
            for name in (OFF, ON) if turn % 2 == 0 else (ON, OFF):
                before = _caught_up(agent, copied, answered)
                scorer.follow(PLANS[name])
                took = _at_rate(scorer, options.shadow_rate, options.seconds)
                p50, p99 = (float(value) * 1000 for value in np.percentile(took, (50, 99)))
                yield name, Trips(p50, p99, _caught_up(agent, copied, answered) - before)


def _caught_up(agent: Started, copied: Ends, answered: Ends) -> int:
    """How many answers of the shadow there are, once none is missing: what it still did would slow others."""
    agent.await_true(lambda: answered.count() >= copied.count(), "every copy is answered", CATCH_UP_S)
    return answered.count()


def _at_rate(scorer: Routed, rate: float, seconds: float) -> list[float]:
    async def measure() -> list[float]:
        async with over_kafka(scorer.lane, 1) as [ask]:
            await until_answered(ask)
            await _open_loop(ask, rate, WARM_UP_S)
            return await _open_loop(ask, rate, seconds)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measure())


async def _open_loop(ask: Ask, rate: float, seconds: float) -> list[float]:
    """Seconds from when each request was due to its answer, whatever becomes of those before."""
    began = perf_counter()

    async def trip(due: float) -> float:
        await ask()
        return perf_counter() - due

    trips = []
    for number in range(max(1, round(rate * seconds))):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - perf_counter()))
        trips.append(asyncio.create_task(trip(due)))
    return await asyncio.gather(*trips)
