"""Records that bring their key as it is, in place of a signature: AUTH_ALLOW_PLAINTEXT_KEYS, on and off."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from infra.local.stack import RunningStack
from tests.e2e.cases import Customers
from tests.e2e.leaks import leaks
from tests.e2e.platform import Platform
from tests.e2e.running import platform_on
from tests.e2e.upstream import Key

pytestmark = pytest.mark.real_broker

BROUGHT = ("prediction-requests", "feedback")
"""The topics that the key is sent to; whoever reads them has it."""


@pytest.fixture(params=["true", "false"])
def allowed(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def platform(stack: RunningStack, database_url: str, models: Path, tmp_path: Path, allowed: str) -> Iterator[Platform]:
    given = {**stack.environment, "AUTH_ALLOW_PLAINTEXT_KEYS": allowed}
    with platform_on(given, database_url, models, tmp_path) as platform:
        yield platform


def bring(platform: Platform, key: Key, topic: str, record_key: str, request_id: str, body: dict[str, Any]) -> None:
    headers = {"request-id": request_id, "x-api-key": key.api_key, "schema-version": "1"}
    platform.upstream.send(topic, record_key.encode(), json.dumps(body).encode(), headers)


def bring_requests_and_labels(platform: Platform, key: Key, features: dict[str, Any]) -> list[str]:
    """The ids of a good and a bad request; of the good one there are a label and what is none."""
    good, bad = asked = [str(uuid4()), str(uuid4())]
    bring(platform, key, "prediction-requests", "c-42", good, {"features": features})
    bring(platform, key, "prediction-requests", "c-42", bad, {"features": {}})
    bring(platform, key, "feedback", good, good, {"request_id": good, "label": 1})
    bring(platform, key, "feedback", good, good, {"request_id": good, "label": []})
    platform.upstream.flush()
    return asked


@pytest.mark.contract("K2", "K8")
def test_a_record_that_brings_its_key_counts_where_that_is_allowed_and_the_key_goes_no_further(
    platform: Platform, allowed: str, customers: Customers
) -> None:
    key = platform.create_key()
    platform.up("scorer", "sink")
    asked = bring_requests_and_labels(platform, key, customers(0))
    statuses = [platform.result(request_id)["status"] for request_id in asked]
    platform.settle()
    labels = platform.stored("SELECT actual_label FROM prediction_feedback WHERE request_id = %s", asked[0])
    letters = Counter(event.body["reason"] for event in platform.tap("dead-letters").to_end())
    told = [f"records of {key.key_id} bring the key itself" in one.log.read_text() for one in platform.workers]
    if allowed == "true":
        assert (statuses, labels, told) == (["ok", "invalid"], [(1,)], [True, True])
        assert letters == {"invalid_request": 1, "invalid": 1}
    else:
        assert (statuses, labels, told) == (["unauthorized"] * 2, [(None,)], [False, False])
        assert letters == {"unauthorized": 2}
    kept = platform.every_byte(besides=BROUGHT)
    assert key.key_id.encode() in kept
    assert leaks(kept, [key.api_key]) == []
