"""Who asks through every outage of Redis: over Kafka and over HTTP, with tokens to spare and with few."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx

from tests.e2e.cases import Customers
from tests.e2e.platform import Platform, wait_for
from tests.e2e.upstream import Key

BURST = 20
PACE_S = 0.05
TOLD = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "ratelimit-policy"}


@contextmanager
def repeated(work: Callable[[], object]) -> Iterator[None]:
    """It goes on and on meanwhile."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(PACE_S):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(30)


class Callers:
    """Asks by two keys: one that always has tokens, time and again, and one that is soon out of them, when told to."""

    def __init__(self, platform: Platform, customers: Customers) -> None:
        self._platform = platform
        self._features = customers(0)
        self._rich = platform.create_key(rate_limit=1, burst=1_000_000)
        self.poor = platform.create_key(rate_limit=1, burst=BURST)
        self.asked: list[str] = []

    def ask(self) -> None:
        self.asked.append(self._ask(self._rich))

    def spend(self, *, by_redis: bool) -> None:
        """Ask until the poor key's bucket, there or in the scorer, is empty."""
        wait_for(lambda: self.decided(by_redis=by_redis) == "rate_limited", "an empty bucket")

    def another(self) -> Key:
        """One more key with few tokens, which no outage has met before."""
        return self._platform.create_key(rate_limit=1, burst=BURST)

    def decided(self, key: Key | None = None, *, by_redis: bool) -> str:
        """How the next request of a key, the poor one if none is named, ends that is decided so."""

        def status() -> str | None:
            result = self._platform.result(self._ask(key or self.poor))
            return None if result["degraded"] is by_redis else str(result["status"])

        return str(wait_for(status, f"decided {'by' if by_redis else 'without'} Redis"))

    def _ask(self, key: Key) -> str:
        return self._platform.upstream.ask(key, self._features)


class HttpCaller:
    """Asks a gateway by a key that always has tokens, and for the answer that it had first."""

    def __init__(self, platform: Platform, customers: Customers) -> None:
        self._http = platform.http
        self._features = customers(0)
        self._key = platform.create_key(rate_limit=1, burst=1_000_000)
        self._first = str(uuid4())
        self.answers: list[httpx.Response] = []
        wait_for(lambda: self.show(self._key).status_code == 404, "the key known to the gateway")
        self._predict(self._first)
        wait_for(lambda: self._look_up().status_code == 200, "the first answer stored")

    def ask(self) -> None:
        self.answers += [self._predict(str(uuid4())), self._look_up()]

    def show(self, key: Key) -> httpx.Response:
        """What the key is answered where it asks for nothing."""
        return self._call("GET", f"/predictions/{uuid4()}", key)

    def remaining(self, key: Key) -> int:
        """What is left in the key's bucket, as the gateway tells it on its own."""
        self.answers.append(answer := self.show(key))
        return int(answer.headers["X-RateLimit-Remaining"])

    def _predict(self, request_id: str) -> httpx.Response:
        return self._call("POST", "/predict", self._key, {"Idempotency-Key": request_id}, json=self._features)

    def _look_up(self) -> httpx.Response:
        return self._call("GET", f"/predictions/{self._first}", self._key)

    def _call(self, method: str, path: str, key: Key, headers: Any = (), **more: Any) -> httpx.Response:
        return self._http.request(method, path, headers={"X-API-Key": key.api_key, **dict(headers)}, **more)


def check_answers(answers: list[httpx.Response]) -> None:
    """Every one is what it would have been, and tells a bucket."""
    ends = Counter((one.request.method, one.status_code) for one in answers)
    assert ends.keys() == {("POST", 200), ("GET", 200), ("GET", 404)}
    assert [one for one in answers if not one.headers.keys() >= TOLD] == []
