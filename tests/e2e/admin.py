"""Keys, administered by the gateways of a platform and seen by all of its processes."""

import json
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx

from tests.e2e.platform import Platform, wait_for
from tests.e2e.upstream import Key

WITHIN_S = 2.0
ENTITIES = 24
"""Enough to reach every partition, and so both scorers."""
UNAUTHORIZED = (401, 429)
"""Who shows too many keys that are not valid is told to wait, and a valid one passes all the same."""
KNOWN, REFUSED = ({"expired"}, {404}), ({"unauthorized"}, {401})


class Admin:
    """Administers the keys by the gateways that run."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.key = self.noted(json.loads(platform.cli("keys", "bootstrap", "--json").stdout))

    def noted(self, made: dict[str, Any]) -> Key:
        """A key that must stand nowhere."""
        self.platform.secrets.append(made["key"])
        return Key(made["key"], made["id"])

    def gateways(self) -> list[str]:
        return [worker.url() or "" for worker in self.platform.workers if worker.role == "gateway" and worker.running]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """What the first gateway answers, once it knows the admin's key."""
        url, headers = self.gateways()[0], {"X-API-Key": self.key.api_key}

        def answer() -> httpx.Response | None:
            response = httpx.request(method, f"{url}{path}", json=body, headers=headers, timeout=30)
            return None if response.status_code in UNAUTHORIZED else response

        response = wait_for(answer, "the admin's key known")
        assert response.status_code in (200, 201), response.text
        return response.json()

    def create(self, **terms: Any) -> Key:
        """A key that every gateway and every scorer knows."""
        key = self.noted(self.call("POST", "/keys", {"name": f"test {uuid4().hex[:6]}", **terms}))
        wait_for(lambda: self.seen(key) == KNOWN, f"key {key.key_id} known everywhere")
        return key

    def seen(self, key: Key) -> tuple[set[str], set[int]]:
        """How requests on every partition end, which cost nothing as they are too late, and what each gateway says."""
        upstream, platform = self.platform.upstream, self.platform
        asked = [
            upstream.ask(key, {}, deadline_ms=1, entity=f"c-{n}", request_id=f"seen-{uuid4()}") for n in range(ENTITIES)
        ]
        upstream.flush()
        shown = {"X-API-Key": key.api_key}
        told = [httpx.get(f"{url}/predictions/none", headers=shown, timeout=30) for url in self.gateways()]
        codes = {401 if answer.status_code in UNAUTHORIZED else answer.status_code for answer in told}
        return {platform.result(request_id)["status"] for request_id in asked}, codes

    def assert_refused_from(self, answered: float, key: Key) -> None:
        """Whatever began WITHIN_S after the answer is refused, everywhere."""
        begun = monotonic()
        while (seen := self.seen(key)) != REFUSED:
            assert begun - answered < WITHIN_S, seen
            begun = monotonic()
