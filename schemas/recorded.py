"""A request as its result recorded it: the features as scored, and what was answered."""

from collections.abc import Sequence

from msgspec import DecodeError, Raw, Struct, ValidationError
from msgspec.json import Decoder

from schemas.errors import Undecodable
from schemas.shadow import MirroredRow


class Recorded(Struct, frozen=True, gc=False):
    """What is read of a result. features: as JSON text; empty where the request was not answered."""

    request_id: str
    status: str
    entity: str | None = None
    model: str | None = None
    model_version: str | None = None
    predictions: tuple[float, ...] = ()
    label: int | str | None = None
    features: Raw = Raw()
    rows: tuple[MirroredRow, ...] | None = None

    def answers(self) -> Sequence[MirroredRow]:
        """Its rows, be there one or several."""
        return (MirroredRow(self.predictions, self.features, self.label),) if self.rows is None else self.rows


_recorded = Decoder(Recorded).decode


def read_recorded(value: bytes | None) -> Recorded:
    """The request that a result recorded. Raises Undecodable, also for an answer to nothing."""
    try:
        found = _recorded(value or b"")
    except (ValidationError, DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = "invalid" if isinstance(error, ValidationError) else "not_json"
        raise Undecodable(reason, f"not a result: {error}") from None
    if found.status == "ok" and not (found.model and found.model_version and (found.rows or bytes(found.features))):
        raise Undecodable("invalid", "not a result: an answer needs a model, a version and features")
    return found
