"""What HTTP callers send and are answered, where it lies on no topic."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from infra.key_arguments import MAX_NAME, MAX_REASON
from schemas.errors import FieldError
from schemas.keys import MAX_PER_HOUR, TIERS, Permission
from schemas.moment import Moment
from schemas.request import MAX_ENTITY, MAX_MODEL, MAX_ROWS

Features = Mapping[str, float | str | None]
Entity = Annotated[str, Meta(min_length=1, max_length=MAX_ENTITY)]
Model = Annotated[str, Meta(min_length=1, max_length=MAX_MODEL)]
PerHour = Annotated[int, Meta(ge=1, le=MAX_PER_HOUR)]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Tier = Annotated[str, Meta(extra_json_schema={"enum": list(TIERS)})]
Reason = Annotated[str, Meta(max_length=MAX_REASON)]


class RefusedLabel(Struct):
    """A line that is no label, counted from 1, and what is wrong with it."""

    line: int
    fields: list[FieldError]


class ErrorFacts(Struct):
    """Why there is no other answer. `code` is for programs, `message` for people.

    fields: each that is not as it must be. error_id: stands in the log too. refused: of many labels, the lines that are
    none. reasons: of a gateway that is not ready. evidence, route: what a command was judged by.
    """

    code: str
    message: str
    request_id: str | UnsetType = UNSET
    fields: list[FieldError] | UnsetType = UNSET
    error_id: str | UnsetType = UNSET
    refused: list[RefusedLabel] | UnsetType = UNSET
    reasons: Mapping[str, str] | UnsetType = UNSET
    evidence: Mapping[str, Any] | UnsetType = UNSET
    route: Mapping[str, Any] | UnsetType = UNSET
    event_id: str | UnsetType = UNSET


class Error(Struct):
    """The form of every error."""

    error: ErrorFacts


class FeaturesAsk(Struct, forbid_unknown_fields=True):
    """One row to be scored. entity: whom it is about. model: may be left out where one route exists."""

    features: Features
    entity: Entity | UnsetType = UNSET
    model: Model | None = None
    explain: bool = False


class RowsAsk(Struct, forbid_unknown_fields=True):
    """Several rows of one entity, answered in the same order."""

    rows: Annotated[list[Features], Meta(min_length=1, max_length=MAX_ROWS)]
    entity: Entity | UnsetType = UNSET
    model: Model | None = None
    explain: bool = False


class Accepted(Struct):
    """The request is under way; `location` will have its result."""

    request_id: str
    status: Literal["accepted"]
    location: str


class Pending(Struct):
    """The result is still to come."""

    request_id: str
    status: Literal["pending"]


class LabelAccepted(Struct):
    """One label was taken."""

    request_id: str
    status: Literal["accepted"]


class LabelsAccepted(Struct):
    """So many labels were taken, and these lines were none."""

    status: Literal["accepted"]
    accepted: int
    refused: list[RefusedLabel]


class NewKeyTerms(Struct, forbid_unknown_fields=True):
    """What a new key shall be; null is as if left out. rate_limit: an hour.

    pooled: it spends from one bucket with the other pooled keys of its owner.
    """

    name: Name
    permissions: list[Permission] | None = None
    rate_limit: PerHour | None = None
    expires_in_days: Annotated[int, Meta(ge=1)] | None = None
    tier: Tier | None = None
    burst: PerHour | None = None
    owner: Name | None = None
    pooled: bool | None = None
    test: bool | None = None
    reason: Reason | None = None


class Rotation(Struct, forbid_unknown_fields=True):
    """grace: how long the old key lives on at most, such as `24h`, or `now`."""

    grace: Annotated[str, Meta(pattern="^(now|[0-9]{1,6}[smhd])$")] | None = None
    reason: Reason | None = None


class KeyShown(Struct):
    """A key, never the key itself. limit: an hour. family: the id that all keys of a rotated line share."""

    id: str
    name: str
    permissions: list[Permission]
    limit: int
    burst: int
    tier: str
    owner: str | None
    pooled: bool
    created: Moment
    expires: Moment | None
    revoked: Moment | None
    family: str
    rotated_to: str | None
    state: Literal["valid", "expired", "revoked"]


class KeyMade(KeyShown):
    """A new key, with `key`, the key itself: no other answer shows it."""

    key: str


class KeyList(Struct):
    """The oldest first."""

    keys: list[KeyShown]


class Alive(Struct):
    """The process answers."""

    status: Literal["alive"]


class Ready(Struct):
    """It can serve."""

    status: Literal["ready"]
