"""What the control agent's stage needs, small and honest: state in memory, bundles that are good or bad, a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agents.control import Controller, ControlOutlets
from schemas import headers as h
from schemas.control import Outcome
from schemas.control_state import ControlState, Registry, RouteTable
from schemas.errors import BundleRefused, Unavailable
from schemas.events import AuditEvent
from schemas.keys import Credential
from schemas.message import Batch, Emission, Record
from schemas.platform_key import platform_credential
from schemas.routes import Route
from schemas.signing import signature
from schemas.wire import encode
from tests.agents.scorer import FakeCounters, FakeKeys, credential

TOPIC = "control-commands"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
ADMIN = credential("admin-admin", permissions=["admin"])
PLATFORM = platform_credential("m" * 32)
FORMER = platform_credential("f" * 32)
OUTLETS = ControlOutlets("routes", "registry", "audit", "events", "replies", "dead", 4)
GOOD = {"digest": "ab" * 32, "algorithm": "logistic_regression", "metrics": {"roc_auc": 0.8}}


@dataclass
class FakeCommandKeys(FakeKeys):
    """The keys there are, and the platform's former one."""

    former: FakeKeys | None = None


@dataclass
class KeptState:
    """The two compacted topics as lists."""

    table: RouteTable = field(default_factory=RouteTable)
    registry: Registry = field(default_factory=Registry)

    async def read(self) -> ControlState:
        return ControlState(
            routes=dict(self.table.routes), entries=dict(self.registry.entries), removed=dict(self.table.removed)
        )

    def take(self, emissions: Sequence[Emission]) -> None:
        for emission in emissions:
            key = (emission.key or b"").decode()
            if emission.topic == "routes":
                self.table.update(key, emission.value)
            elif emission.topic == "registry":
                self.registry.update(key, emission.value)


@dataclass
class FakeModels:
    """What the store has, and what of it may serve."""

    models: Sequence[str] = ("churn", "fraud")
    stored: Sequence[str] = ("v1", "v2", "v3", "bad")
    good: Sequence[str] = ("v1", "v2", "v3")
    tried: list[str] = field(default_factory=list)

    async def names(self) -> Sequence[str]:
        return self.models

    async def versions(self, model: str) -> Sequence[str]:
        return self.stored if model in self.models else ()

    async def verify(self, model: str, version: str) -> Mapping[str, Any]:
        self.tried.append(version)
        if version not in self.good:
            raise BundleRefused(f"{version} is not the file that the manifest was written for")
        return GOOD


@dataclass
class FakeEvidence:
    """Says what it is told to."""

    outcome: str = "promote"
    asked: list[str] = field(default_factory=list)
    away: bool = False

    async def verdict(self, route: Route, version: str) -> Mapping[str, Any]:
        if self.away:
            raise Unavailable("postgres", "it does not answer")
        self.asked.append(version)
        return {"outcome": self.outcome, "reason": "as told", "epoch": route.epoch}


@dataclass
class Desk:
    """A control agent over all of these, and what it has written."""

    state: KeptState = field(default_factory=KeptState)
    models: FakeModels = field(default_factory=FakeModels)
    evidence: FakeEvidence = field(default_factory=FakeEvidence)
    counters: FakeCounters = field(default_factory=FakeCounters)
    emissions: list[Emission] = field(default_factory=list)
    offset: int = 0

    @property
    def stage(self) -> Controller:
        keys = FakeCommandKeys([ADMIN, credential(), PLATFORM], former=FakeKeys([FORMER]))
        return Controller(keys, self.state, self.models, self.evidence, lambda: NOW, self.counters, OUTLETS)

    async def give(self, *records: Record, lose: Sequence[str] = ()) -> list[Emission]:
        """One batch; what goes to the topics of `lose` is not written, as if the agent had died then."""
        emissions = await self.stage(Batch(TOPIC, records))
        self.state.take([emission for emission in emissions if emission.topic not in lose])
        self.emissions += emissions
        return emissions

    async def ask(self, request_id: str = "", by: Credential = ADMIN, **command: Any) -> Outcome:
        """One command, given and carried out."""
        self.offset += 1
        record = given(command, request_id=request_id or f"c{self.offset}", by=by, offset=self.offset)
        [outcome] = outcomes(await self.give(record))
        return outcome

    def route(self, model: str = "churn") -> Route:
        return self.state.table.routes[model]

    def audited(self) -> list[AuditEvent]:
        """The audit events by their ids, in order; of a repeated one the first."""
        events = [AuditEvent.model_validate_json(item.value) for item in self.emissions if item.topic == "audit"]
        return list({event.event_id: event for event in reversed(events)}.values())[::-1]


def given(
    command: Mapping[str, Any],
    *,
    request_id: str = "c1",
    by: Credential = ADMIN,
    offset: int = 0,
    key: bytes = b"",
    later_ms: int = 0,
) -> Record:
    """A command as a signed record that asks for a reply."""
    body = encode(dict(command))
    record_key = key or str(command.get("model", "")).encode()
    signed_at = b"%d" % NOW_MS
    identity = request_id.encode()
    parts = {"topic": TOPIC, "request_id": identity, "record_key": record_key, "signed_at": signed_at, "body": body}
    headers = [
        (h.REQUEST_ID, identity),
        (h.KEY_ID, by.key.key_id.encode()),
        (h.SIGNED_AT, signed_at),
        (h.SIGNATURE, signature(by.signing_key, **parts)),
        (h.REPLY_PARTITION, b"2"),
        (h.REPLY_INSTANCE, b"token"),
    ]
    return Record(TOPIC, 0, offset, NOW_MS + later_ms, record_key, body, headers)


def outcomes(emissions: Sequence[Emission]) -> list[Outcome]:
    """What whoever gave the commands is told."""
    return [Outcome.model_validate_json(item.value) for item in emissions if item.topic == "replies"]


def champion(version: str) -> dict[str, Any]:
    return {"strategy": "champion", "arms": [{"name": "champion", "version": version}]}


def canary(champion: str, candidate: str, weight: float) -> dict[str, Any]:
    arms = [
        {"name": "champion", "version": champion, "weight": 1 - weight},
        {"name": "canary", "version": candidate, "weight": weight},
    ]
    return {"strategy": "canary", "arms": arms}
