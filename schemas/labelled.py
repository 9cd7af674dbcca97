"""What lies on `labelled-predictions`: an answer, of whoever gave it, beside the truth."""

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.json import Decoder

from schemas.moment import Moment
from schemas.reading import read_as
from schemas.result import SCHEMA_VERSION

Binary = Annotated[int, Meta(ge=0, le=1)]
Role = Literal["served", "shadow"]
RowKey = tuple[str, int]
"""Request id and row."""


class LabelledPrediction(Struct, frozen=True, gc=False):
    """One row's answer whose truth is known. number: of its model version's, 1, 2, 3 and so on within a series; a
    record that comes again has the same one.

    role: `served` to the caller, or a challenger's beside it. probability: the positive class's; predicted: the class
    that was answered, as text. former_label: what was said before, of a truth that was revised, else null.
    """

    series: str
    number: int
    request_id: str
    row: int
    entity: str | None
    model: str
    model_version: str
    role: Role
    probability: float | None
    predicted: str | None
    label: Binary
    former_label: Binary | None
    label_source: str | None
    labelled_at: Moment | None
    requested_at: Moment
    scored_at: Moment
    schema_version: int = SCHEMA_VERSION


_decoder = Decoder(LabelledPrediction)


def read_labelled(value: bytes | None) -> LabelledPrediction:
    """The labelled prediction in a record. Raises Undecodable."""
    return read_as(_decoder, "a labelled prediction", value)
