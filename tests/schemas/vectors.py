"""The signing vector of docs/producing.md, and the signing key on the way to it."""

from hashlib import sha256
from typing import Any

VECTOR_KEY = "sk_test_" + "A" * 43
PARTS: dict[str, Any] = {
    "topic": "prediction-requests",
    "request_id": b"r-1",
    "record_key": b"c-42",
    "signed_at": b"1700000000000",
    "body": b'{"entity":"c-42","features":{}}',
}
SIGNING_KEY = "df2211faa7942e24e97b91ffb6daf0132ca256721df533fc766dd5acd587015e"
SIGNATURE = "74faa9e854aae9c6b422d7abed1ec7f08de14b5ab124886db9e92b4a5760b170"


def as_verified(**parts: Any) -> list[bytes]:
    """The same parts as the verifying side has them: the body as its digest."""
    digest = sha256(parts["body"]).hexdigest().encode()
    return [parts["topic"].encode(), parts["request_id"], parts["record_key"], parts["signed_at"], digest]
