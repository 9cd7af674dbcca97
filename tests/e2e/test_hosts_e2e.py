"""The same short run on the bare host: every status once, and what cannot be read beside them."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from infra.local.stack import RunningStack
from schemas.result import STATUSES
from tests.e2e.cases import Customers
from tests.e2e.platform import ROLES, Platform
from tests.e2e.running import platform_on
from tests.e2e.test_outcomes import send_each_status

pytestmark = pytest.mark.real_broker


@pytest.fixture
def bare(stack: RunningStack, database_url: str, models: Path, tmp_path: Path) -> Iterator[Platform]:
    with platform_on(stack.environment, database_url, models, tmp_path, "bare", measured=True) as platform:
        platform.up(*ROLES)
        yield platform


@pytest.mark.contract("R6", "R7", "R9")
def test_the_bare_host_ends_every_request_once_and_steps_over_what_it_cannot_read(
    bare: Platform, customers: Customers
) -> None:
    key = bare.create_key(rate_limit=1, burst=100)
    mark = uuid4().hex.encode()
    bare.upstream.send("prediction-requests", mark, b"\xff\x00{", {})
    asked = send_each_status(bare, key, customers(0))
    headers = {"X-API-Key": key.api_key, "Idempotency-Key": asked["ok"]}
    body = {"entity": "c-42", "model": "churn", "features": customers(0)}
    assert bare.http.post("/predict", json=body, headers=headers).status_code == 200
    bare.settle()
    events = [event.body for event in bare.tap("prediction-results").to_end()]
    ends = {status: [e["status"] for e in events if e["request_id"] == asked[status]] for status in STATUSES}
    assert ends == {status: [status] * (2 if status == "ok" else 1) for status in STATUSES}
    assert {status: bare.rows_of(asked[status]) for status in STATUSES} == {s: [(s,)] for s in STATUSES}
    letters = [event.body["reason"] for event in bare.tap("dead-letters").to_end() if event.key == mark]
    assert letters == ["no_request_id"]
