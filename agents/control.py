"""The control agent's stage: commands become routes, registry entries, audit events and replies, one by one."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.admit import lone_request_id
from agents.command_record import HEADERS, outcome_of, read, reply
from agents.commands import decide
from agents.decision import Decision, Facts, Order, refused
from agents.facts import find_out
from agents.ports import Clock, CommandRing, ControlStore, Counters, Evidence, ModelStore
from schemas.control import Command, Outcome
from schemas.dead_letter import dead_letter
from schemas.errors import InvalidRequest, Refused, Unavailable, Undecodable
from schemas.events import AuditEvent, RoutingEvent, entry_changed, event_id, route_changed
from schemas.message import Batch, Emission, Record

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

    Where the store or the evidence is away, who waits for an answer is told so: a rollback behind it does not wait too.
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
            try:
                facts = await find_out(state, command, order, models=self.models, evidence=self.evidence)
            except Unavailable as error:
                if not self._tell(record, refused(order, "unavailable", f"{error}: repeat the command"), emissions):
                    raise  # nobody waits for it: it does
                continue
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

    def _tell(self, record: Record, outcome: Outcome, emissions: list[Emission]) -> bool:
        """False where nobody waits for the outcome."""
        answer = reply(record, outcome, self.outlets.replies, self.outlets.reply_partitions)
        if answer is not None:
            emissions.append(answer)
        return answer is not None


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
