"""Ground truth: what really happened to a predicted entity."""

from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import FieldError, InvalidRequest
from schemas.keys import holds_key
from schemas.request import MAX_NAMED, describe


def _no_secret(text: str) -> str:
    if holds_key(text):
        raise ValueError("an API key")
    return text


class Feedback(BaseModel):
    """One label for one prediction.

    request_id: the prediction's. row: its row, 0 where the request had one.
    label: the true class, of binary models; other tasks have no ground truth yet. source: who says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    request_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:~+/=@-]{1,128}$"), AfterValidator(_no_secret)]
    label: Annotated[int, Field(ge=0, le=1)]
    row: Annotated[int, Field(ge=0, lt=2**31)] = 0
    source: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$"), AfterValidator(_no_secret)] = "api"
    observed_at: Annotated[AwareDatetime | None, Field(strict=False)] = None


REQUIREMENTS = {
    "request_id": "must be a prediction's id, 1 to 128 of letters, digits and ._:~+/=@-, and no API key",
    "label": "must be 0 or 1: ground truth is kept for binary models only so far",
    "row": "must be a row's place in its request, a whole number from 0 to 2147483647",
    "source": "must be a string of 1 to 64 characters without control characters, and no API key",
    "observed_at": "must be a time with its zone, such as 2026-01-31T12:00:00Z",
}


def read_feedback(value: Any) -> Feedback:
    """The feedback in a decoded body. Raises InvalidRequest naming every offending field."""
    try:
        return Feedback.model_validate(value)
    except ValidationError as error:
        fields = [_field_error(item) for item in error.errors(include_url=False)[:MAX_NAMED]]
        raise InvalidRequest("the feedback is not of the expected form", fields) from None


def feedback_body(feedback: Feedback) -> bytes:
    """The value of its record: the fields that were given."""
    return feedback.model_dump_json(exclude_unset=True).encode()


def _field_error(item: ErrorDetails) -> FieldError:
    if not item["loc"]:
        return FieldError("body", "must be an object with request_id and label", describe(item["input"]))
    name = str(item["loc"][0])
    if name not in REQUIREMENTS:
        return FieldError(name, f"unknown field; known are {', '.join(REQUIREMENTS)}", describe(item["input"]))
    if item["type"] == "missing":
        return FieldError(name, f"is missing: {REQUIREMENTS[name]}", "nothing")
    return FieldError(name, REQUIREMENTS[name], describe(item["input"]))
