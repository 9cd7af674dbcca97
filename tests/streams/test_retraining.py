"""Where a candidate enters a route."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.routes import Arm, Guardrail, Revision, Route, RoutePlan, Thresholds
from streams.retraining import Place, beside

NOW = datetime(2026, 11, 27, tzinfo=UTC)
KEPT: dict[str, Any] = {"thresholds": Thresholds(requests=7), "guardrail": Guardrail(error_ratio=0.1), "salt": "s"}


def route(strategy: Any, *versions: str) -> Route:
    names = ("champion", "challenger")
    weights = (1.0, 0.0) if strategy in ("champion", "shadow", "champion_challenger") else (0.5, 0.5)
    arms = tuple(Arm(name=n, version=v, weight=w) for n, v, w in zip(names, versions, weights, strict=False))
    plan = RoutePlan(strategy=strategy, arms=arms, **KEPT)
    return Route(
        model="churn",
        revisions=(Revision(epoch=3, at=NOW, action="set", actor="ann", command_id="c", plan=plan),),
    )


@pytest.mark.contract("F4")
@pytest.mark.parametrize(("place", "strategy"), [("challenger", "champion_challenger"), ("shadow", "shadow")])
def test_a_candidate_stands_beside_the_champion_and_answers_nobody(place: Place, strategy: str) -> None:
    plan = beside(route("champion", "v1"), "v2", place)
    assert plan is not None
    assert plan.strategy == strategy
    assert [(arm.name, arm.version, arm.weight) for arm in plan.arms] == [("champion", "v1", 1.0), (place, "v2", 0.0)]
    assert {name: getattr(plan, name) for name in KEPT} == KEPT


@pytest.mark.contract("F4")
@pytest.mark.parametrize("strategy", ["canary", "ab", "bandit", "blue_green", "shadow", "champion_challenger"])
def test_a_route_that_tries_something_else_is_left_alone(strategy: str) -> None:
    assert beside(route(strategy, "v1", "v3"), "v2", "challenger") is None


def test_the_same_candidate_again_changes_nothing() -> None:
    first = beside(route("champion", "v1"), "v2", "challenger")
    assert first is not None
    again = route("champion_challenger", "v1", "v2")
    assert beside(again, "v2", "challenger") == first
    assert beside(again, "v2", "shadow") is None
