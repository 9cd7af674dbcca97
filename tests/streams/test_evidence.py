"""What Postgres says of routes: counts by arm, verdicts, guardrails and a bandit's weights."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from schemas.routes import Action, Arm, Guardrail, Revision, Route, RoutePlan, StrategyName
from streams.evidence import StoredEvidence, figures, first_epoch
from tests.infra.database.migrated import migrated

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


NUMBERS = """
    INSERT INTO shadow_predictions (request_id, "row", version, model, route_epoch, champion_version, champion_arm,
      champion_latency_ms, latency_ms, difference, requested_at, scored_at)
    SELECT request_id || 'n', 0, version, :model || '-number', 3, 'v1', 'champion', 10, 1, 1e6, now(), now()
    FROM shadow_predictions WHERE model = :model
"""
"""The same copies as a regression's: they have differences and no labels."""


@pytest.fixture(scope="module")
def engine(new_database: Callable[[], str]) -> Iterator[Engine]:
    with migrated(new_database()) as engine:
        yield engine


@pytest.fixture
def model(unique: Callable[..., str]) -> str:
    return unique("model")


def route(model: str, strategy: StrategyName, arms: Sequence[Arm], *actions: Action, **more: Any) -> Route:
    """A route that has had one plan since its first epoch, and steps afterwards."""
    plan = RoutePlan(strategy=strategy, arms=tuple(arms), **more)
    revisions = tuple(
        Revision(epoch=epoch, at=NOW, action=action, actor="test", command_id=f"c{epoch}", plan=plan)
        for epoch, action in enumerate(("set", *actions), 3)
    )
    return Route(model=model, revisions=revisions)


def split(model: str, weight: float = 0.5, **more: Any) -> Route:
    arms = Arm(name="champion", version="v1", weight=1 - weight), Arm(name="canary", version="v2", weight=weight)
    return route(model, "canary", arms, **more)


def answered(engine: Engine, model: str, arm: str, version: str, count: int, epoch: int = 3, **changes: Any) -> None:
    """So many requests, one of an entity each, that an arm answered; `errors`, `slow`, `wrong`, `right`: how many."""
    with engine.begin() as connection:
        connection.execute(
            text(
                """
                INSERT INTO prediction_feedback (request_id, status, entity, model, model_version, arm, route_epoch,
                  features, predicted_probability, predicted_label, latency_ms, requested_at, scored_at, actual_label)
                SELECT :model || :arm || :epoch || '-' || i, CASE WHEN i <= :errors THEN 'error' ELSE 'ok' END,
                  :arm || i, :model, :version, :arm, :epoch, '{}', CASE WHEN i <= :errors THEN NULL ELSE 0.8 END,
                  CASE WHEN i <= :errors THEN NULL ELSE 1 END, CASE WHEN i > :count - :slow THEN 900 ELSE 10 END,
                  now(), now(),
                  CASE WHEN i BETWEEN :errors + 1 AND :errors + :right THEN 1
                       WHEN i BETWEEN :errors + :right + 1 AND :errors + :right + :wrong THEN 0 END
                FROM generate_series(1, :count) AS i
                """
            ),
            {"model": model, "arm": arm, "version": version, "count": count, "epoch": epoch}
            | {name: changes.get(name, 0) for name in ("errors", "slow", "right", "wrong")},
        )


def shadowed(engine: Engine, model: str, count: int, **changes: Any) -> None:
    """So many copies that version v2 tried, for requests that v1 answered with 0.8 under `answered`."""
    with engine.begin() as connection:
        connection.execute(
            text(
                """
                INSERT INTO shadow_predictions (request_id, "row", version, model, route_epoch, champion_version,
                  champion_arm, champion_probability, champion_label, champion_latency_ms, probability, label,
                  latency_ms, error, difference, agrees, requested_at, scored_at)
                SELECT :model || 'champion3-' || i, 0, 'v2', :model, 3, 'v1', 'champion', 0.8, '1', 10,
                  CASE WHEN i <= :failed THEN NULL WHEN i <= :failed + :flips THEN 0.3 ELSE 0.9 END,
                  CASE WHEN i <= :failed THEN NULL WHEN i <= :failed + :flips THEN '0' ELSE '1' END,
                  1, CASE WHEN i <= :skipped THEN 'skipped' WHEN i <= :failed THEN 'failed' END, 0.1,
                  CASE WHEN i <= :failed THEN NULL ELSE i > :failed + :flips END, now(), now()
                FROM generate_series(1, :count) AS i
                """
            ),
            {"model": model, "count": count} | {name: changes.get(name, 0) for name in ("failed", "skipped", "flips")},
        )


@pytest.mark.contract("T1")
async def test_without_traffic_every_count_and_ratio_is_zero(engine: Engine, model: str) -> None:
    metrics, shadow = figures(engine)
    counted = await metrics(split(model))
    assert [arm["arm"] for arm in counted["arms"]] == ["champion", "canary"]
    for arm in counted["arms"]:
        names = ("served", "evaluated", "errors", "error_ratio", "slow_ratio", "labels", "accuracy", "brier")
        assert [arm[name] for name in names] == [0] * len(names)
        assert (arm["p50_ms"], arm["p99_ms"]) == (None, None)
    assert (await shadow(split(model)))["status"] == "no_data"


@pytest.mark.contract("T1")
async def test_served_and_evaluated_are_counted_apart_by_arm_since_the_plan_was_set(engine: Engine, model: str) -> None:
    answered(engine, model, "champion", "v1", 50, epoch=2)  # before this plan
    answered(engine, model, "champion", "v1", 100, right=8, wrong=2)
    shadowed(engine, model, 40, skipped=4, failed=10, flips=6)
    arms = Arm(name="champion", version="v1"), Arm(name="shadow", version="v2", weight=0)
    champion, shadow = (await figures(engine)[0](route(model, "shadow", arms)))["arms"]
    assert (champion["served"], champion["evaluated"], champion["entities"]) == (100, 0, 100)
    assert (champion["labels"], champion["accuracy"]) == (10, 0.8)
    assert (shadow["served"], shadow["evaluated"], shadow["errors"]) == (0, 36, 6)
    assert shadow["p99_ms"] == pytest.approx(1, rel=0.01)


async def test_an_error_whose_truth_is_known_is_the_worst_answer(engine: Engine, model: str) -> None:
    answered(engine, model, "champion", "v1", 10, errors=4, right=6)
    with engine.begin() as connection:
        connection.execute(text("UPDATE prediction_feedback SET actual_label = 1 WHERE model = :m"), {"m": model})
    champion = (await figures(engine)[0](split(model)))["arms"][0]
    assert (champion["labels"], champion["accuracy"]) == (10, 0.6)
    assert champion["brier"] == pytest.approx((4 * 1 + 6 * 0.04) / 10)


async def test_a_canarys_steps_count_together_and_their_entities_apart(engine: Engine, model: str) -> None:
    stepped = split(model).then(split(model).current.model_copy(update={"epoch": 4, "action": "ramped"}))
    assert first_epoch(stepped) == 3
    for epoch, count in ((3, 30), (4, 20)):
        answered(engine, model, "canary", "v2", count, epoch=epoch)
    canary = (await figures(engine)[0](stepped))["arms"][1]
    assert (canary["served"], canary["entities"]) == (50, 20)


@pytest.mark.contract("T3")
@pytest.mark.parametrize(
    ("candidate", "outcome"),
    [({}, "promote"), ({"errors": 600}, "roll_back"), ({"slow": 800}, "roll_back"), ({"errors": 70}, "hold")],
)
async def test_a_canary_is_judged_by_errors_and_slow_answers(
    engine: Engine, model: str, candidate: dict[str, int], outcome: str
) -> None:
    answered(engine, model, "champion", "v1", 4000, errors=10)
    answered(engine, model, "canary", "v2", 4000, **candidate)
    verdict = await StoredEvidence(engine).verdict(split(model), "v2")
    assert (verdict["outcome"], verdict["epoch"]) == (outcome, 3)
    assert {finding["measure"] for finding in verdict["findings"]} == {"errors", "slow"}


@pytest.mark.contract("T4")
async def test_a_challenger_is_judged_by_labels_of_the_same_requests(engine: Engine, model: str) -> None:
    """It says 0.9 where 0.8 was said: better while the truth is 1."""
    arms = Arm(name="champion", version="v1"), Arm(name="challenger", version="v2", weight=0)
    challenged = route(model, "champion_challenger", arms)
    evidence = StoredEvidence(engine)
    answered(engine, model, "champion", "v1", 2000)
    shadowed(engine, model, 2000)
    early = await evidence.verdict(challenged, "v2")
    assert (early["outcome"], "labels" in early["reason"]) == ("inconclusive", True)
    with engine.begin() as connection:
        connection.execute(text("UPDATE prediction_feedback SET actual_label = 1 WHERE model = :m"), {"m": model})
    assert [said["outcome"] for said in (await evidence.look(challenged)).verdicts] == ["promote"]
    with engine.begin() as connection:
        connection.execute(text("UPDATE prediction_feedback SET actual_label = 0 WHERE model = :m"), {"m": model})
    assert [said["outcome"] for said in (await evidence.look(challenged)).verdicts] == ["roll_back"]


@pytest.mark.contract("T2", "T3")
async def test_a_regressions_shadow_is_not_promoted_for_agreeing_as_nobody_compared_labels(
    engine: Engine, model: str
) -> None:
    arms = Arm(name="champion", version="v1"), Arm(name="shadow", version="v2", weight=0)
    served = route(model, "shadow", arms)
    shadowed(engine, model, 2000)
    assert (await StoredEvidence(engine).verdict(served, "v2"))["outcome"] == "promote"
    with engine.begin() as connection:
        connection.execute(text(NUMBERS), {"model": model})
    said = await StoredEvidence(engine).verdict(served.model_copy(update={"model": f"{model}-number"}), "v2")
    assert (said["outcome"], "no answers have labels" in said["reason"]) == ("inconclusive", True)


@pytest.mark.contract("T4")
async def test_every_candidate_of_several_has_a_verdict(engine: Engine, model: str) -> None:
    arms = [Arm(name=f"a{number}", version=f"v{number}", weight=0.25) for number in range(1, 5)]
    answered(engine, model, "a1", "v1", 4000)
    answered(engine, model, "a2", "v2", 4000)
    answered(engine, model, "a3", "v3", 4000, errors=900)
    answered(engine, model, "a4", "v4", 4000, errors=80)
    verdicts = (await StoredEvidence(engine).look(route(model, "ab", arms))).verdicts
    assert {said["candidate"]: said["outcome"] for said in verdicts} == {
        "v2": "promote",
        "v3": "roll_back",
        "v4": "hold",
    }
    assert (await StoredEvidence(engine).look(route(model, "blue_green", arms[:2]))).verdicts == []


@pytest.mark.contract("T3")
async def test_one_slow_answer_in_a_hundred_rolls_nothing_back(engine: Engine, model: str) -> None:
    guarded = split(model, guardrail=Guardrail(p99_ms=500))
    answered(engine, model, "canary", "v2", 100, slow=2)
    assert (await StoredEvidence(engine).look(guarded)).passed is None
    answered(engine, model, "canary", "v2", 100, epoch=4, slow=30)
    stepped = guarded.then(guarded.current.model_copy(update={"epoch": 4, "action": "ramped"}))
    assert "32 of 200 requests took longer than 500 ms" in str((await StoredEvidence(engine).look(stepped)).passed)


async def test_a_guardrail_looks_at_every_arm_beside_the_champion(engine: Engine, model: str) -> None:
    evidence = StoredEvidence(engine)
    guarded = split(model, guardrail=Guardrail(error_ratio=0.05, p99_ms=500))
    answered(engine, model, "champion", "v1", 500, errors=100)
    answered(engine, model, "canary", "v2", 500, errors=10)
    assert (await evidence.look(guarded)).passed is None
    answered(engine, model, "canary", "v2", 500, epoch=4, errors=100)
    stepped = guarded.then(guarded.current.model_copy(update={"epoch": 4, "action": "ramped"}))
    assert "110 errors in 1000 requests" in str((await evidence.look(stepped)).passed)
    assert (await evidence.look(split(model))).passed is None


@pytest.mark.contract("T4")
async def test_a_bandits_weights_follow_its_labels(engine: Engine, model: str) -> None:
    arms = [Arm(name=name, version=version, weight=0.5) for name, version in (("a", "v1"), ("b", "v2"))]
    bandit = route(model, "bandit", arms)
    evidence = StoredEvidence(engine)
    assert (await evidence.look(bandit)).weights == pytest.approx({"a": 0.5, "b": 0.5})
    answered(engine, model, "a", "v1", 300, right=150, wrong=150)
    answered(engine, model, "b", "v2", 300, right=250, wrong=50)
    weights = (await evidence.look(bandit)).weights
    assert weights is not None
    assert weights["b"] > 0.9
    assert (await evidence.look(split(model))).weights is None
    assert (evidence.watches(bandit), evidence.watches(route(model, "champion", arms[:1]))) == (True, False)
