"""The control agent's stage: commands become routes, registry entries, audit events and replies, one by one."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.admit import lone_request_id
from agents.command_record import HEADERS, outcome_of, read, reply
from agents.commands import decide
from agents.decision import Decision, Facts, Order
from agents.ports import Clock, CommandRing, ControlStore, Counters, Evidence, ModelStore
from models.routing import STRATEGIES
from schemas.control import AdoptRoute, Command, Outcome, Promote, PublishModel, Ramp, Rollback, SetRoute
from schemas.control_state import ControlState
from schemas.dead_letter import dead_letter
from schemas.errors import BundleRefused, InvalidRequest, Refused, Undecodable
from schemas.events import AuditEvent, RoutingEvent, entry_changed, event_id, route_changed
from schemas.message import Batch, Emission, Record
from schemas.registry import RegistryEntry
from schemas.routes import Route

_log = logging.getLogger("weir.control")


@dataclass(frozen=True, slots=True)
class ControlOutlets:
    """Where the control agent's emissions go. reply_partitions: how many the replies topic has."""

    routes: str
    registry: str
    audit: str
    events: str
    replies: str
    dead_letters: str
    reply_partitions: int


@dataclass(frozen=True, slots=True)
class Controller:
    """Carries commands out in their order.

    Each batch is decided by what lies on the topics then: none may begin before the last one is delivered, and none be
    tried in parts.
    """

    keys: CommandRing
    store: ControlStore
    models: ModelStore
    evidence: Evidence
    clock: Clock
    counters: Counters
    outlets: ControlOutlets

    async def __call__(self, batch: Batch) -> list[Emission]:
        state = await self.store.read()
        emissions: list[Emission] = []
        lost: list[str] = []
        for record in batch.records:
            try:
                order, command = read(record, keys=self.keys, now=self.clock())
            except (Undecodable, InvalidRequest, Refused) as error:
                lost += self._refuse(record, error, emissions)
                continue
            facts = await self._find_out(state, command, order)
            decision = decide(state, command, order, facts)
            state = decision.state
            emissions += self._written(decision, command.model, order, facts)
            self._tell(record, decision.outcome, emissions)
            _log.info("command", extra={"data": _facts(command, order, decision.outcome)})
        for reason in lost:
            self.counters.dead_letters(reason, 1)
        return emissions

    def give_up(self, record: Record, attempts: int, error_id: str) -> list[Emission]:
        """A command that has crashed the agent too often."""
        self.counters.dead_letters("crashed", 1)
        emissions = [dead_letter(self.outlets.dead_letters, record, "crashed", f"error {error_id}", attempt=attempts)]
        if (request_id := lone_request_id(record)) is not None:
            message = f"the command ended the control agent {attempts} times and is given up: error {error_id}"
            outcome = Outcome(request_id=request_id, status="refused", code="failed", message=message)
            self._tell(record, outcome, emissions)
        return emissions

    def _refuse(
        self, record: Record, error: Undecodable | InvalidRequest | Refused, emissions: list[Emission]
    ) -> Sequence[str]:
        """A record that is no command; the reason code of its dead letter, where it gets one."""
        if (outcome := outcome_of(record, error)) is not None:
            self._tell(record, outcome, emissions)
        where = {"partition": record.partition, "offset": record.offset}
        _log.warning("a command is refused: %s", error, extra={"data": where})
        if isinstance(error, Refused):
            if error.why is not None:
                self.counters.unauthorized(error.why, 1)
            return ()
        reason = error.reason if isinstance(error, Undecodable) else "invalid_request"
        emissions.append(dead_letter(self.outlets.dead_letters, record, reason, str(error)))
        return (reason,)

    async def _find_out(self, state: ControlState, command: Command, order: Order) -> Facts:
        """Verifies the versions that nobody has verified, and asks for the evidence on the candidate."""
        route, model = state.routes.get(command.model), command.model
        unverified = [v for v in _versions(command, route) if _is_open(state.entries.get(f"{model}/{v}"))]
        stored = await self.models.versions(model) if unverified else ()
        entries: dict[str, RegistryEntry] = {}
        for version in unverified:
            if version in stored:
                entries[version] = await self._verified(model, version, order)
                if entries[version].status == "refused":
                    break  # the command is refused by this one: trials take time
        return Facts(entries, stored, await self._verdict(route, command))

    async def _verified(self, model: str, version: str, order: Order) -> RegistryEntry:
        by = {"at": order.at, "actor": order.actor, "command_id": order.command_id}
        facts = {"name": model, "version": version, **by}
        try:
            described = await self.models.verify(model, version)
        except BundleRefused as error:
            return RegistryEntry.model_validate({**facts, "status": "refused", "reason": str(error)[:1000]})
        return RegistryEntry.model_validate({**facts, **described, "status": "ready"})

    async def _verdict(self, route: Route | None, command: Command) -> Mapping[str, Any] | None:
        if route is None or not isinstance(command, Promote | Ramp) or command.force:
            return None
        version = _promoted(command, route)
        if not STRATEGIES[route.plan.strategy].needs or version not in route.plan.versions():
            return None
        return await self.evidence.verdict(route, version)

    def _written(self, decision: Decision, model: str, order: Order, facts: Facts) -> Iterator[Emission]:
        out, events = self.outlets, list[AuditEvent]()
        for entry in decision.entries:
            yield Emission(out.registry, entry.key.encode(), entry.model_dump_json().encode(), HEADERS)
            events.append(entry_changed(entry))
        if (route := decision.route) is not None and (revision := decision.revision) is not None:
            yield Emission(out.routes, route.model.encode(), route.model_dump_json().encode(), HEADERS)
            events.append(route_changed(route, revision))
        for event in events:
            yield Emission(out.audit, event.actor.encode(), event.model_dump_json().encode(), HEADERS)
        if facts.verdict is not None:
            yield Emission(out.events, model.encode(), _judged(model, order, facts.verdict), HEADERS)

    def _tell(self, record: Record, outcome: Outcome, emissions: list[Emission]) -> None:
        answer = reply(record, outcome, self.outlets.replies, self.outlets.reply_partitions)
        if answer is not None:
            emissions.append(answer)


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


def _is_open(entry: RegistryEntry | None) -> bool:
    """Whether a version has to be verified: what was refused may lie in the store as it should by now."""
    return entry is None or entry.status == "refused"


def _judged(model: str, order: Order, verdict: Mapping[str, Any]) -> bytes:
    event = RoutingEvent(
        event_id=event_id(order.command_id, f"{model} evidence"),
        event_type="evidence",
        model=model,
        epoch=verdict["epoch"],
        at=order.at,
        outcome=verdict["outcome"],
        reason=verdict["reason"],
        verdict=dict(verdict),
    )
    return event.model_dump_json().encode()


def _facts(command: Command, order: Order, outcome: Outcome) -> dict[str, Any]:
    return {
        "command": command.command,
        "model": command.model,
        "command_id": order.command_id,
        "actor": order.actor,
        "outcome": outcome.code or outcome.status,
    }
