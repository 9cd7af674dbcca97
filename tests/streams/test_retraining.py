"""Where a candidate enters a route."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.routes import Arm, Guardrail, Revision, Route, RoutePlan, Thresholds
from streams.retraining import Place, beside, hindrance

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
    assert hindrance(route("champion", "v1"), "v2", "v1", place) is None
    plan = beside(route("champion", "v1"), "v2", place)
    assert plan.strategy == strategy
    assert [(arm.name, arm.version, arm.weight) for arm in plan.arms] == [("champion", "v1", 1.0), (place, "v2", 0.0)]
    assert {name: getattr(plan, name) for name in KEPT} == KEPT


@pytest.mark.contract("F4")
@pytest.mark.parametrize("strategy", ["canary", "ab", "bandit", "blue_green", "shadow", "champion_challenger"])
def test_a_route_that_tries_something_else_is_left_alone(strategy: str) -> None:
    note = hindrance(route(strategy, "v1", "v3"), "v2", "v1", "challenger")
    assert note == f"the route of churn has {strategy} at work: give it the candidate when that is over"


@pytest.mark.contract("F4")
@pytest.mark.parametrize("strategy", ["champion", "champion_challenger"])
def test_who_was_held_against_another_champion_does_not_enter(strategy: str) -> None:
    """A promotion or a rollback came between the comparison and the entry."""
    note = hindrance(route(strategy, "v3", "v2"), "v2", "v1", "challenger")
    assert note == "the champion of churn is v3 by now, the candidate was held against v1: retrain again"


def test_the_same_candidate_again_changes_nothing() -> None:
    again = route("champion_challenger", "v1", "v2")
    assert hindrance(again, "v2", "v1", "challenger") is None
    assert beside(again, "v2", "challenger") == again.plan
    assert hindrance(again, "v2", "v1", "shadow") is not None
