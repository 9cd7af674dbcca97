"""Names of the record headers, and the limits on them."""

from collections.abc import Mapping

from schemas.errors import Undecodable
from schemas.message import Headers

REQUEST_ID = "request-id"
KEY_ID = "key-id"
SIGNED_AT = "signed-at"
SIGNATURE = "signature"
DEADLINE = "deadline-ms"
REPLY_PARTITION = "reply-partition"
REPLY_INSTANCE = "reply-instance"
API_KEY = "x-api-key"
"""A key as it is, in place of a signature: understood only where AUTH_ALLOW_PLAINTEXT_KEYS is set."""
TRACEPARENT = "traceparent"
SCHEMA_VERSION = "schema-version"
RATE_LIMIT = "ratelimit"
"""On results and replies: the bucket's state as JSON, `limit`, `remaining`, `reset`, `retry_after`."""
MIRRORED_TO = "mirrored-to"
"""On mirrored results: the versions that are to answer too, comma-separated."""
UNREAD = "unread"
"""The only header of a record that stands for a batch which was not read: why."""

CURRENT_SCHEMA = b"1"
MAX_HEADERS = 32
MAX_NAME = 64
"""Characters of a header's name that an error shows."""
MAX_HEADER_BYTES = 16 * 1024


def read_headers(headers: Headers) -> Mapping[str, bytes]:
    """The headers by name.

    Raises Undecodable where the record only stands for what was not read, where there are too many, they are too long,
    or one is repeated: which of two `request-id`s counts must not depend on the reader.
    """
    if len(headers) > MAX_HEADERS:
        raise Undecodable("too_many_headers", f"{len(headers)} headers, at most {MAX_HEADERS} are read")
    by_name = dict(headers)
    if len(by_name) == 1 and UNREAD in by_name:
        raise Undecodable("too_large", (by_name[UNREAD] or b"").decode("utf-8", "replace"))
    if len(by_name) != len(headers):
        names = [name for name, _ in headers]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise Undecodable(
            "repeated_header", f"header given more than once: {', '.join(name[:MAX_NAME] for name in twice)}"
        )
    if None in by_name.values():
        by_name = {name: value or b"" for name, value in headers}
    if not within_limits(by_name):
        raise Undecodable("headers_too_large", f"headers exceed {MAX_HEADER_BYTES} bytes")
    return by_name


def within_limits(headers: Mapping[str, bytes]) -> bool:
    """Whether there are no more headers, and no more bytes in them, than are read."""
    size = len("".join(headers)) + len(b"".join(headers.values()))
    return len(headers) <= MAX_HEADERS and size <= MAX_HEADER_BYTES
