"""JSON that Postgres takes."""

import re

_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def storable(value: bytes) -> bytes:
    """The same JSON, with U+FFFD for each NUL character, which Postgres stores nowhere."""
    return _ESCAPED_NUL.sub(rb"\1\\ufffd", value) if b"\\u0000" in value else value
