"""/router and /models: who may look, who may change, and how the end of a command is told."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from schemas.control import Command, Outcome, Promote, Ramp, RemoveRoute, Rollback, SetRoute
from schemas.control_state import ControlState
from schemas.errors import Unavailable
from schemas.keys import Credential
from schemas.registry import RegistryEntry
from schemas.routes import TAKEN, Route
from streams.gateway.router import router_routes
from tests.agents.control import NOW, canary
from tests.streams.gateway.fakes import Gateway
from tests.streams.test_route_view import then

V2 = RegistryEntry(name="churn", version="v2", status="ready", at=NOW, actor="cli:ada", command_id="c1")
V1 = V2.model_copy(update={"version": "v1", "status": "refused", "reason": "altered"})


@dataclass
class Control:
    """What is served, and an agent that ends every command as told."""

    state: ControlState = field(default_factory=ControlState)
    outcome: dict[str, Any] = field(default_factory=lambda: {"status": "applied"})
    given: list[tuple[str, Command, str]] = field(default_factory=list)
    away: bool = False

    async def give(self, by: Credential, command: Command, request_id: str) -> Outcome:
        if self.away:
            raise Unavailable("control", "the command was not carried out")
        self.given.append((by.key.key_id, command, request_id))
        return Outcome(request_id=request_id, **self.outcome)

    async def count(self, route: Route) -> dict[str, Any]:
        counts = {"model": route.model, "epoch": route.epoch, "since_epoch": 1}
        return {**counts, "strategy": route.plan.strategy, "arms": []}

    async def compare(self, route: Route) -> dict[str, Any]:
        counts = {"model": route.model, "epoch": route.epoch, "since_epoch": 1}
        return {**counts, "latest_only": False, "status": "no_data", "challengers": []}


@pytest.fixture
def control() -> Control:
    entries = {entry.key: entry for entry in (V1, V2)}
    return Control(ControlState(routes={"churn": then(then(None, "v1"), "v2")}, entries=entries))


@pytest.fixture
def gateway(control: Control) -> Gateway:
    return Gateway(more=router_routes(control, control.give, control.count, control.compare))


@pytest.fixture
async def admin(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.client(gateway.keys.new("admin")) as client:
        yield client


@pytest.fixture
async def monitor(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.client(gateway.keys.new("monitor")) as client:
        yield client


async def test_who_monitors_sees_routes_history_models_and_counts(monitor: httpx.AsyncClient) -> None:
    [shown] = (await monitor.get("/router")).json()["routes"]
    assert (shown["model"], shown["epoch"], shown["plan"]["arms"][0]["version"]) == ("churn", 2, "v2")
    assert (await monitor.get("/router/churn")).json() == shown
    revisions = (await monitor.get("/router/churn/history")).json()["revisions"]
    assert [revision["epoch"] for revision in revisions] == [2, 1]
    [model] = (await monitor.get("/models")).json()["models"]
    assert model["versions"] == (await monitor.get("/models/churn/versions")).json()["versions"]
    told = [(one["version"], one["status"], one["reason"], one["arm"], one["weight"]) for one in model["versions"]]
    assert told == [("v1", "refused", "altered", None, None), ("v2", "ready", None, "champion", 1.0)]
    for path in ("/router/metrics", "/router/metrics?model=churn"):
        assert (await monitor.get(path)).json()["arms"] == []
    assert (await monitor.get("/router/shadow-analysis")).json()["status"] == "no_data"


@pytest.mark.contract("K5")
async def test_admin_implies_no_monitor_and_monitor_no_admin(
    admin: httpx.AsyncClient, monitor: httpx.AsyncClient, control: Control
) -> None:
    for path in ("/router", "/router/churn", "/router/metrics", "/models", "/models/churn/versions"):
        assert (await admin.get(path)).status_code == 403
    assert (await monitor.post("/router/promote")).status_code == 403
    assert (await monitor.put("/router/churn", json=canary("v1", "v2", 0.1))).status_code == 403
    assert control.given == []


@pytest.mark.parametrize(
    ("path", "body", "command"),
    [
        ("/router/promote", {"version": "v2", "reason": "r"}, Promote(model="churn", version="v2", reason="r")),
        ("/router/promote", {"model": "churn", "force": True}, Promote(model="churn", force=True)),
        ("/router/rollback", {}, Rollback(model="churn")),
        ("/router/ramp", {"model": "fraud"}, Ramp(model="fraud")),
    ],
)
async def test_a_command_is_given_in_the_name_of_the_key_under_the_request_id(
    admin: httpx.AsyncClient, control: Control, gateway: Gateway, path: str, body: dict[str, Any], command: Command
) -> None:
    response = await admin.post(path, json=body, headers={"Idempotency-Key": "once"})
    assert (response.status_code, response.json()["status"]) == (200, "applied")
    [credential] = gateway.keys.credentials.values()
    assert control.given == [(credential.key.key_id, command, "once")]


async def test_a_plan_is_put_with_its_epoch_and_reason_beside_it(admin: httpx.AsyncClient, control: Control) -> None:
    plan = canary("v1", "v2", 0.25)
    assert (await admin.put("/router/churn", json={**plan, "if_epoch": 2, "reason": "r"})).status_code == 200
    [(_, command, _)] = control.given
    assert isinstance(command, SetRoute)
    assert (command.if_epoch, command.reason, command.plan.arms[1].weight) == (2, "r", 0.25)


async def test_a_route_is_deleted_with_its_epoch_and_reason_in_the_query(
    admin: httpx.AsyncClient, control: Control, monitor: httpx.AsyncClient
) -> None:
    assert (await monitor.delete("/router/churn")).status_code == 403
    assert (await admin.delete("/router/churn?if_epoch=2&reason=old")).status_code == 200
    assert [command for _, command, _ in control.given] == [RemoveRoute(model="churn", if_epoch=2, reason="old")]
    wrong = await admin.delete("/router/churn?if_epoch=soon&now=1&model=fraud")
    assert {field["field"] for field in wrong.json()["error"]["fields"]} == {"now", "model"}


@pytest.mark.contract("T1", "T3")
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("insufficient_evidence", 409),
        ("conflict", 409),
        ("nothing_to_promote", 409),
        ("model_refused", 409),
        ("unknown_model", 404),
        ("unknown_version", 422),
        ("invalid_request", 422),
        ("forbidden", 403),
        ("unauthorized", 401),
        ("unavailable", 503),
    ],
)
async def test_a_refused_command_has_its_status_and_its_numbers(
    admin: httpx.AsyncClient, control: Control, code: str, status: int
) -> None:
    control.outcome = {"status": "refused", "code": code, "message": "why", "evidence": {"outcome": "hold"}}
    response = await admin.post("/router/promote", json={})
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert ("Retry-After" in response.headers) == (status == 503)
    assert code == "unauthorized" or error["evidence"] == {"outcome": "hold"}


@pytest.mark.parametrize(
    ("method", "path", "body", "names"),
    [
        ("PUT", "/router/churn", {"strategy": "dice", "arms": []}, {"strategy", "arms"}),
        ("PUT", "/router/churn", {**canary("v1", "v2", 1.5)}, {"arms[0].weight", "arms[1].weight"}),
        ("PUT", "/router/churn", {**canary("v1", "v2", 0.1), "wait": 1}, {"wait"}),
        ("PUT", "/router/churn", [], {"body"}),
        ("PUT", "/router/churn?if_epoch=2", {**canary("v1", "v2", 0.1)}, {"if_epoch"}),
        ("POST", "/router/rollback?if_epoch=2", {}, {"if_epoch"}),
        ("POST", "/router/promote", {"version": "a b", "hurry": 1}, {"hurry"}),
        ("POST", "/router/promote", {"version": "a b", "force": "maybe"}, {"version", "force"}),
    ],
)
async def test_a_wrong_body_names_each_wrong_field_and_gives_no_command(
    admin: httpx.AsyncClient, control: Control, method: str, path: str, body: Any, names: set[str]
) -> None:
    response = await admin.request(method, path, json=body)
    assert response.status_code == 422
    assert {wrong["field"] for wrong in response.json()["error"]["fields"]} == names
    assert control.given == []


async def test_what_is_not_known_is_answered_with_what_is(monitor: httpx.AsyncClient, control: Control) -> None:
    for path in ("/router/fraud", "/router/fraud/history", "/router/metrics?model=fraud", "/models/fraud/versions"):
        response = await monitor.get(path)
        assert (response.status_code, "known are churn" in response.text) == (404, True)
    control.state = control.state.with_route(then(None, "v1").model_copy(update={"model": "fraud"}))
    response = await monitor.get("/router/metrics")
    assert (response.status_code, "known are churn, fraud" in response.text) == (422, True)


def test_the_names_that_no_model_may_have_are_the_routers_own_pages(control: Control) -> None:
    operations = router_routes(control, control.give, control.count, control.compare)
    own = {one.path.removeprefix("/router/") for one in operations if one.method == "GET"} - {"/router"}
    assert {name for name in own if "/" not in name and "{" not in name} == TAKEN


async def test_without_a_control_agent_the_caller_is_told_to_come_back(
    admin: httpx.AsyncClient, control: Control
) -> None:
    control.away = True
    response = await admin.post("/router/rollback", json={})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert "control is not available" in response.text
