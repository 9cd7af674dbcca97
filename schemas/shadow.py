"""A challenger's answer beside the champion's, as it lies on `shadow-results`, and the result that it was asked for."""

from collections.abc import Sequence
from typing import Literal, get_args

from msgspec import DecodeError, Raw, Struct, ValidationError
from msgspec.json import Decoder, Encoder

from schemas.errors import Undecodable
from schemas.moment import Moment
from schemas.result import SCHEMA_VERSION
from schemas.routes import MOST_ARMS, WORD

ShadowCode = Literal["failed", "timeout", "not_a_number", "invalid", "unavailable", "skipped"]
SHADOW_CODES: tuple[ShadowCode, ...] = get_args(ShadowCode)
"""Why there is no answer of a challenger.

failed: it raised. timeout: it had no answer in its time. not_a_number: it answered with none. invalid: its signature
refuses the features. unavailable: its bundle cannot be loaded. skipped: it was not asked, as the request came too late
or the version timed out a moment ago.
"""


class MirroredRow(Struct, frozen=True, gc=False):
    """One row of a mirrored result: the champion's answer, and the features as scored, as JSON text."""

    predictions: tuple[float, ...]
    features: Raw
    label: int | str | None = None


class Mirrored(Struct, frozen=True, gc=False):
    """What is read of a mirrored result."""

    request_id: str
    entity: str
    model: str
    model_version: str
    arm: str
    route_epoch: int
    latency_ms: float
    requested_at: Moment
    predictions: tuple[float, ...] = ()
    label: int | str | None = None
    features: Raw = Raw()
    rows: tuple[MirroredRow, ...] | None = None

    def answers(self) -> Sequence[MirroredRow]:
        """Its rows, be there one or several."""
        return (MirroredRow(self.predictions, self.features, self.label),) if self.rows is None else self.rows


class ShadowError(Struct, frozen=True, gc=False, omit_defaults=True):
    """Why a challenger has no answer. error_id: stands in the shadow agent's log. fields: those refused."""

    code: ShadowCode
    error_id: str | None = None
    fields: tuple[str, ...] = ()


class ServedBy(Struct, frozen=True, gc=False):
    """Who answered the caller. latency_ms: from the broker's receipt of the request to its scoring."""

    version: str
    arm: str
    latency_ms: float


class TriedBy(Struct, frozen=True, gc=False, omit_defaults=True):
    """Who answered nobody. latency_ms: the request's part of the scoring; null where nothing was answered."""

    version: str
    latency_ms: float | None = None
    error: ShadowError | None = None


class Reply(Struct, frozen=True, gc=False):
    """One version's answer to one row; a regression has no label."""

    predictions: tuple[float, ...]
    label: int | str | None = None


class Compared(Struct, frozen=True, gc=False):
    """One row, answered by both.

    difference: the largest between two predictions of one place, null where their numbers differ. agrees: whether the
    labels are the same, null where there is none. flip: the champion's label and the challenger's, where they differ.
    """

    row: int
    champion: Reply
    challenger: Reply | None = None
    difference: float | None = None
    agrees: bool | None = None
    flip: tuple[int | str, int | str] | None = None


class ShadowResult(Struct, frozen=True, gc=False):
    """One challenger's answers to one request beside the champion's; a request with very many rows takes several."""

    request_id: str
    entity: str
    model: str
    route_epoch: int
    champion: ServedBy
    challenger: TriedBy
    rows: tuple[Compared, ...]
    requested_at: Moment
    scored_at: Moment
    schema_version: int = SCHEMA_VERSION


encode_shadow = Encoder().encode
_mirrored = Decoder(Mirrored).decode
_shadow = Decoder(ShadowResult).decode


def compared(row: int, champion: Reply, challenger: Reply | None) -> Compared:
    """Both answers to one row, and how far they are from each other."""
    if challenger is None:
        return Compared(row, champion)
    difference = None
    if len(champion.predictions) == len(challenger.predictions):
        pairs = zip(champion.predictions, challenger.predictions, strict=True)
        difference = max([abs(ours - theirs) for ours, theirs in pairs], default=None)
    if champion.label is None or challenger.label is None:
        return Compared(row, champion, challenger, difference)
    agrees = champion.label == challenger.label
    flip = None if agrees else (champion.label, challenger.label)
    return Compared(row, champion, challenger, difference, agrees, flip)


def read_mirrored(value: bytes | None) -> Mirrored:
    """The mirrored result in a record. Raises Undecodable."""
    try:
        return _mirrored(value or b"")
    except (ValidationError, DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _undecodable("a mirrored result", error) from None


def read_versions(listed: bytes) -> list[str]:
    """The versions that a mirrored result names. Raises Undecodable."""
    versions = listed.decode("utf-8", "replace").split(",")
    if len(versions) > MOST_ARMS or not all(map(WORD.fullmatch, versions)):
        raise Undecodable("invalid", "not a mirrored result: it does not name the versions that are to answer")
    return list(dict.fromkeys(versions))


def read_shadow(value: bytes | None) -> ShadowResult:
    """The shadow result in a record. Raises Undecodable."""
    try:
        return _shadow(value or b"")
    except (ValidationError, DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _undecodable("a shadow result", error) from None


def _undecodable(what: str, error: Exception) -> Undecodable:
    reason = "invalid" if isinstance(error, ValidationError) else "not_json"
    return Undecodable(reason, f"not {what}: {error}")
