"""The signing example that docs/producing.md prints."""

from hashlib import sha256
from typing import Any

VECTOR_KEY = "sk_test_" + "A" * 43
PARTS: dict[str, Any] = {
    "topic": "prediction-requests",
    "request_id": b"r-1",
    "record_key": b"c-42",
    "signed_at": b"1764000000000",
    "body": b'{"entity":"c-42","features":{"a":1}}',
}
SIGNING_KEY = "df2211faa7942e24e97b91ffb6daf0132ca256721df533fc766dd5acd587015e"
SIGNATURE = "6f7507e80ef4087ff43259ba89da687cb06c45b53d9800d4df3eea706e56d16c"


def as_verified(**parts: Any) -> list[bytes]:
    """The same parts as the verifying side has them: the body as its digest."""
    digest = sha256(parts["body"]).hexdigest().encode()
    return [parts["topic"].encode(), parts["request_id"], parts["record_key"], parts["signed_at"], digest]
