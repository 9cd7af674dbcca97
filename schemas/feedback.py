"""Ground truth: what really happened to a predicted entity."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import FieldError, InvalidRequest
from schemas.request import describe


class Feedback(BaseModel):
    """One label for one prediction.

    request_id: the prediction's. row: its row, 0 where the request had one.
    label: the true class. source: who says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    request_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:~+/=@-]{1,128}$")]
    label: Annotated[int, Field(ge=0, le=1)]
    row: Annotated[int, Field(ge=0, lt=2**31)] = 0
    source: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")] = "api"
    observed_at: Annotated[AwareDatetime | None, Field(strict=False)] = None


def read_feedback(value: Any) -> Feedback:
    """The feedback in a decoded body. Raises InvalidRequest naming every offending field."""
    try:
        return Feedback.model_validate(value)
    except ValidationError as error:
        fields = [
            FieldError(".".join(map(str, item["loc"])) or "body", item["msg"], describe(item["input"]))
            for item in error.errors(include_url=False)
        ]
        raise InvalidRequest("the feedback is not of the expected form", fields) from None
