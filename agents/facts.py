"""What the control agent finds out before it decides: whether bundles may serve, and what is known of a candidate."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.decision import Facts, Order
from agents.ports import Evidence, ModelStore
from models.routing import STRATEGIES
from schemas.control import AdoptRoute, Command, Promote, PublishModel, Ramp, RetireModel, Rollback, SetRoute
from schemas.control_state import ControlState
from schemas.errors import BundleRefused
from schemas.registry import RegistryEntry
from schemas.routes import Route


async def find_out(
    state: ControlState, command: Command, order: Order, *, models: ModelStore, evidence: Evidence
) -> Facts:
    """Verifies the versions that nobody has, and asks for the evidence on the candidate. Raises Unavailable."""
    route, model = state.routes.get(command.model), command.model
    unverified = [v for v in _versions(command, route) if _is_open(state.entries.get(f"{model}/{v}"))]
    is_looked_for = bool(unverified) or _is_unheard(state, command)
    stored = await models.versions(model) if is_looked_for else ()
    others = await models.names() if is_looked_for and not stored else ()
    entries: dict[str, RegistryEntry] = {}
    for version in unverified:
        if version in stored:
            entries[version] = await _verified(models, model, version, order)
            if entries[version].status == "refused":
                break  # the command is refused by this one: trials take time
    return Facts(entries, stored, others, await _verdict(evidence, route, command))


async def _verified(models: ModelStore, model: str, version: str, order: Order) -> RegistryEntry:
    by = {"at": order.at, "actor": order.actor, "command_id": order.command_id}
    facts = {"name": model, "version": version, **by}
    try:
        described = await models.verify(model, version)
    except BundleRefused as error:
        return RegistryEntry.model_validate({**facts, "status": "refused", "reason": str(error)[:1000]})
    return RegistryEntry.model_validate({**facts, **described, "status": "ready"})


async def _verdict(evidence: Evidence, route: Route | None, command: Command) -> Mapping[str, Any] | None:
    if route is None or not isinstance(command, Promote | Ramp) or command.force:
        return None
    version = _promoted(command, route)
    if not STRATEGIES[route.plan.strategy].needs or version not in route.plan.versions():
        return None
    return await evidence.verdict(route, version)


def _versions(command: Command, route: Route | None) -> Sequence[str]:
    """The versions that a command would put into service. A scorer may have refused one that served well, out of a
    trouble of its own: a rollback to it must not fail for that."""
    if isinstance(command, SetRoute):
        return command.plan.versions()
    if isinstance(command, AdoptRoute | PublishModel):
        return [command.version]
    if isinstance(command, Rollback):
        return route.before.versions() if route and route.before else []
    named = _promoted(command, route) if route and isinstance(command, Promote) else None
    return [named] if named else []


def _promoted(command: Promote | Ramp, route: Route) -> str | None:
    """The version that a promotion or a step is for; None where there is no candidate."""
    if isinstance(command, Promote) and command.version is not None:
        return command.version
    candidate = STRATEGIES[route.plan.strategy].candidate(route.plan)
    return None if candidate is None else candidate.version


def _is_unheard(state: ControlState, command: Command) -> bool:
    """Whether a version shall be retired that was never announced."""
    return isinstance(command, RetireModel) and f"{command.model}/{command.version}" not in state.entries


def _is_open(entry: RegistryEntry | None) -> bool:
    """Whether a version has to be verified: what was refused may lie in the store as it should by now."""
    return entry is None or entry.status == "refused"
