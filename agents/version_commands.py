"""What commands make of the versions of a model, apart from its route."""

from agents.decision import Decision, Declined, Facts, Order, unknown
from schemas.control import Outcome, OutcomeStatus, PublishModel, RetireModel
from schemas.control_state import ControlState
from schemas.registry import RegistryEntry


def publish(state: ControlState, command: PublishModel, order: Order, facts: Facts) -> Decision:
    """Ready where it was verified. Raises Declined."""
    entry = state.entries.get(f"{command.model}/{command.version}")
    if entry is None:
        raise unknown(state, command.model, command.version, facts)
    if entry.status == "refused":
        raise Declined("model_refused", f"{command.model} {command.version} is refused: {entry.reason}")
    if entry.status == "retired":
        raise Declined("unknown_version", f"{command.model} {command.version} is retired: publish it as a new version")
    is_new = command.version in facts.entries or entry.command_id == order.command_id
    return Decision(_about(entry, order, "applied" if is_new else "unchanged"), state)


def retire(state: ControlState, command: RetireModel, order: Order, facts: Facts) -> Decision:
    """Retired, unless its route names it. Raises Declined."""
    entry, route = state.entries.get(f"{command.model}/{command.version}"), state.routes.get(command.model)
    if entry is None and command.version in facts.stored:
        message = f"{command.model} {command.version} was never announced, so nothing serves it: announce it first"
        raise Declined("unknown_version", message)
    if entry is None:
        raise unknown(state, command.model, command.version, facts)
    if route is not None and command.version in route.plan.versions():
        raise Declined("in_use", f"the route of {command.model} names {command.version}: set another route first")
    if entry.status == "retired":
        is_own = entry.command_id == order.command_id
        return Decision(_about(entry, order, "applied" if is_own else "unchanged"), state)
    changes = {"status": "retired", "at": order.at, "actor": order.actor, "reason": command.reason}
    retired = entry.model_copy(update={**changes, "command_id": order.command_id})
    return Decision(_about(retired, order, "applied"), state.with_entry(retired), entries=(retired,))


def _about(entry: RegistryEntry, order: Order, status: OutcomeStatus) -> Outcome:
    return Outcome(request_id=order.command_id, status=status, entry=entry.model_dump(mode="json"))
