"""Records under a known key that its owner did not sign so (K8): each way of it, and what it costs."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import redis

from tests.e2e.cases import Customers
from tests.e2e.platform import Platform
from tests.e2e.upstream import Key, now_ms, signed_headers

pytestmark = pytest.mark.real_broker

BURST = 5
ENTITY = "c-42"
TOO_OLD_MS = 5 * 60 * 1000 + 1000
Headers = dict[str, str] | list[tuple[str, str]]


@pytest.fixture
def key(platform: Platform) -> Key:
    return platform.create_key(rate_limit=1, burst=BURST)


class Forger:
    """Sends one good request's record with one thing changed; knows the ids that it went under."""

    def __init__(self, platform: Platform, key: Key, features: dict[str, Any]) -> None:
        self._platform = platform
        self._key = key
        self.body = json.dumps({"entity": ENTITY, "features": features}).encode()
        self.request_id = str(uuid4())

    def signed(self, topic: str = "prediction-requests", age_ms: int = 0) -> dict[str, str]:
        signed_at = now_ms() - age_ms
        topic = self._platform.topic(topic)
        return signed_headers(self._key, topic, self.request_id, ENTITY, self.body, signed_at)

    def send(self, headers: Headers, body: bytes | None = None) -> None:
        self._platform.upstream.send("prediction-requests", ENTITY.encode(), body or self.body, headers)
        self._platform.upstream.flush()


def alter_the_body(forger: Forger) -> None:
    forger.send(forger.signed(), forger.body + b" ")


def send_under_another_id(forger: Forger) -> None:
    headers = forger.signed()
    forger.request_id = headers["request-id"] = str(uuid4())
    forger.send(headers)


def take_it_from_another_topic(forger: Forger) -> None:
    forger.send(forger.signed("feedback"))


def send_it_late(forger: Forger) -> None:
    forger.send(forger.signed(age_ms=TOO_OLD_MS))


FORGERIES = [alter_the_body, send_under_another_id, take_it_from_another_topic, send_it_late]


def bucket_of(platform: Platform, key: Key, redis_url: str) -> Any:
    with redis.Redis.from_url(redis_url) as client:
        return client.get(f"{platform.settings.bucket_prefix}:bucket:{key.key_id}")


@pytest.mark.contract("K8", "R6")
@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_record_ends_as_unauthorized_and_costs_its_supposed_sender_nothing(
    platform: Platform, key: Key, customers: Customers, redis_url: str, forge: Callable[[Forger], None]
) -> None:
    forger = Forger(platform, key, customers(0))
    forge(forger)
    platform.settle("scorer")
    platform.tap("prediction-results").to_end()
    [result] = platform.results(forger.request_id)
    assert (result["status"], result["key_id"]) == ("unauthorized", None)
    assert bucket_of(platform, key, redis_url) is None


@pytest.mark.contract("K8", "R9")
def test_a_record_with_two_request_ids_is_nobodys_one_dead_letter_and_free_of_charge(
    platform: Platform, key: Key, customers: Customers, redis_url: str
) -> None:
    forger, other = Forger(platform, key, customers(0)), str(uuid4())
    forger.send([*forger.signed().items(), ("request-id", other)])
    platform.settle("scorer")
    ids = {forger.request_id, other}
    assert not [e for e in platform.tap("prediction-results").to_end() if e.body.get("request_id") in ids]
    letters = [event.body for event in platform.tap("dead-letters").to_end()]
    reasons = [one["reason"] for one in letters if one["headers"].get("request-id") in ids]
    assert reasons == ["repeated_header"]
    assert bucket_of(platform, key, redis_url) is None


@pytest.mark.contract("B1", "K8")
def test_the_same_record_as_it_was_signed_costs_one_token(
    platform: Platform, key: Key, customers: Customers, redis_url: str
) -> None:
    forger = Forger(platform, key, customers(0))
    forger.send(forger.signed(age_ms=TOO_OLD_MS - 30_000))
    assert platform.result(forger.request_id)["status"] == "ok"
    events = platform.tap("prediction-results").events
    [headers] = [dict(event.headers) for event in events if event.body["request_id"] == forger.request_id]
    assert json.loads(headers["ratelimit"])["remaining"] == BURST - 1
    assert bucket_of(platform, key, redis_url) is not None
