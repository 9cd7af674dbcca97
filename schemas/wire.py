"""JSON on the wire: limits first, then orjson."""

import codecs
import json
from typing import Any

import orjson

from schemas.errors import Undecodable

MAX_BODY_BYTES = 1024 * 1024
MAX_RECORD_BYTES = 4 * 1024 * 1024
"""What producer and topics take as one record."""
MAX_DEPTH = 32
LONGEST_INTEGER = 19
"""Characters that 64 bits may not hold."""
ENDLESS_DIGITS = 4000
"""Digits in one number at which JSON readers begin to refuse it."""

_DIGITS_AS_0 = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))
_BRACKET, _BACKSLASH = b"[\\"
_BRACES_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")
_ALL_BUT_BRACKETS_AND_QUOTES = bytes(byte for byte in range(256) if byte not in b'[]{}"')

_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

encode = orjson.dumps


def decode(body: bytes | None) -> Any:
    """The JSON value of a body.

    `NaN` and `Infinity`, which JSON does not know but some producers write, are read as floats, so that
    validation can name the field. Raises Undecodable: `empty`, `too_large`, `too_deep`, `not_json`.
    """
    if not body:
        raise Undecodable("empty", "the body is empty: send a JSON object")
    if len(body) > MAX_BODY_BYTES:
        raise Undecodable("too_large", f"the body has {len(body)} bytes, at most {MAX_BODY_BYTES} are read")
    if _may_be_deep(body) and is_deep(body):
        raise Undecodable("too_deep", f"the JSON is nested deeper than {MAX_DEPTH}")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _decode_leniently(body, str(error))


def is_plain(body: bytes) -> bool:
    """Whether a body is small, holds at most an object within an object, no escapes, no endless number, and only good
    UTF-8.

    Says nothing about its being JSON. Raises UnicodeDecodeError.
    """
    if len(body) > MAX_BODY_BYTES or _BRACKET in body or _BACKSLASH in body or body.count(b"{") > 2:
        return False
    if len(body) > ENDLESS_DIGITS and _has_digits(body, ENDLESS_DIGITS):
        return False
    if not body.isascii():
        body.decode()
    return True


def _has_digits(body: bytes, count: int) -> bool:
    """Whether so many digits stand side by side."""
    return b"0" * count in body.translate(_DIGITS_AS_0)


def _may_be_deep(body: bytes) -> bool:
    return body.count(b"{") + body.count(b"[") > MAX_DEPTH


def is_deep(body: bytes) -> bool:
    """Whether brackets nest deeper than MAX_DEPTH outside strings, or so many stay open, be the rest JSON or not.

    In a time that no body makes long: one takes off the innermost pairs as often as they may nest.
    """
    brackets = _brackets(body)
    for _ in range(MAX_DEPTH):
        left = brackets.replace(b"[]", b"")
        if len(left) == len(brackets):
            break
        brackets = left
    return b"[]" in brackets or brackets.count(b"[") > MAX_DEPTH


def _brackets(body: bytes) -> bytes:
    """The brackets outside strings, the curly ones as square ones."""
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in body else body
    # Two quotes side by side open and close, or close and open: without them the rest lies in or out as before.
    marks = unescaped.translate(_BRACES_AS_BRACKETS, _ALL_BUT_BRACKETS_AND_QUOTES).replace(b'""', b"")
    return b"".join(marks.split(b'"')[::2])


def _decode_leniently(body: bytes, why: str) -> Any:
    if body.startswith(_BYTE_ORDER_MARKS):
        raise Undecodable("not_json", "the body begins with a byte order mark: send JSON as UTF-8 without one")
    try:
        # As text: bytes might be UTF-16, in which nobody counted the brackets.
        value = json.loads(body.decode(), parse_int=_number if _has_digits(body, LONGEST_INTEGER) else None)
        # A lone surrogate could be repeated in no result and no refusal.
        encode(value)
    except (ValueError, TypeError, RecursionError):
        raise Undecodable("not_json", f"the body is not JSON: {why}") from None
    return value


def _number(text: str) -> int | float:
    """An integer as orjson reads it: past 64 bits a float, infinity at last."""
    return int(text) if len(text) < LONGEST_INTEGER else float(text)
