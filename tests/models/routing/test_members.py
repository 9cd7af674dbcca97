"""What only one strategy, or some, hold: their plans, candidates and steps."""

from collections import Counter

import pytest

from models.routing import RAMP, STRATEGIES, next_step
from schemas.errors import InvalidRequest
from schemas.routes import RoutePlan
from tests.models.routing.plans import ENTITIES, plan, usual

ONE, SWITCHED = ("champion", "v1", 1), [("green", "v2", 1), ("blue", "v1", 0)]
THIRDS = [("a", "v1", 0.4), ("b", "v2", 0.25), ("c", "v3", 0.35)]


@pytest.mark.contract("T1")
@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        (plan("champion", ("boss", "v1", 1)), {"arms[0].name": "must be champion"}),
        (plan("champion", ("champion", "v1", 0.5)), {"arms[0].weight": "must be 1"}),
        (plan("champion", ONE, ("canary", "v2", 0)), {"arms": "must be exactly champion"}),
        (plan("canary", ONE), {"arms": "must be exactly champion, canary"}),
        (
            plan("canary", ("champion", "v1", 0.9), ("bird", "v2", 0.1)),
            {"arms[1].name": "must be canary; the arms of canary are champion, canary"},
        ),
        (
            plan("canary", ("a", "v1", 0.9), ("b", "v1", 0.2), mirror=0),
            {
                "arms[0].name": "must be champion; the arms of canary are champion, canary",
                "arms[1].name": "must be canary; the arms of canary are champion, canary",
                "arms[1].version": "must be another than that of arms[0]",
                "arms": "must have weights that sum to 1",
                "mirror": "must be left out: canary mirrors nothing",
            },
        ),
        (plan("blue_green", ("blue", "v1", 1), ("blue", "v2", 0)), {"arms[1].name": "must be green"}),
        (plan("blue_green", ("red", "v1", 1), ("blue", "v2", 0)), {"arms[0].name": "must be green"}),
        (
            plan("blue_green", ("blue", "v1", 0), ("green", "v1", 1)),
            {
                "arms[1].version": "must be another than that of arms[0]",
                "arms[0].weight": "must be 1: under blue_green",
                "arms[1].weight": "must be 0: under blue_green",
            },
        ),
        (plan("shadow", ONE), {"arms": "must be two or more"}),
        (
            plan("shadow", ("a", "v1", 1), ("b", "v2", 0), ("b", "v2", 0.5)),
            {
                "arms[0].name": "must be champion",
                "arms[2].name": "must be another than that of arms[1]",
                "arms[2].version": "must be another than that of arms[1]",
                "arms[2].weight": "must be 0: under shadow",
            },
        ),
        (plan("ab", ("a", "v1", 1)), {"arms": "must be two or more"}),
        (plan("ab", ("a", "v1", 0.5), ("a", "v2", 0.5)), {"arms[1].name": "must be another than that of arms[0]"}),
        (plan("ab", ("a", "v1", 0.5), ("b", "v2", 0.5 + 2e-9)), {"arms": "must have weights that sum to 1"}),
        (plan("champion_challenger", ONE, ("shadow", "v2", 0)), {"arms[1].name": "must be challenger"}),
        (
            plan("bandit", ("a", "v1", 0.5), ("b", "v1", 0.5)),
            {"arms[1].version": "must be another than that of arms[0]"},
        ),
    ],
    ids=lambda value: value.strategy if isinstance(value, RoutePlan) else "",
)
def test_every_wrong_field_is_named_with_what_is_allowed(wrong: RoutePlan, fields: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match=f"{wrong.strategy} cannot have this plan") as refused:
        STRATEGIES[wrong.strategy].check(wrong)
    assert [field.field for field in refused.value.fields] == list(fields)
    for field in refused.value.fields:
        assert field.reason.startswith(fields[field.field])
        assert field.got


@pytest.mark.parametrize(
    "right",
    [
        plan("blue_green", *SWITCHED),
        plan("shadow", ONE, ("new", "v2", 0), ("newer", "v3", 0), mirror=0.3),
        plan("ab", *THIRDS),
        plan("ab", ("a", "v1", 0.5), ("a2", "v1", 0.5)),
        plan("ab", *[(f"arm{i}", f"v{i}", 0.1) for i in range(7)], ("last", "v7", 0.3 + 5e-10)),
        plan("canary", ONE, ("canary", "v2", 0)),
        plan("bandit", *THIRDS),
    ],
    ids=lambda right: f"{right.strategy} of {len(right.arms)}",
)
def test_a_plan_is_accepted(right: RoutePlan) -> None:
    STRATEGIES[right.strategy].check(right)


@pytest.mark.contract("T1")
def test_of_three_arms_each_has_its_share_and_a_raised_weight_draws_to_its_arm_alone() -> None:
    sooner, later = (
        STRATEGIES["ab"]("churn", plan("ab", ("a", "v1", a), ("b", "v2", b), ("c", "v3", c)))
        for a, b, c in [(0.4, 0.25, 0.35), (0.2, 0.6, 0.2)]
    )
    ways = Counter((sooner.arm(entity), later.arm(entity)) for entity in ENTITIES)
    for arm, weight in (("a", 0.4), ("b", 0.25), ("c", 0.35)):
        served = sum(count for (before, _), count in ways.items() if before == arm)
        assert abs(served - 10_000 * weight) <= 3 * (10_000 * weight * (1 - weight)) ** 0.5
    assert ("b", "a") not in ways
    assert ("b", "c") not in ways
    assert ways["a", "b"] > ways["c", "b"] > 0


@pytest.mark.contract("T1")
def test_an_arm_more_moves_nobody_between_those_that_stay_and_none_without_weight_answers() -> None:
    two, four = (
        STRATEGIES["bandit"]("churn", plan("bandit", *arms))
        for arms in (
            [("a", "v1", 0.5), ("waking", "v2", 0), ("idle", "v3", 0), ("b", "v4", 0.5)],
            [("a", "v1", 0.3), ("waking", "v2", 0.2), ("idle", "v3", 0), ("b", "v4", 0.3), ("new", "v5", 0.2)],
        )
    )
    ways = {(two.arm(entity), four.arm(entity)) for entity in ENTITIES}
    assert ways == {(arm, then) for arm in ("a", "b") for then in (arm, "waking", "new")}


def test_of_several_shadows_each_gets_copies_and_none_is_the_candidate() -> None:
    shadows = plan("shadow", ONE, ("new", "v2", 0), ("newer", "v3", 0))
    assert STRATEGIES["shadow"]("churn", shadows).mirrors("c-1") == ("v2", "v3")
    assert STRATEGIES["shadow"].candidate(shadows) is None
    assert STRATEGIES["ab"].candidate(plan("ab", *THIRDS)) is None


def test_a_bandits_candidate_is_the_heaviest_arm_beside_the_champion() -> None:
    candidate = STRATEGIES["bandit"].candidate(plan("bandit", *THIRDS))
    assert candidate is not None
    assert candidate.name == "c"


@pytest.mark.contract("T3")
def test_blue_and_green_take_turns() -> None:
    blue = usual("blue_green", salt="autumn")
    green = STRATEGIES["blue_green"].promoted(blue, "v2")
    assert green == plan("blue_green", *SWITCHED, salt="autumn")
    assert STRATEGIES["blue_green"]("churn", green).arm("c-1") == "green"
    idle = STRATEGIES["blue_green"].candidate(green)
    assert idle is not None
    assert STRATEGIES["blue_green"].promoted(green, idle.version) == blue


@pytest.mark.contract("T1", "T3")
def test_a_canary_grows_step_by_step_until_it_is_promoted() -> None:
    step, second, seen = usual("canary", salt="autumn"), set[str](), []
    while step.strategy == "canary":
        step = next_step(step)
        seen.append(step.arms[-1].weight)
        strategy = STRATEGIES[step.strategy]("churn", step)
        STRATEGIES[step.strategy].check(step)
        grown = {entity for entity in ENTITIES if strategy.arm(entity) == step.arms[-1].name}
        assert second < grown
        second = grown
    assert tuple(seen) == RAMP
    assert step == STRATEGIES["canary"].promoted(usual("canary", salt="autumn"), "v2")


@pytest.mark.parametrize(("weight", "following"), [(0.07, 0.1), (0.1, 0.25), (0.5, 1.0), (0.7, 1.0), (1.0, 1.0)])
def test_a_canarys_next_step_is_a_larger_one(weight: float, following: float) -> None:
    assert next_step(usual("canary", weight)).arms[-1].weight == following


def test_only_a_canary_has_steps() -> None:
    with pytest.raises(InvalidRequest, match="strategy has no steps; known are those of canary"):
        next_step(usual("ab", 0.5))
