"""A key that a caller put into a request by mistake: neither its result, the reply nor the dead letter shows it."""

import base64
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from agents.answer import Scorer
from agents.ending import Outlets
from models.bundle import Bundle, read_bundle
from models.simulate import customer_rows
from schemas import headers as h
from schemas.keys import new_api_key
from schemas.message import Emission
from tests.agents.scorer import FakeCounters, FakeKeys, FakeLimiter, batch, clock, record
from tests.models.conftest import published  # noqa: F401
from tests.models.routing.plans import champions

KEY = new_api_key()
REPLY = {h.REPLY_PARTITION: b"3", h.REPLY_INSTANCE: b"gateway-1"}
FEATURES = customer_rows(1, seed=5)[0]


@pytest.fixture(scope="module")
def bundle(published: dict[str, Mapping[str, bytes]]) -> Bundle:  # noqa: F811
    return read_bundle(published["logistic_regression"])


def shows(emission: Emission) -> str:
    """Everything that a reader of the record finds, the original in a dead letter among it."""
    body = orjson.loads(emission.value)
    original = base64.b64decode(body.get("value", ""))
    return f"{body} {original!r} {emission.key!r} {emission.headers}"


@pytest.mark.contract("K2")
@pytest.mark.parametrize(
    "body",
    [
        {"features": {**FEATURES, "total_orders": KEY}},
        {"features": {**FEATURES, "total_orders": [KEY, {"key": KEY}]}},
        {"features": {**FEATURES, "total_orders": {KEY: KEY}}},
        {"features": {**FEATURES, KEY: 1}},
        {"features": {**FEATURES, "api_key": f"{'x' * 40} {KEY}"}},
        {"rows": [{**FEATURES, "total_orders": KEY}]},
        {"features": KEY},
        {"features": FEATURES, "model": KEY},
        {"features": FEATURES, "model": KEY * 2},
        {"features": FEATURES, "api_key": KEY},
        {"features": FEATURES, KEY: 1},
        {"features": FEATURES, "entity": KEY},
        KEY,
        f"{{{KEY}".encode(),
        KEY.encode(),
    ],
    ids=lambda body: "",
)
async def test_a_refusal_shows_no_key(bundle: Bundle, body: Any) -> None:
    scorer = Scorer(FakeKeys(), FakeLimiter(), champions({"churn": bundle}), clock, FakeCounters(), OUTLETS)
    emissions = await scorer(batch(record(body, headers=REPLY)))
    assert [emission.topic for emission in emissions] == ["results", "replies", "dead"]
    assert [orjson.loads(emission.value)["status"] for emission in emissions[:2]] == ["invalid"] * 2
    for emission in emissions:
        told = shows(emission)
        assert not [at for at in range(8, 43, 5) if KEY[at : at + 8] in told], told


OUTLETS = Outlets("results", "replies", "dead", 4, "mirrored")


@pytest.mark.contract("K2")
@pytest.mark.parametrize("without", [[], [h.SIGNATURE]], ids=["invalid", "unauthorized"])
async def test_an_entity_that_is_a_key_is_not_shown_in_a_refusal(bundle: Bundle, without: list[str]) -> None:
    scorer = Scorer(FakeKeys(), FakeLimiter(), champions({"churn": bundle}), clock, FakeCounters(), OUTLETS)
    [result, reply, *_] = await scorer(batch(record(b"{", key=KEY.encode(), headers=REPLY, without=without)))
    for emission in (result, reply):
        assert orjson.loads(emission.value)["entity"] == "sk_live_" + "*" * 43
