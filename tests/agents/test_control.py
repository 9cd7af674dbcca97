"""The control agent: commands, their outcomes, and what lies on the topics afterwards."""

from typing import Any

import pytest

from schemas.keys import Credential
from schemas.platform_key import platform_credential
from schemas.routes import MOST_REVISIONS, TAKEN
from tests.agents.control import (
    ADMIN,
    FORMER,
    PLATFORM,
    Desk,
    FakeEvidence,
    FakeModels,
    canary,
    champion,
    given,
    outcomes,
)
from tests.agents.scorer import credential


@pytest.fixture
async def desk() -> Desk:
    """A canary of v2 beside v1, at epoch 2."""
    desk = Desk()
    await desk.ask(command="set_route", model="churn", plan=champion("v1"))
    await desk.ask(command="set_route", model="churn", plan=canary("v1", "v2", 0.1))
    return desk


@pytest.mark.contract("T3")
async def test_a_promoted_candidate_serves_everything_and_twice_is_once(desk: Desk) -> None:
    assert (await desk.ask(command="promote", model="churn", reason="better")).status == "applied"
    plan = desk.route().plan
    assert (plan.strategy, [(arm.version, arm.weight) for arm in plan.arms]) == ("champion", [("v2", 1.0)])
    for again in ({}, {"version": "v2"}):
        assert (await desk.ask(command="promote", model="churn", **again)).status == "unchanged"
    assert desk.route().epoch == 3


@pytest.mark.contract("T3")
async def test_a_rollback_returns_to_the_exact_earlier_plan_and_twice_is_once(desk: Desk) -> None:
    before = desk.route().plan
    await desk.ask(command="promote", model="churn")
    assert (await desk.ask(command="rollback", model="churn", reason="worse")).status == "applied"
    assert desk.route().plan == before
    assert (await desk.ask(command="rollback", model="churn")).status == "unchanged"
    assert (desk.route().plan, desk.route().epoch) == (before, 4)
    assert (await desk.ask(command="promote", model="churn")).status == "applied"
    assert desk.route().plan.champion.version == "v2"


@pytest.mark.contract("T3")
async def test_a_rollback_undoes_a_canary_with_all_its_steps(desk: Desk) -> None:
    for _ in range(MOST_REVISIONS):
        await desk.ask(command="ramp", model="churn")
        if desk.route().plan.strategy == "champion":
            break
    await desk.ask(command="rollback", model="churn")
    assert desk.route().plan.arms[1].weight == 0.5, "before the last step, which was a promotion"
    await desk.ask(command="set_route", model="churn", plan=champion("v1"))
    await desk.ask(command="set_route", model="churn", plan=canary("v1", "v3", 0.01))
    for _ in range(2):
        await desk.ask(command="ramp", model="churn")
    await desk.ask(command="rollback", model="churn")
    assert [(arm.name, arm.version) for arm in desk.route().plan.arms] == [("champion", "v1")]


@pytest.mark.contract("T3")
@pytest.mark.parametrize("outcome", ["hold", "inconclusive", "roll_back"])
async def test_without_evidence_a_promotion_is_refused_unless_forced_with_a_reason(desk: Desk, outcome: str) -> None:
    desk.evidence = FakeEvidence(outcome)
    refused = await desk.ask(command="promote", model="churn")
    assert (refused.status, refused.code) == ("refused", "insufficient_evidence")
    assert refused.evidence is not None
    assert outcome in str(refused.message)
    unreasoned = await desk.ask(command="promote", model="churn", force=True)
    assert (unreasoned.code, unreasoned.fields and unreasoned.fields[0]["field"]) == ("invalid_request", "reason")
    assert desk.route().epoch == 2
    assert (await desk.ask(command="promote", model="churn", force=True, reason="we know")).status == "applied"
    assert desk.audited()[-1].reason == "we know"


async def test_the_evidence_is_asked_about_the_version_that_would_be_promoted(desk: Desk) -> None:
    arms = [
        {"name": name, "version": version, "weight": 0.25}
        for name, version in zip("abc", ("v1", "v2", "v3"), strict=True)
    ]
    plan = {"strategy": "ab", "arms": [{**arms[0], "weight": 0.5}, *arms[1:]]}
    await desk.ask(command="set_route", model="churn", plan=plan)
    unnamed = await desk.ask(command="promote", model="churn")
    told = (unnamed.code, unnamed.message)
    assert told == ("nothing_to_promote", "churn has several candidates: say which version, v2, v3")
    assert (await desk.ask(command="promote", model="churn", version="v3")).status == "applied"
    assert desk.evidence.asked == ["v3"]


@pytest.mark.contract("T3")
async def test_each_change_is_one_audit_event_with_actor_from_to_and_reason(desk: Desk) -> None:
    await desk.ask(command="promote", model="churn", reason="better")
    await desk.ask(command="promote", model="churn", reason="again")
    routes = [event for event in desk.audited() if event.target == "churn"]
    assert [event.action for event in routes] == ["route_set", "route_set", "route_promoted"]
    last = routes[-1]
    assert (last.actor, last.reason, last.before) == (ADMIN.key.key_id, "better", routes[-2].after)
    assert last.details is not None
    assert (last.details["from"]["strategy"], last.details["to"]["arms"]) == ("canary", {"champion": ["v2", 1.0]})


@pytest.mark.parametrize("lost", [["routes"], ["audit"], ["replies", "audit"], ["registry", "routes", "audit"], []])
async def test_a_command_that_is_delivered_again_ends_as_before_with_the_same_audit_event(lost: list[str]) -> None:
    desk = Desk()
    await desk.ask(command="set_route", model="churn", plan=champion("v1"))
    record = given({"command": "set_route", "model": "churn", "plan": champion("v2")}, request_id="again", offset=7)
    first = await desk.give(record, lose=lost)
    second = await desk.give(record)
    assert outcomes(second) == outcomes(first)
    assert [event.action for event in desk.audited()] == ["model_ready", "route_set", "model_ready", "route_set"]
    assert desk.route().epoch == 2
    assert {item.topic for item in second} == {item.topic for item in first}


async def test_of_two_commands_for_one_epoch_the_first_is_carried_out(desk: Desk) -> None:
    plans = [canary("v1", "v2", 0.25), canary("v1", "v3", 0.5)]
    records = [
        given({"command": "set_route", "model": "churn", "plan": plan, "if_epoch": 2}, request_id=f"r{i}", offset=9 + i)
        for i, plan in enumerate(plans)
    ]
    won, lost = outcomes(await desk.give(*records))
    assert (won.status, lost.code, desk.route().epoch) == ("applied", "conflict", 3)
    assert lost.route is not None
    assert lost.route["epoch"] == 3


async def test_a_bad_bundle_is_refused_with_its_reason_on_the_registry_and_the_route_stays(desk: Desk) -> None:
    refused = await desk.ask(command="set_route", model="churn", plan=canary("v1", "bad", 0.1))
    assert refused.code == "model_refused"
    entry = desk.state.registry.entries["churn/bad"]
    assert (entry.status, "manifest was written for" in str(entry.reason)) == ("refused", True)
    assert desk.route().epoch == 2
    desk.models.good = ("v1", "v2", "bad")
    assert (await desk.ask(command="set_route", model="churn", plan=canary("v1", "bad", 0.1))).status == "applied"


async def test_a_version_is_verified_once(desk: Desk) -> None:
    await desk.ask(command="set_route", model="churn", plan=canary("v1", "v2", 0.2))
    assert desk.models.tried == ["v1", "v2"]


async def test_a_routed_version_is_not_retired_and_a_retired_one_not_routed(desk: Desk) -> None:
    assert (await desk.ask(command="retire_model", model="churn", version="v2")).code == "in_use"
    await desk.ask(command="set_route", model="churn", plan=champion("v1"))
    assert (await desk.ask(command="retire_model", model="churn", version="v2")).status == "applied"
    assert (await desk.ask(command="retire_model", model="churn", version="v2")).status == "unchanged"
    refused = await desk.ask(command="rollback", model="churn")
    assert (refused.code, "known are v1" in str(refused.message)) == ("unknown_version", True)


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ({"command": "promote", "model": "fraud"}, "unknown_model", "known are churn"),
        ({"command": "rollback", "model": "fraud"}, "unknown_model", "known are churn"),
        ({"command": "set_route", "model": "spam", "plan": champion("v1")}, "unknown_model", "known are churn, fraud"),
        ({"command": "publish_model", "model": "spam", "version": "v1"}, "unknown_model", "known are churn, fraud"),
        ({"command": "retire_model", "model": "spam", "version": "v1"}, "unknown_model", "known are churn, fraud"),
        ({"command": "retire_model", "model": "churn", "version": "v9"}, "unknown_version", "known are v1, v2, v3"),
        ({"command": "retire_model", "model": "churn", "version": "v3"}, "unknown_version", "announce it first"),
        ({"command": "publish_model", "model": "churn", "version": "v9"}, "unknown_version", "known are v1, v2, v3"),
        ({"command": "set_route", "model": "churn", "plan": champion("v9")}, "unknown_version", "known are v1, v2, v3"),
        ({"command": "promote", "model": "churn", "version": "v9"}, "invalid_request", "v1"),
        ({"command": "reweigh", "model": "churn", "weights": {"a": 1}, "if_epoch": 2}, "conflict", "no bandit"),
        ({"command": "set_route", "model": "churn", "plan": champion("v1"), "if_epoch": 1}, "conflict", "epoch 2"),
    ],
)
async def test_a_command_that_cannot_be_carried_out_says_why(
    desk: Desk, command: dict[str, Any], code: str, says: str
) -> None:
    outcome = await desk.ask(**command)
    assert outcome.code == code
    assert says in f"{outcome.message} {outcome.fields}"
    assert desk.route().epoch == 2


@pytest.mark.parametrize(
    ("by", "code"), [(credential(), "forbidden"), (credential("bbbbbbbbbbb", permissions=["admin"]), "unauthorized")]
)
async def test_only_an_admin_key_commands(desk: Desk, by: Credential, code: str) -> None:
    outcome = await desk.ask(command="promote", model="churn", by=by)
    assert (outcome.status, outcome.code, desk.route().epoch) == ("refused", code, 2)


async def test_while_the_master_secret_is_replaced_the_platform_signs_under_either(desk: Desk) -> None:
    assert (await desk.ask(command="promote", model="churn", actor="cli:ada", by=FORMER)).status == "applied"
    assert (await desk.ask(command="rollback", model="churn", by=PLATFORM)).status == "applied"
    forged = await desk.ask(command="promote", model="churn", by=platform_credential("x" * 32))
    assert (forged.code, desk.counters.doubts) == ("unauthorized", {"signature": 1})


async def test_the_platform_acts_in_anothers_name_and_a_key_does_not(desk: Desk) -> None:
    outcome = await desk.ask(command="promote", model="churn", actor="cli:ada", by=PLATFORM)
    assert (outcome.status, desk.audited()[-1].actor) == ("applied", "cli:ada")
    refused = await desk.ask(command="rollback", model="churn", actor="cli:ada")
    assert (refused.code, refused.fields and refused.fields[0]["field"]) == ("invalid_request", "actor")


@pytest.mark.contract("T1")
async def test_wrong_fields_are_all_named_and_leave_a_dead_letter(desk: Desk) -> None:
    plan = {"strategy": "canary", "arms": [{"name": "champion", "version": "v1", "weight": 1.5}], "mirror": -1}
    outcome = await desk.ask(command="set_route", model="churn", plan=plan)
    assert {field["field"] for field in outcome.fields or ()} == {"arms[0].weight", "mirror"}
    assert desk.counters.dead["invalid_request"] == 1
    unknown = await desk.ask(command="set_route", model="churn", plan={**champion("v1"), "strategy": "dice"})
    assert "champion_challenger" in str(unknown.fields)


@pytest.mark.contract("T1")
async def test_a_text_or_a_bool_is_no_number_and_a_text_is_no_yes(desk: Desk) -> None:
    """A weight of true is 1 to nobody who wrote it, and "false" would have been a promotion by force."""
    arms = [{"name": "champion", "version": "v1", "weight": True}, {"name": "canary", "version": "v2", "weight": "0"}]
    beside = {"thresholds": {"requests": "9", "slow_ms": "1"}, "guardrail": {"p99_ms": True}}
    outcome = await desk.ask(command="set_route", model="churn", plan={"strategy": "canary", "arms": arms, **beside})
    assert {field["field"] for field in outcome.fields or ()} == {
        "arms[0].weight",
        "arms[1].weight",
        "thresholds.requests",
        "thresholds.slow_ms",
        "guardrail.p99_ms",
    }
    for name, value in (("promote", "yes"), ("ramp", 1)):
        outcome = await desk.ask(command=name, model="churn", force=value, reason="why")
        assert [field["field"] for field in outcome.fields or ()] == ["force"]
    outcome = await desk.ask(command="rollback", model="churn", if_epoch=True)
    assert [field["field"] for field in outcome.fields or ()] == ["if_epoch"]
    assert desk.route().epoch == 2


@pytest.mark.parametrize("model", sorted(TAKEN))
async def test_a_name_that_the_router_has_taken_gets_no_version_and_no_route(model: str) -> None:
    desk = Desk(models=FakeModels(models=(model,)))
    for command in (
        {"command": "publish_model", "version": "v1"},
        {"command": "set_route", "plan": champion("v1")},
        {"command": "adopt_route", "version": "v1"},
    ):
        refused = await desk.ask(model=model, **command, by=PLATFORM)
        [told] = refused.fields or ()
        assert (refused.code, told["field"]) == ("invalid_request", "model")
        assert told["reason"] == f"is no model's name, as GET /router/{model} is taken: choose another"
    removed = await desk.ask(command="remove_route", model=model)
    assert removed.code == "unknown_model", "what has such a name already can be removed"


async def test_a_model_without_a_route_adopts_one_and_one_that_has_keeps_it(desk: Desk) -> None:
    assert (await desk.ask(command="adopt_route", model="churn", version="v3", by=PLATFORM)).status == "unchanged"
    assert (await desk.ask(command="adopt_route", model="fraud", version="v3", by=PLATFORM)).status == "applied"
    assert (desk.route("fraud").epoch, desk.route("fraud").plan.champion.version) == (1, "v3")


async def test_a_published_version_is_ready_once(desk: Desk) -> None:
    first = await desk.ask(command="publish_model", model="churn", version="v3")
    assert first.entry is not None
    assert (first.status, first.entry["status"], first.entry["metrics"]) == ("applied", "ready", {"roc_auc": 0.8})
    assert (await desk.ask(command="publish_model", model="churn", version="v3")).status == "unchanged"
    assert (await desk.ask(command="publish_model", model="churn", version="bad")).code == "model_refused"
