"""Commands that come again, late, or beside others."""

from typing import Any

import pytest

from schemas.errors import Unavailable
from tests.agents.control import Desk, canary, champion, given, outcomes


@pytest.fixture
async def desk() -> Desk:
    """A canary of v2 beside v1, at epoch 2."""
    desk = Desk()
    await desk.ask(command="set_route", model="churn", plan=champion("v1"))
    await desk.ask(command="set_route", model="churn", plan=canary("v1", "v2", 0.1))
    return desk


@pytest.mark.contract("T3")
async def test_a_guardrail_rolls_back_a_plan_that_a_rollback_has_brought_back(desk: Desk) -> None:
    """What was rolled back is never what a further rollback returns to."""
    await desk.ask(command="promote", model="churn")
    await desk.ask(command="rollback", model="churn")
    assert (desk.route().epoch, desk.route().plan.strategy) == (4, "canary")
    assert (await desk.ask(command="rollback", model="churn", if_epoch=4)).status == "applied"
    assert [(arm.name, arm.version) for arm in desk.route().plan.arms] == [("champion", "v1")]
    assert (await desk.ask(command="rollback", model="churn", if_epoch=5)).code == "nothing_to_roll_back"


@pytest.mark.contract("T3")
@pytest.mark.parametrize("command", ["rollback", "remove_route"])
async def test_an_epoch_that_is_another_is_a_conflict_but_for_the_very_same_command(desk: Desk, command: str) -> None:
    """Who names an epoch and reads that nothing changed would take the route to be at it."""
    named = {"command": command, "model": "churn", "if_epoch": 2}
    assert (await desk.ask("once", **named)).status == "applied"
    for epoch in (2, 99):
        told = await desk.ask(**{**named, "if_epoch": epoch})
        assert (told.code, f"at epoch 3, not {epoch}" in str(told.message)) == ("conflict", True)
    assert (await desk.ask("once", **named)).status == "applied", "the same command, once more"
    assert (await desk.ask(command=command, model="churn")).status == "unchanged"
    assert [event.action for event in desk.audited() if event.target == "churn"][2:] == [desk.audited()[-1].action]


@pytest.mark.contract("T3")
async def test_a_plan_that_is_in_force_already_is_a_conflict_under_another_epoch(desk: Desk) -> None:
    same = {"command": "set_route", "model": "churn", "plan": canary("v1", "v2", 0.1)}
    assert (await desk.ask(**same, if_epoch=99)).code == "conflict"
    assert (await desk.ask(**same, if_epoch=2)).status == "unchanged"


async def test_a_step_that_is_delivered_again_after_the_next_one_is_no_further_step(desk: Desk) -> None:
    ramps = [given({"command": "ramp", "model": "churn"}, request_id=f"s{i}", offset=10 + i) for i in range(2)]
    first = outcomes(await desk.give(*ramps))
    assert (first[-1].status, desk.route().plan.arms[1].weight) == ("applied", 0.5)
    assert [outcome.status for outcome in outcomes(await desk.give(*ramps))] == ["applied", "applied"]
    assert (desk.route().epoch, desk.route().plan.arms[1].weight) == (4, 0.5)


async def test_a_command_that_changed_nothing_changes_nothing_when_it_comes_again_after_a_later_one(desk: Desk) -> None:
    """The agent died before its offset was committed: a rollback that was once too many undoes no later plan."""
    commands = [
        {"command": "rollback", "model": "churn"},
        {"command": "rollback", "model": "churn"},
        {"command": "set_route", "model": "churn", "plan": canary("v1", "v3", 0.1)},
    ]
    records = [given(one, request_id=f"r{i}", offset=10 + i, later_ms=i) for i, one in enumerate(commands, 1)]
    told = [outcome.status for outcome in outcomes(await desk.give(*records))]
    assert told == ["applied", "unchanged", "applied"]
    [_, again, _] = outcomes(await desk.give(*records))
    assert (again.code, desk.route().epoch, desk.route().plan.strategy) == ("conflict", 4, "canary")


@pytest.mark.parametrize(
    "other",
    [
        {"command": "rollback"},
        {"command": "set_route", "plan": canary("v1", "v3", 0.1)},
        {"command": "set_route", "plan": canary("v1", "v2", 0.5)},
    ],
)
async def test_another_command_under_the_same_request_id_is_refused(desk: Desk, other: dict[str, Any]) -> None:
    plan = canary("v1", "v2", 0.2)
    assert (await desk.ask("once", command="set_route", model="churn", plan=plan)).status == "applied"
    refused = await desk.ask("once", model="churn", **other)
    assert (refused.code, "another command" in str(refused.message)) == ("conflict", True)
    assert (await desk.ask("once", command="set_route", model="churn", plan=plan, reason="again")).status == "applied"
    assert desk.route().epoch == 3


@pytest.mark.contract("T3")
async def test_a_removed_route_is_served_no_more_and_epochs_go_on_when_it_is_set_again(desk: Desk) -> None:
    """What is counted by epoch counts nothing of the model's earlier life."""
    removal = {"command": "remove_route", "model": "churn", "reason": "replaced"}
    assert (await desk.ask("gone", **removal)).status == "applied"
    assert ("churn" in desk.state.table.routes, desk.state.table.removed["churn"].epoch) == (False, 3)
    assert (await desk.ask("gone", **removal)).status == "applied"
    assert (await desk.ask(**removal)).status == "unchanged"
    event = desk.audited()[-1]
    assert (event.action, event.reason, event.after, event.details and event.details["to"]) == (
        "route_removed",
        "replaced",
        None,
        None,
    )
    assert (await desk.ask(command="remove_route", model="fraud")).code == "unknown_model"
    assert (await desk.ask(command="rollback", model="churn")).code == "unknown_model"
    assert (await desk.ask(command="retire_model", model="churn", version="v2")).status == "applied"
    assert (await desk.ask(command="set_route", model="churn", plan=champion("v1"))).status == "applied"
    assert (desk.route().epoch, desk.state.table.removed) == (4, {})
    assert desk.audited()[-1].before is None
    assert (await desk.ask(command="rollback", model="churn")).code == "nothing_to_roll_back"


@pytest.mark.contract("T3")
async def test_a_rollback_does_not_fail_for_what_ailed_one_scorer(desk: Desk) -> None:
    """It is tried again, as nobody but that scorer has found anything wrong with it."""
    entry = desk.state.registry.entries["churn/v1"]
    for version in ("v1", "v2"):
        ailing = {"version": version, "status": "refused", "actor": "scorer:a", "reason": "no room on the disk"}
        desk.state.registry.entries[f"churn/{version}"] = entry.model_copy(update=ailing)
    assert (await desk.ask(command="promote", model="churn")).status == "applied"
    assert (await desk.ask(command="rollback", model="churn")).status == "applied"
    assert {entry.status for entry in desk.state.registry.entries.values()} == {"ready"}


async def test_whoever_gave_a_command_that_is_given_up_is_told(desk: Desk) -> None:
    dead, told = desk.stage.give_up(given({"command": "rollback", "model": "churn"}, request_id="r"), 3, "e-1")
    [outcome] = outcomes([told])
    assert (dead.topic, outcome.request_id, outcome.code, "e-1" in str(outcome.message)) == (
        "dead",
        "r",
        "failed",
        True,
    )


async def test_while_the_evidence_is_away_a_promotion_keeps_no_rollback_waiting(desk: Desk) -> None:
    desk.evidence.away = True
    commands = [given({"command": name, "model": "churn"}, request_id=name) for name in ("promote", "rollback")]
    promoted, rolled_back = outcomes(await desk.give(*commands))
    assert (promoted.code, "postgres" in str(promoted.message), rolled_back.status) == ("unavailable", True, "applied")
    await desk.ask(command="set_route", model="churn", plan=canary("v1", "v2", 0.1))
    unheard = commands[0]._replace(headers=[item for item in commands[0].headers if not item[0].startswith("reply")])
    with pytest.raises(Unavailable):
        await desk.give(unheard)
