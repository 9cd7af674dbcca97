"""What a command makes of the control plane's state: a pure function of both and of what was found out for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agents.decision import (
    Decision,
    Declined,
    Facts,
    Order,
    applied,
    changed,
    check_epoch,
    check_order,
    check_same,
    check_versions,
    refused,
    revised,
    route_of,
    unchanged,
)
from agents.version_commands import publish, retire
from models.routing import STRATEGIES, next_step
from schemas.control import (
    AdoptRoute,
    Command,
    Promote,
    PublishModel,
    Ramp,
    RemoveRoute,
    RetireModel,
    Reweigh,
    Rollback,
    SetRoute,
)
from schemas.control_state import ControlState
from schemas.errors import FieldError, InvalidRequest
from schemas.result import named
from schemas.routes import Action, Arm, Route, RoutePlan


def decide(state: ControlState, command: Command, order: Order, facts: Facts) -> Decision:
    """The end of a command. One that was carried out before ends as it did then, and what it made is written again."""
    known = state.last(command.model)
    made = [entry for entry in state.entries.values() if entry.command_id == order.command_id]
    for entry in facts.entries.values():
        state = state.with_entry(entry)
    found = (*facts.entries.values(), *made)
    revision = None if known is None else known.made_by(order.command_id)
    try:
        if known is not None and revision is not None:
            check_same(revision, command)
            return Decision(applied(order, known), state, known, revision, found)
        check_order(known, command, order)
        decided = _HANDLERS[type(command)](state, command, order, facts)
    except InvalidRequest as error:
        outcome = refused(order, "invalid_request", str(error), known)
        return Decision(outcome.model_copy(update={"fields": tuple(named(error.fields))}), state, entries=found)
    except Declined as error:
        evidence = None if facts.verdict is None else dict(facts.verdict)
        outcome = refused(order, error.code, str(error), known).model_copy(update={"evidence": evidence})
        return Decision(outcome, state, entries=found)
    return replace(decided, entries=(*found, *decided.entries))


def _set_route(state: ControlState, command: SetRoute, order: Order, facts: Facts) -> Decision:
    known = state.routes.get(command.model)
    check_epoch(known, command.if_epoch)
    STRATEGIES[command.plan.strategy].check(command.plan)
    check_versions(state, command.model, command.plan, facts)
    return changed(state, command, order, "set", command.plan)


def _adopt(state: ControlState, command: AdoptRoute, order: Order, facts: Facts) -> Decision:
    known = state.routes.get(command.model)
    if known is not None:
        return unchanged(state, order, known)
    plan = RoutePlan(strategy="champion", arms=(Arm(name="champion", version=command.version),))
    check_versions(state, command.model, plan, facts)
    return changed(state, command, order, "adopted", plan)


def _promote(state: ControlState, command: Promote, order: Order, facts: Facts) -> Decision:
    route = route_of(state, command.model)
    strategy = STRATEGIES[route.plan.strategy]
    candidate = strategy.candidate(route.plan)
    version = command.version or (candidate.version if candidate else None)
    if _is_promoted(route, command.version):
        return unchanged(state, order, route)
    if version is None:
        raise Declined("nothing_to_promote", _no_candidate(route))
    plan = strategy.promoted(route.plan, version)
    check_versions(state, command.model, plan, facts)
    _check_evidence(command, bool(strategy.needs), facts)
    return changed(state, command, order, "promoted", plan)


def _no_candidate(route: Route) -> str:
    if others := [arm.version for arm in route.plan.arms[1:]]:
        return f"{route.model} has several candidates: say which version, {', '.join(dict.fromkeys(others))}"
    return f"{route.model} has no candidate beside its champion: set a route first"


def _is_promoted(route: Route, version: str | None) -> bool:
    """Whether a promotion was carried out already: it is the last change, or the version serves everything."""
    if version is None:
        return route.current.action == "promoted"
    champion = route.plan.champion
    return champion.version == version and champion.weight == 1.0


def _rollback(state: ControlState, command: Rollback, order: Order, facts: Facts) -> Decision:
    route = route_of(state, command.model)
    check_epoch(route, command.if_epoch)
    # Twice is once, but for who names the epoch: a guardrail of the plan that came back has to hold as well.
    if route.current.action == "rolled_back" and command.if_epoch is None:
        return unchanged(state, order, route)
    plan = route.before
    if plan is None:
        raise Declined("nothing_to_roll_back", f"{command.model} has no earlier route than epoch {route.epoch}")
    check_versions(state, command.model, plan, facts)
    return changed(state, command, order, "rolled_back", plan)


def _ramp(state: ControlState, command: Ramp, order: Order, facts: Facts) -> Decision:
    route = route_of(state, command.model)
    plan = next_step(route.plan)
    is_step = plan.strategy == route.plan.strategy
    # A step gathers evidence: it is refused only where the candidate was shown to be worse.
    enough = ("promote", "hold", "inconclusive") if is_step else ("promote",)
    _check_evidence(command, bool(STRATEGIES[route.plan.strategy].needs), facts, enough)
    action: Action = "ramped" if is_step else "promoted"
    return changed(state, command, order, action, plan)


def _reweigh(state: ControlState, command: Reweigh, order: Order, facts: Facts) -> Decision:
    route = route_of(state, command.model)
    check_epoch(route, command.if_epoch)
    if route.plan.strategy != "bandit":
        raise Declined("conflict", f"{command.model} is no bandit but {route.plan.strategy}: set its route instead")
    arms = tuple(arm.model_copy(update={"weight": command.weights.get(arm.name, 0.0)}) for arm in route.plan.arms)
    plan = route.plan.model_copy(update={"arms": arms})
    STRATEGIES["bandit"].check(plan)
    return changed(state, command, order, "reweighed", plan)


def _remove(state: ControlState, command: RemoveRoute, order: Order, facts: Facts) -> Decision:
    removed = state.removed.get(command.model)
    route = removed or route_of(state, command.model)
    check_epoch(route, command.if_epoch)
    if removed is not None:
        return unchanged(state, order, removed)
    return revised(state, command, order, "removed", route.plan)


_HANDLERS: Mapping[type[Any], Callable[[ControlState, Any, Order, Facts], Decision]] = {
    SetRoute: _set_route,
    AdoptRoute: _adopt,
    Promote: _promote,
    Rollback: _rollback,
    Ramp: _ramp,
    Reweigh: _reweigh,
    RemoveRoute: _remove,
    PublishModel: publish,
    RetireModel: retire,
}


def _check_evidence(command: Promote | Ramp, needed: bool, facts: Facts, enough: Sequence[str] = ("promote",)) -> None:
    """Raises Declined where the verdict is none of `enough`, and InvalidRequest where force has no reason."""
    if command.force and not command.reason:
        raise InvalidRequest("force needs a reason", [FieldError("reason", "say why it is forced", "nothing")])
    if command.force or not needed:
        return
    verdict = facts.verdict or {"outcome": "inconclusive", "reason": "there is no evidence"}
    if verdict["outcome"] not in enough:
        message = f"the evidence says {verdict['outcome']}: {verdict['reason']}; wait, or force it with a reason"
        raise Declined("insufficient_evidence", message)
