"""What happened, for those who ask later: audit events."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.keys import ApiKey
from schemas.registry import RegistryEntry
from schemas.request import new_request_id
from schemas.routes import Revision, Route, RoutePlan

_CONTROL = UUID("6f1c0c58-6f0e-5d0b-9a3e-2c1f4d7a9b10")
"""Namespace of the ids that are made from a command's."""

KeyAction = Literal["key_created", "key_revoked", "key_rotated", "key_tier_changed", "key_resealed"]
ControlAction = Literal[
    "route_adopted", "route_set", "route_promoted", "route_rolled_back", "route_ramped", "route_reweighed",
    "route_removed",
    "model_ready", "model_refused", "model_retired",
]  # fmt: skip

DatabaseAction = Literal["entity_forgotten"]

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class AuditEvent(BaseModel):
    """One change of one thing: who made it, when, why, and what it was before and after.

    event_id: a UUIDv7, or one made from the command's id: the event of a command that is carried out again is the
    same one. actor: a key id, or `cli:` and the name of a user of the machine. target: the id of the key, the model,
    `model/version`, or the pseudonym of an entity. before, after: digests of its public record (`ApiKey.digest`,
    `RoutePlan.digest`, that of the bundle's manifest); `before` is None for what is new. details: of a route, what it
    was changed `from` and `to`; of an entity, its rows by table and the model, where those of one only were removed.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str
    at: AwareDatetime
    actor: Annotated[str, Field(min_length=1, max_length=200)]
    action: KeyAction | ControlAction | DatabaseAction
    target: str
    before: Digest | None = None
    after: Digest | None = None
    reason: Annotated[str, Field(max_length=1000)] | None = None
    details: dict[str, Any] | None = None


def key_changed(
    action: KeyAction, before: ApiKey | None, after: ApiKey, *, actor: str, at: datetime, reason: str | None = None
) -> AuditEvent:
    """The event of one key's change."""
    return AuditEvent(
        event_id=new_request_id(),
        at=at,
        actor=actor,
        action=action,
        target=after.key_id,
        before=None if before is None else before.digest(),
        after=after.digest(),
        reason=reason,
    )


def entity_forgotten(
    entity: str, rows: Mapping[str, int], *, model: str | None, actor: str, at: datetime, reason: str | None = None
) -> AuditEvent:
    """The event of an entity whose rows are removed. entity: its pseudonym."""
    return AuditEvent(
        event_id=new_request_id(),
        at=at,
        actor=actor,
        action="entity_forgotten",
        target=entity,
        reason=reason,
        details={"model": model, "rows": dict(rows)},
    )


class RoutingEvent(BaseModel):
    """What was found out about a route's candidate.

    event_type: `evidence` where a promotion or a step was judged or the verdict has changed, `guardrail` where a bound
    was passed. outcome: promote, hold, roll_back or inconclusive. verdict: the numbers, measure by measure.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str
    event_type: Literal["evidence", "guardrail"]
    model: str
    epoch: int
    at: AwareDatetime
    outcome: str
    reason: str
    verdict: dict[str, Any] = {}


def route_changed(route: Route, revision: Revision) -> AuditEvent:
    """The event of one route's change."""
    epochs = [known.epoch for known in route.revisions]
    place = epochs.index(revision.epoch)
    before, after = (_plan(route.revisions[place - 1]) if place else None), _plan(revision)
    return AuditEvent(
        event_id=event_id(revision.command_id, route.model),
        at=revision.at,
        actor=revision.actor,
        action=f"route_{revision.action}",  # type: ignore[arg-type]  # pydantic checks it
        target=route.model,
        before=None if before is None else before.digest(),
        after=None if after is None else after.digest(),
        reason=revision.reason,
        details={
            "epoch": revision.epoch,
            "from": None if before is None else before.summary(),
            "to": None if after is None else after.summary(),
        },
    )


def _plan(revision: Revision) -> RoutePlan | None:
    """What is served from then on; None where that is nothing."""
    return None if revision.action == "removed" else revision.plan


def entry_changed(entry: RegistryEntry) -> AuditEvent:
    """The event of a version that was verified or retired."""
    return AuditEvent(
        event_id=event_id(entry.command_id or "", entry.key),
        at=entry.at,
        actor=entry.actor,
        action=f"model_{entry.status}",  # type: ignore[arg-type]  # pydantic checks it
        target=entry.key,
        after=entry.digest,
        reason=entry.reason,
    )


def event_id(command_id: str, target: str) -> str:
    """The id of what a command brought about there, the same however often it is carried out."""
    return str(uuid5(_CONTROL, f"{command_id} {target}"))
