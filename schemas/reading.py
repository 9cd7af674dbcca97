"""Messages that are read by their own decoder, and what is said of bytes that are none."""

from typing import TypeVar

from msgspec import DecodeError, ValidationError
from msgspec.json import Decoder

from schemas.errors import Undecodable

T = TypeVar("T")


def read_as(decoder: Decoder[T], what: str, value: bytes | None) -> T:
    """The message in a record's value. what: with its article. Raises Undecodable."""
    try:
        return decoder.decode(value or b"")
    except (ValidationError, DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = "invalid" if isinstance(error, ValidationError) else "not_json"
        raise Undecodable(reason, f"not {what}: {error}") from None
