"""The headers of a signed request, with nothing but Python's own library: translate it to any language."""

import hashlib
import hmac


def headers(
    api_key: str, key_id: str, topic: str, request_id: str, entity: str, signed_at: str, body: bytes
) -> dict[str, str]:
    """signed_at: now, in epoch milliseconds."""
    signing_key = hmac.digest(api_key.encode(), b"weir/record-signing/v1", "sha256")
    digest = hashlib.sha256(body).hexdigest()
    text = "\n".join(["weir1", topic, request_id, entity, signed_at, digest])
    return {
        "request-id": request_id,
        "key-id": key_id,
        "signed-at": signed_at,
        "signature": hmac.digest(signing_key, text.encode(), "sha256").hex(),
        "schema-version": "1",
    }
