"""One bucket for a key, whoever asks: scorer, gateway and command name it alike, and platforms apart."""

import json

import pytest
import redis

from tests.e2e.cases import Customers
from tests.e2e.platform import Platform

pytestmark = pytest.mark.real_broker


@pytest.mark.contract("B3", "B5")
def test_what_the_scorer_charges_the_gateway_and_the_command_see_under_the_platforms_own_name(
    platform: Platform, customers: Customers, redis_url: str
) -> None:
    key = platform.create_key(rate_limit=1, burst=9)
    shown = {"X-API-Key": key.api_key}
    charged = [platform.http.post("/predict", json=customers(n), headers=shown) for n in range(2)]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in charged] == ["8", "7"]
    assert platform.http.get("/nothing", headers=shown).headers["X-RateLimit-Remaining"] == "7"
    told = json.loads(platform.cli("limits", "show", key.key_id, "--json").stdout)
    assert (told["bucket"], told["remaining"]) == (key.key_id, 7)
    with redis.Redis.from_url(redis_url) as client:
        names = [name.decode() for name in client.scan_iter(f"*bucket:{key.key_id}")]
    assert names == [f"{platform.prefix}weir:bucket:{key.key_id}"]
