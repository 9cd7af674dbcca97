"""What every strategy holds, and each one that is added to the family."""

import subprocess
import sys
from typing import get_args

import pytest

from models.routing import STRATEGIES, Strategy
from schemas.errors import InvalidRequest
from schemas.routes import Guardrail, RoutePlan, StrategyName, Thresholds
from tests.models.routing.plans import ENTITIES, NAMES, plan, usual

SPLITTING: list[StrategyName] = ["canary", "ab", "bandit"]
"""Those that share the answers out; in the others one arm answers everything."""
MIRRORING: list[StrategyName] = ["shadow", "champion_challenger"]

every = pytest.mark.parametrize("name", STRATEGIES)
splitting = pytest.mark.parametrize("name", SPLITTING)
mirroring = pytest.mark.parametrize("name", MIRRORING)


def routed(plan: RoutePlan, model: str = "churn") -> Strategy:
    STRATEGIES[plan.strategy].check(plan)
    return STRATEGIES[plan.strategy](model, plan)


def arms(plan: RoutePlan, model: str = "churn") -> list[str]:
    strategy = routed(plan, model)
    return [strategy.arm(entity) for entity in ENTITIES]


def test_the_family_is_what_plans_can_say_and_each_is_named_so() -> None:
    assert set(STRATEGIES) == set(get_args(StrategyName)) == set(NAMES)
    assert {name: strategy.name for name, strategy in STRATEGIES.items()} == {name: name for name in STRATEGIES}


@every
@pytest.mark.contract("T1")
def test_the_same_entity_has_the_same_arm_and_without_weight_no_arm_has_any(name: StrategyName) -> None:
    chosen = arms(usual(name))
    assert set(chosen) == {NAMES[name][0]}
    assert arms(usual(name)) == chosen


@every
@pytest.mark.contract("T1")
def test_weights_between_are_shared_out_or_refused(name: StrategyName) -> None:
    if name in SPLITTING:
        assert len(set(arms(usual(name, 0.1)))) == 2
    elif len(NAMES[name]) > 1:
        with pytest.raises(InvalidRequest) as refused:
            routed(usual(name, 0.1))
        assert [field.field for field in refused.value.fields] == ["arms[0].weight", "arms[1].weight"]


@splitting
@pytest.mark.contract("T1")
def test_a_weight_of_one_has_every_entity(name: StrategyName) -> None:
    assert set(arms(usual(name, 1.0))) == {NAMES[name][1]}


@splitting
@pytest.mark.contract("T1")
@pytest.mark.parametrize("salt", ["", "autumn"])
def test_a_tenth_of_the_entities_is_a_tenth_within_three_sigma(name: StrategyName, salt: str) -> None:
    served = arms(usual(name, 0.1, salt=salt)).count(NAMES[name][1])
    assert abs(served - 1000) <= 3 * (10_000 * 0.1 * 0.9) ** 0.5


@splitting
@pytest.mark.contract("T1")
def test_a_raised_weight_moves_entities_one_way_only(name: StrategyName) -> None:
    second, before = NAMES[name][1], set[str]()
    for share in (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.9, 1.0):
        strategy = routed(usual(name, share))
        after = {entity for entity in ENTITIES if strategy.arm(entity) == second}
        assert before < after or share == 0.0
        before = after


@splitting
@pytest.mark.contract("T1")
def test_another_salt_or_model_draws_other_entities(name: StrategyName) -> None:
    tenth = usual(name, 0.1)
    assert arms(tenth) != arms(tenth, model="fraud")
    salted = usual(name, 0.1, salt="autumn")
    assert arms(salted) == arms(salted, model="fraud") != arms(tenth)


@every
@pytest.mark.contract("T3")
def test_whoever_is_promoted_serves_everything_and_twice_is_once(name: StrategyName) -> None:
    kept = {"salt": "autumn", "thresholds": Thresholds(labels=7), "guardrail": Guardrail(error_ratio=0.1)}
    begun = usual(name, **kept)
    for version in begun.versions():
        promoted = STRATEGIES[name].promoted(begun, version)
        assert {promoted.champion.name} == set(arms(promoted))
        assert (promoted.champion.version, promoted.champion.weight) == (version, 1.0)
        assert STRATEGIES[promoted.strategy].promoted(promoted, version) == promoted
        assert {field: getattr(promoted, field) for field in kept} == kept


@every
def test_the_candidate_is_the_arm_beside_the_champion(name: StrategyName) -> None:
    begun = usual(name)
    assert STRATEGIES[name].candidate(begun) == (begun.arms[1] if len(begun.arms) == 2 else None)


@every
def test_a_version_of_no_arm_is_not_promoted_and_the_known_ones_are_named(name: StrategyName) -> None:
    begun = usual(name)
    with pytest.raises(InvalidRequest, match=f"known are {', '.join(begun.versions())}") as refused:
        STRATEGIES[name].promoted(begun, "v9")
    assert [field.field for field in refused.value.fields] == ["version"]


@every
def test_the_usual_plan_is_accepted_and_one_with_an_arm_twice_is_not(name: StrategyName) -> None:
    begun = usual(name)
    STRATEGIES[name].check(begun)
    with pytest.raises(InvalidRequest) as refused:
        STRATEGIES[name].check(begun.model_copy(update={"arms": (*begun.arms, begun.arms[0])}))
    assert {field.field for field in refused.value.fields} & {"arms", f"arms[{len(begun.arms)}].name"}


@every
def test_a_share_of_mirrored_requests_is_refused_where_none_are(name: StrategyName) -> None:
    strategy, begun = STRATEGIES[name], usual(name, mirror=0.5)
    if name in MIRRORING:
        strategy.check(begun)
        return
    with pytest.raises(InvalidRequest, match=f"mirror must be left out: {name} mirrors nothing"):
        strategy.check(begun)
    assert strategy("churn", usual(name)).mirrors("c-1") == ()


@mirroring
@pytest.mark.contract("T1", "T2")
def test_a_share_of_the_entities_is_mirrored_and_the_champion_answers_all(name: StrategyName) -> None:
    before = set[str]()
    for share in (0.0, 0.1, 0.5, 1.0):
        strategy = routed(usual(name, mirror=share))
        mirrored = {entity for entity in ENTITIES if strategy.mirrors(entity) == ("v2",)}
        assert {strategy.mirrors(entity) for entity in ENTITIES if entity not in mirrored} <= {()}
        assert abs(len(mirrored) - 10_000 * share) <= 3 * (10_000 * share * (1 - share)) ** 0.5
        assert before <= mirrored
        before = mirrored
    assert set(arms(usual(name))) == {"champion"}


@pytest.mark.contract("T1")
def test_another_process_draws_the_same_entities() -> None:
    """Its `hash()` has another seed."""
    code = """
from tests.models.routing.plans import ENTITIES, usual
from models.routing import STRATEGIES
ab, shadow = STRATEGIES["ab"]("churn", usual("ab", 0.5)), STRATEGIES["shadow"]("churn", usual("shadow", mirror=0.5))
print("".join(ab.arm(entity) + str(len(shadow.mirrors(entity))) for entity in ENTITIES[:200]))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    ab, shadow = routed(usual("ab", 0.5)), routed(usual("shadow", mirror=0.5))
    assert told.stdout.strip() == "".join(ab.arm(e) + str(len(shadow.mirrors(e))) for e in ENTITIES[:200])


@pytest.mark.contract("T1")
def test_routes_of_today_stay_after_an_upgrade() -> None:
    """Written down: another hash would move entities between arms of routes in force."""
    two = routed(usual("ab", 0.5))
    three = routed(plan("ab", ("a", "v1", 0.4), ("b", "v2", 0.3), ("c", "v3", 0.3)))
    half = routed(usual("shadow", mirror=0.5))
    assert "".join(two.arm(entity) for entity in ENTITIES[:24]) == "aabbabbbabbababbbaaabbaa"
    assert "".join(three.arm(entity) for entity in ENTITIES[:24]) == "cabcccbcabcababbbccabbaa"
    assert "".join("-+"[len(half.mirrors(entity))] for entity in ENTITIES[:24]) == "--+-+++++----+-++---+++-"
