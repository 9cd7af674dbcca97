"""What happened, for those who ask later: audit events."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.keys import ApiKey
from schemas.request import new_request_id

KeyAction = Literal["key_created", "key_revoked", "key_rotated", "key_tier_changed", "key_resealed"]

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class AuditEvent(BaseModel):
    """One change of one thing: who made it, when, why, and what it was before and after.

    event_id: a UUIDv7. actor: a key id, or `cli:` and the name of a user of the machine. target: the id of the key.
    before, after: digests of its public record (`ApiKey.digest`); `before` is None for what is new.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str
    at: AwareDatetime
    actor: Annotated[str, Field(min_length=1, max_length=200)]
    action: KeyAction
    target: str
    before: Digest | None = None
    after: Digest | None = None
    reason: Annotated[str, Field(max_length=500)] | None = None


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
