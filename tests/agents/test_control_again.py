"""Commands that come again, late, or beside others."""

import pytest

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
    assert (await desk.ask(command="rollback", model="churn", if_epoch=4)).status == "unchanged"
    assert (await desk.ask(command="rollback", model="churn", if_epoch=5)).code == "nothing_to_roll_back"


async def test_a_step_that_is_delivered_again_after_the_next_one_is_no_further_step(desk: Desk) -> None:
    ramps = [given({"command": "ramp", "model": "churn"}, request_id=f"s{i}", offset=10 + i) for i in range(2)]
    first = outcomes(await desk.give(*ramps))
    assert (first[-1].status, desk.route().plan.arms[1].weight) == ("applied", 0.5)
    assert [outcome.status for outcome in outcomes(await desk.give(*ramps))] == ["applied", "applied"]
    assert (desk.route().epoch, desk.route().plan.arms[1].weight) == (4, 0.5)
