"""What Postgres has about routes: counts of each arm, and the verdict on a candidate."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine

from infra.database.arms import ArmCounts, ShadowCounts, count_arms, count_shadows
from infra.database.shadows import shadow_analysis
from infra.database.transaction import in_transaction
from models.evidence import ArmTally, Late, Lately, Pairs, judge
from models.evidence.guardrail import RISK
from models.routing import STRATEGIES
from models.routing.bandit import weights as bandit_weights
from schemas.routes import STEPS, Arm, Route
from streams.look import Look

PATIENCE_S = 10.0

Figures = Callable[[Route], Awaitable[dict[str, Any]]]
"""What was counted on a route, as JSON values. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted on an arm of a route: of its answers, and of the copies that it tried."""

    arm: Arm
    served: ArmCounts
    shadowed: ShadowCounts

    def tally(self) -> ArmTally:
        """As evidence is judged by. A shadow's requests went through the champion too, which answered each in time."""
        served, shadowed = self.served, self.shadowed
        tried = shadowed.evaluated
        pairs = {
            "errors": Pairs(tried, 0, shadowed.errors, shadowed.errors),
            "slow": Pairs(tried, 0, shadowed.slow, shadowed.slow),
            "loss": Pairs(shadowed.labels, shadowed.champion_loss, shadowed.loss, shadowed.squares),
        }
        return ArmTally(
            self.arm.name,
            self.arm.version,
            served=served.served,
            evaluated=tried,
            compared=shadowed.compared,
            entities=served.entities,
            errors=served.errors + shadowed.errors,
            slow=served.slow + shadowed.slow,
            labels=served.labels + shadowed.labels,
            loss=served.loss + shadowed.loss,
            disagreements=shadowed.disagreements,
            flips=shadowed.flips,
            pairs=pairs if self.arm.weight == 0 else {},  # type: ignore[arg-type]  # a Measure each
        )


def first_epoch(route: Route) -> int:
    """The epoch at which the route got its plan; what came before says nothing of it."""
    changes = [revision.epoch for revision in route.revisions if revision.action not in STEPS]
    return changes[-1] if changes else route.epoch


def count(connection: Connection, route: Route) -> Sequence[Counted]:
    """Every arm of the plan, also one that did nothing."""
    asked = route.model, first_epoch(route), route.epoch, route.plan.thresholds.slow_ms
    served = {(found.arm, found.version): found for found in count_arms(connection, *asked)}
    shadowed = {found.version: found for found in count_shadows(connection, *asked)}
    return [
        Counted(
            arm,
            served.get((arm.name, arm.version)) or ArmCounts(arm.name, arm.version),
            (shadowed.get(arm.version) if arm.weight == 0 else None) or ShadowCounts(arm.version),
        )
        for arm in route.plan.arms
    ]


def figures(engine: Engine, patience_s: float = PATIENCE_S) -> tuple[Figures, Figures]:
    """Counts by arm, and the comparison with the shadows; one query at a time."""
    turn = asyncio.Semaphore(1)

    async def ask(read: Callable[[Connection, Route], dict[str, Any]], route: Route) -> dict[str, Any]:
        async with turn:
            return await in_transaction(engine, lambda connection: read(connection, route), patience_s)

    return partial(ask, _metrics), partial(ask, _shadow)


def _metrics(connection: Connection, route: Route) -> dict[str, Any]:
    return {
        "model": route.model,
        "strategy": route.plan.strategy,
        "epoch": route.epoch,
        "since_epoch": first_epoch(route),
        "arms": [_shown(counted) for counted in count(connection, route)],
    }


def _shadow(connection: Connection, route: Route) -> dict[str, Any]:
    return {"model": route.model, "epoch": route.epoch, **shadow_analysis(connection, route.model, first_epoch(route))}


def _shown(counted: Counted) -> dict[str, Any]:
    """0 where there was no traffic, never NaN; null where there is no latency to tell."""
    served, tally = counted.served, counted.tally()
    return {
        "arm": tally.arm,
        "version": tally.version,
        "weight": counted.arm.weight,
        "served": tally.served,
        "evaluated": tally.evaluated,
        "entities": tally.entities,
        "errors": tally.errors,
        "error_ratio": tally.error_ratio,
        "slow_ratio": _ratio(tally.slow, tally.requests),
        "p50_ms": served.p50_ms,
        "p99_ms": served.p99_ms if tally.served else counted.shadowed.p99_ms,
        "labels": tally.labels,
        "accuracy": _ratio(served.correct, served.labels),
        "brier": _ratio(tally.loss, tally.labels),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


class StoredEvidence:
    """What Postgres says of candidates; `agents.ports.Evidence` and `streams.route_watch.Looks`."""

    def __init__(self, engine: Engine, patience_s: float = PATIENCE_S) -> None:
        self._engine = engine
        self._patience_s = patience_s
        self._lately = Lately()

    def watches(self, route: Route) -> bool:
        """Whether the route has a candidate to look at."""
        return len(route.plan.arms) > 1

    async def verdict(self, route: Route, version: str) -> Mapping[str, Any]:
        """Raises Unavailable."""
        return await _verdict(route, version, await self._count(route))

    async def look(self, route: Route) -> Look:
        """What one count says of the candidates, the guardrail and a bandit's weights. Raises Unavailable."""
        counted, needs = await self._count(route), STRATEGIES[route.plan.strategy].needs
        candidates = dict.fromkeys(arm.version for arm in route.plan.arms[1:]) if needs else ()
        return Look(
            [await _verdict(route, version, counted) for version in candidates],
            await asyncio.to_thread(_passed, self._lately, route, counted),
            await asyncio.to_thread(_weights, counted) if route.plan.strategy == "bandit" else None,
        )

    async def _count(self, route: Route) -> Sequence[Counted]:
        return await in_transaction(self._engine, lambda connection: count(connection, route), self._patience_s)


async def _verdict(route: Route, version: str, counted: Sequence[Counted]) -> Mapping[str, Any]:
    tallies = {found.arm.name: found.tally() for found in counted}
    needs = STRATEGIES[route.plan.strategy].needs
    judged = await asyncio.to_thread(judge, route.plan, version, tallies, needs)
    return {**judged.to_json(), "epoch": route.epoch}


def _passed(lately: Lately, route: Route, counted: Sequence[Counted]) -> str | None:
    """Why the route has to be rolled back, or None."""
    guardrail, candidates = route.plan.guardrail, counted[1:]
    if guardrail is None:
        return None
    for found in candidates:
        latencies = found.served.latencies if found.served.served else found.shadowed.latencies
        late = Late(0 if guardrail.p99_ms is None else latencies.slower(guardrail.p99_ms), latencies.count)
        whose = route.model, first_epoch(route), found.arm.name
        if (why := lately.passed(whose, guardrail, found.tally(), late, RISK / len(candidates))) is not None:
            return why
    return None


def _weights(counted: Sequence[Counted]) -> Mapping[str, float]:
    """A bandit's, by its labels."""
    rewards = {
        found.arm.name: (float(found.served.correct), float(found.served.labels - found.served.correct))
        for found in counted
    }
    return bandit_weights(rewards)
