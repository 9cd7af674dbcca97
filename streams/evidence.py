"""What Postgres has about routes: counts of each arm, and the verdict on a candidate."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine

from infra.database.arms import ArmCounts, count_arms
from infra.database.transaction import in_transaction
from schemas.routes import STEPS, Route

PATIENCE_S = 10.0

Figures = Callable[[Route], Awaitable[dict[str, Any]]]
"""What was counted on a route, as JSON values. Raises Unavailable."""


def first_epoch(route: Route) -> int:
    """The epoch at which the route got its plan; what came before says nothing of it."""
    changes = [revision.epoch for revision in route.revisions if revision.action not in STEPS]
    return changes[-1] if changes else route.epoch


def figures(engine: Engine, patience_s: float = PATIENCE_S) -> tuple[Figures, Figures]:
    """Counts by arm, and the comparison with the shadows; one query at a time."""
    turn = asyncio.Semaphore(1)

    async def ask(read: Callable[[Connection, Route], dict[str, Any]], route: Route) -> dict[str, Any]:
        async with turn:
            return await in_transaction(engine, lambda connection: read(connection, route), patience_s)

    return partial(ask, _metrics), partial(ask, _shadow)


def _metrics(connection: Connection, route: Route) -> dict[str, Any]:
    counted = _counted(connection, route)
    return {
        "model": route.model,
        "strategy": route.plan.strategy,
        "epoch": route.epoch,
        "since_epoch": first_epoch(route),
        "arms": [_shown(counts, route) for counts in counted],
    }


def _shadow(connection: Connection, route: Route) -> dict[str, Any]:
    from infra.database.shadows import shadow_analysis

    return {"model": route.model, "epoch": route.epoch, **shadow_analysis(connection, route.model, first_epoch(route))}


def _counted(connection: Connection, route: Route) -> Sequence[ArmCounts]:
    """Every arm of the plan, also one that answered nothing."""
    slow_ms = route.plan.thresholds.slow_ms
    found = count_arms(connection, route.model, first_epoch(route), route.epoch, slow_ms)
    by_arm = {(counts.arm, counts.version): counts for counts in found}
    return [by_arm.get((arm.name, arm.version)) or ArmCounts(arm.name, arm.version) for arm in route.plan.arms]


def _shown(counts: ArmCounts, route: Route) -> dict[str, Any]:
    weights = {arm.name: arm.weight for arm in route.plan.arms}
    return {
        "arm": counts.arm,
        "version": counts.version,
        "weight": weights[counts.arm],
        "served": counts.served,
        "entities": counts.entities,
        "errors": counts.errors,
        "error_ratio": _ratio(counts.errors, counts.served),
        "slow_ratio": _ratio(counts.slow, counts.served),
        "p50_ms": counts.p50_ms,
        "p99_ms": counts.p99_ms,
        "labels": counts.labels,
        "accuracy": _ratio(counts.correct, counts.labels),
        "brier": _ratio(counts.loss, counts.labels),
    }


def _ratio(part: float, whole: float) -> float:
    """0 where there was no traffic, never NaN."""
    return part / whole if whole else 0.0


class StoredEvidence:
    """The verdict on a route's candidate by what Postgres has."""

    def __init__(self, engine: Engine, patience_s: float = PATIENCE_S) -> None:
        self._engine = engine
        self._patience_s = patience_s

    async def verdict(self, route: Route) -> Mapping[str, Any]:
        """Outcome, reason and numbers as JSON values. Raises Unavailable."""
        counted = await in_transaction(self._engine, partial(_counted, route=route), self._patience_s)
        arms = [_shown(counts, route) for counts in counted]
        return {"outcome": "inconclusive", "reason": "nothing is judged yet", "epoch": route.epoch, "arms": arms}
