"""An upstream service as a stranger would write it: the documented recipe for signing, and none of Weir's code."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from confluent_kafka import Producer

FLUSH_S = 30.0


@dataclass(frozen=True, slots=True)
class Key:
    """What a caller has of its key."""

    api_key: str
    key_id: str


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def signed_headers(key: Key, topic: str, request_id: str, entity: str, body: bytes, signed_at: int) -> dict[str, str]:
    """The headers of a request, as docs and `signed_request` print the recipe."""
    signing_key = hmac.digest(key.api_key.encode(), b"weir/record-signing/v1", "sha256")
    digest = hashlib.sha256(body).hexdigest()
    text = "\n".join(["weir1", topic, request_id, entity, str(signed_at), digest])
    return {
        "request-id": request_id,
        "key-id": key.key_id,
        "signed-at": str(signed_at),
        "signature": hmac.digest(signing_key, text.encode(), "sha256").hex(),
        "schema-version": "1",
    }


class Upstream:
    """Sends records to one pipeline's topics."""

    def __init__(self, bootstrap: str, topic: Callable[[str], str]) -> None:
        self._topic = topic
        options = {"enable.idempotence": True, "partitioner": "murmur2_random", "message.max.bytes": 4 * 1024 * 1024}
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 1, **options})

    def ask(
        self,
        key: Key,
        features: Any = None,
        *,
        body: bytes | None = None,
        request_id: str | None = None,
        entity: str = "c-42",
        deadline_ms: int | None = None,
        signed_at: int | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> str:
        """Queue one signed request and return its id. `features`: of one row, or a list of rows'."""
        request_id = request_id or str(uuid4())
        if body is None:
            rows = {"rows": features} if isinstance(features, list) else {"features": features}
            body = json.dumps({"entity": entity, "model": "churn", **rows}).encode()
        topic = self._topic("prediction-requests")
        headers = signed_headers(key, topic, request_id, entity, body, signed_at or now_ms())
        if deadline_ms is not None:
            headers["deadline-ms"] = str(deadline_ms)
        self.send("prediction-requests", entity.encode(), body, {**headers, **(extra or {})})
        return request_id

    def send(
        self,
        topic: str,
        record_key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, str] | Sequence[tuple[str, str]],
    ) -> None:
        """Queue any record; headers as pairs may repeat a name."""
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        self._producer.produce(self._topic(topic), value, record_key, headers=pairs)
        self._producer.poll(0)

    def close(self) -> None:
        """Ends the connection: the client does that when it is forgotten."""
        del self._producer

    def flush(self) -> None:
        """Returns when the broker has everything."""
        assert self._producer.flush(FLUSH_S) == 0, "records were not delivered"
