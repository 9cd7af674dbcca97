"""How commands end: what they are decided by, and the checks that several share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.control import Command, Outcome, OutcomeCode, Promote, PublishModel, SetRoute
from schemas.control_state import ControlState
from schemas.registry import RegistryEntry
from schemas.routes import Action, Revision, Route, RoutePlan


@dataclass(frozen=True, slots=True)
class Order:
    """Who gives a command, when, and under which id."""

    command_id: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What had to be found out for a command.

    entries: of the versions that it names and nobody had verified, by version. stored: the versions that the store
    has, where one of them had to be looked for; models: the models that it has, where it has no version of this one.
    verdict: on the candidate, as JSON values with its `outcome` and `reason`; None where none was needed.
    """

    entries: Mapping[str, RegistryEntry] = field(default_factory=dict)
    stored: Sequence[str] = ()
    models: Sequence[str] = ()
    verdict: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """How a command ends, and the state after it.

    revision: the change that it made of `route`. route, entries: what has to be written, perhaps for the second time.
    """

    outcome: Outcome
    state: ControlState
    route: Route | None = None
    revision: Revision | None = None
    entries: tuple[RegistryEntry, ...] = ()


class Declined(Exception):
    """A command that is refused, with the code for it."""

    def __init__(self, code: OutcomeCode, message: str) -> None:
        super().__init__(message)
        self.code = code


_MAKES: Mapping[str, Sequence[Action]] = {
    "set_route": ("set",),
    "adopt_route": ("adopted",),
    "promote": ("promoted",),
    "rollback": ("rolled_back",),
    "ramp": ("ramped", "promoted"),
    "remove_route": ("removed",),
    "reweigh": ("reweighed",),
}


def check_order(route: Route | None, command: Command, order: Order) -> None:
    """Raises Declined for what was given before the route's last change: it was decided then, and this is its record
    once more. What only verifies is verified at any time."""
    if route is not None and order.at < route.current.at and not isinstance(command, PublishModel):
        raise Declined("conflict", f"epoch {route.epoch} came after this command: look at the route and repeat it")


def check_same(revision: Revision, command: Command) -> None:
    """Raises Declined where the change was made by another command under the same id."""
    is_same = revision.action in _MAKES.get(command.command, ())
    if isinstance(command, SetRoute):
        is_same = is_same and revision.plan == command.plan
    if isinstance(command, Promote) and command.version is not None:
        is_same = is_same and revision.plan.champion.version == command.version
    if not is_same:
        raise Declined("conflict", f"epoch {revision.epoch} was made by another command under this request id")


def changed(state: ControlState, command: Command, order: Order, action: Action, plan: RoutePlan) -> Decision:
    """The route with this plan; where that is its plan already, nothing changes."""
    served = state.routes.get(command.model)
    if served is not None and served.plan == plan:
        return unchanged(state, order, served)
    return revised(state, command, order, action, plan)


def revised(state: ControlState, command: Command, order: Order, action: Action, plan: RoutePlan) -> Decision:
    """The route with one more revision."""
    known = state.last(command.model)
    revision = Revision(
        epoch=1 if known is None else known.epoch + 1,
        at=order.at,
        action=action,
        actor=order.actor,
        reason=command.reason,
        command_id=order.command_id,
        plan=plan,
    )
    route = Route(model=command.model, revisions=(revision,)) if known is None else known.then(revision)
    return Decision(applied(order, route), state.with_route(route), route, revision)


def applied(order: Order, route: Route) -> Outcome:
    return Outcome(request_id=order.command_id, status="applied", route=route.public())


def unchanged(state: ControlState, order: Order, route: Route) -> Decision:
    return Decision(Outcome(request_id=order.command_id, status="unchanged", route=route.public()), state)


def refused(order: Order, code: OutcomeCode, message: str, route: Route | None = None) -> Outcome:
    shown = None if route is None else route.public()
    return Outcome(request_id=order.command_id, status="refused", code=code, message=message, route=shown)


def route_of(state: ControlState, model: str) -> Route:
    """Raises Declined naming the models that have one."""
    if model not in state.routes:
        known = ", ".join(sorted(state.routes)) or "none"
        raise Declined("unknown_model", f"no route of model {model}; known are {known}")
    return state.routes[model]


def check_epoch(route: Route | None, expected: int | None) -> None:
    """Raises Declined where the route has changed since the caller looked."""
    found = 0 if route is None else route.epoch
    if expected is not None and expected != found:
        raise Declined("conflict", f"the route is at epoch {found}, not {expected}: look at it again and repeat")


def check_versions(state: ControlState, model: str, plan: RoutePlan, facts: Facts) -> None:
    """Raises Declined for the first version that may not be served, with the known ones."""
    for version in plan.versions():
        entry = state.entries.get(f"{model}/{version}")
        if entry is None or entry.status == "retired":
            raise unknown(state, model, version, facts)
        if entry.status == "refused":
            raise Declined("model_refused", f"{model} {version} is refused: {entry.reason}")


def unknown(state: ControlState, model: str, version: str, facts: Facts) -> Declined:
    """Why a version cannot be had, with those that can; of a model without any, the models that have some."""
    entries = {entry.version: entry.status for entry in state.entries.values() if entry.name == model}
    if not entries and not facts.stored:
        models = {*facts.models, *(entry.name for entry in state.entries.values())}
        return Declined("unknown_model", f"no model {model}; known are {', '.join(sorted(models)) or 'none'}")
    ready = [known for known, status in entries.items() if status == "ready"]
    fresh = [known for known in facts.stored if known not in entries]
    what = "retired" if entries.get(version) == "retired" else "not known"
    known = ", ".join([*ready, *fresh]) or "none"
    return Declined("unknown_version", f"{model} {version} is {what}; known are {known}")
