"""Commands that change what is served, and how each ended."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, TypeAdapter, ValidationError

from schemas.errors import FieldError, InvalidRequest
from schemas.request import describe
from schemas.routes import MOST_ARMS, Count, NewName, RoutePlan, Share, Word
from schemas.wire import decode

Reason = Annotated[str, Field(max_length=500)]


class _Command(BaseModel):
    """model: whose route or version it concerns; the record's key. actor: who asks, where the platform signs in
    another's name; a key's own commands are in the name of its id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Word
    reason: Reason | None = None
    actor: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class SetRoute(_Command):
    """if_epoch: the change is refused unless the route is at this epoch."""

    command: Literal["set_route"] = "set_route"
    model: NewName
    plan: RoutePlan
    if_epoch: Annotated[int, Field(ge=0, strict=True)] | None = None


class AdoptRoute(_Command):
    """Makes a version the champion of a model that has no route yet; nothing where it has one."""

    command: Literal["adopt_route"] = "adopt_route"
    model: NewName
    version: Word


class Promote(_Command):
    """The candidate serves everything.

    version: the candidate, where it shall be no other. force: without evidence, for a reason.
    """

    command: Literal["promote"] = "promote"
    version: Word | None = None
    force: StrictBool = False


class Rollback(_Command):
    """The route as it was before its last change. if_epoch: only where the last change is this one."""

    command: Literal["rollback"] = "rollback"
    if_epoch: Count | None = None


class Ramp(_Command):
    """A canary's next step: 1, 5, 10, 25, 50, 100 %."""

    command: Literal["ramp"] = "ramp"
    force: StrictBool = False


class RemoveRoute(_Command):
    """The model is served no more, until a route is set. if_epoch: only where the route is at this epoch."""

    command: Literal["remove_route"] = "remove_route"
    if_epoch: Count | None = None


class Reweigh(_Command):
    """A bandit's weights, arm by arm. if_epoch: what they were computed from."""

    command: Literal["reweigh"] = "reweigh"
    weights: Annotated[dict[str, Share], Field(min_length=1, max_length=MOST_ARMS)]
    if_epoch: Count


class PublishModel(_Command):
    """Announces a version that lies in the store: it is verified, and then ready or refused."""

    command: Literal["publish_model"] = "publish_model"
    model: NewName
    version: Word


class RetireModel(_Command):
    """Takes a version out of service for good; refused while a route names it."""

    command: Literal["retire_model"] = "retire_model"
    version: Word


Command = SetRoute | AdoptRoute | Promote | Rollback | Ramp | RemoveRoute | Reweigh | PublishModel | RetireModel

_COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])

OutcomeStatus = Literal["applied", "unchanged", "refused"]
OutcomeCode = Literal[
    "unauthorized",
    "forbidden",
    "invalid_request",
    "unknown_model",
    "unknown_version",
    "model_refused",
    "in_use",
    "conflict",
    "nothing_to_promote",
    "nothing_to_roll_back",
    "insufficient_evidence",
    "unavailable",
    "failed",
]


class Outcome(BaseModel):
    """How a command ended.

    code, message: why it was refused. route, entry: the state after it. evidence: the numbers it was judged by.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    request_id: str
    status: OutcomeStatus
    code: OutcomeCode | None = None
    message: str | None = None
    fields: tuple[dict[str, str], ...] | None = None
    route: dict[str, Any] | None = None
    entry: dict[str, Any] | None = None
    evidence: dict[str, Any] | None = None


def read_command(body: bytes | None) -> Command:
    """The command in a record's value. Raises Undecodable; InvalidRequest naming every wrong field."""
    return command_from(decode(body))


def command_from(value: object) -> Command:
    """The command that a JSON value says. Raises InvalidRequest naming every wrong field."""
    try:
        return _COMMAND.validate_python(value)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False)
        # A list with a wrong item is also told to be too short: the item is what is wrong.
        whole = {item["loc"][:length] for item in wrong for length in range(1, len(item["loc"]))}
        told = [item for item in wrong if item["loc"] not in whole]
        fields = [FieldError(_place(item["loc"]), item["msg"], describe(item.get("input"))) for item in told]
        raise InvalidRequest("the command is not of the expected form", fields) from None


def _place(location: tuple[int | str, ...]) -> str:
    """Where in the command or its plan, as `arms[1].weight`; pydantic puts the discriminator first."""
    parts = [part for part in location[1:] if part != "plan"] or location[1:] or ("command",)
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")
