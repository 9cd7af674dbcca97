"""What lies on `model-performance`: how good a version's answers were in a window, or are estimated to have been."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.json import Decoder, Encoder

from schemas.labelled import Role
from schemas.moment import Moment
from schemas.reading import read_as
from schemas.result import SCHEMA_VERSION

Count = Annotated[int, Meta(ge=0)]


class ModelPerformance(Struct, frozen=True, gc=False):
    """A window of one version's answers. window: its id, the same after a replay. start, end: when the first and the
    last were scored.

    estimated: from the answers alone, before their truth is known. rows: usable ones; unusable: whose score or answer
    says nothing; revised: truths that took the place of others meanwhile, which count in no window.
    measures: by name, never NaN. missing: why others have none. corrections: by how much the truth moved each measure
    from the estimate for the same rows, where it is known.
    """

    model: str
    model_version: str
    role: Role
    estimated: bool
    window: str
    start: Moment
    end: Moment
    rows: Count
    unusable: Count
    revised: Count
    measures: Mapping[str, float]
    missing: Mapping[str, str]
    corrections: Mapping[str, float] = {}
    schema_version: int = SCHEMA_VERSION


encode_performance = Encoder().encode
_decoder = Decoder(ModelPerformance)


def read_performance(value: bytes | None) -> ModelPerformance:
    """The window in a record. Raises Undecodable."""
    return read_as(_decoder, "a model's performance", value)
