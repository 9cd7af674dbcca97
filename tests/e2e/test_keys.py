"""API keys from `weir keys create` to what every topic, table, log and metric holds of them (K1 to K4)."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from infra.auth import KeyManager
from infra.kafka import client_options
from infra.key_store import TopicKeyStore
from infra.sealing import Sealer
from tests.e2e.cases import Customers
from tests.e2e.leaks import leaks
from tests.e2e.platform import Platform, wait_for
from tests.e2e.upstream import Key

pytestmark = pytest.mark.real_broker


def create(platform: Platform, *options: str) -> dict[str, Any]:
    """What `weir keys create` prints."""
    done = platform.cli("keys", "create", "--json", "--name", "by hand", *options)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    platform.secrets.append(made["key"])
    return made


@pytest.fixture(scope="module")
def made(platform: Platform) -> dict[str, Any]:
    return create(platform)


def outdated_key(platform: Platform) -> Key:
    """A key that expired yesterday."""
    topics = platform.topic("api-keys"), platform.topic("audit-events")
    store = TopicKeyStore(client_options(platform.settings), *topics)
    past = KeyManager(store, Sealer.of(platform.settings), clock=lambda: datetime.now(UTC) - timedelta(days=2))
    api_key = past.create_key(name="outdated", expires_in_days=1)
    platform.secrets.append(api_key)
    hashed = hashlib.sha256(api_key.encode()).hexdigest()
    return Key(api_key, next(key.key_id for key in past.list_keys() if key.key_hash == hashed))


@pytest.mark.contract("K1")
def test_a_key_has_its_form_and_only_its_hash_is_kept(platform: Platform, made: dict[str, Any]) -> None:
    assert re.fullmatch(r"sk_live_[A-Za-z0-9_-]{43}", made["key"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{11}", made["id"])
    assert len(made["key"]) == 51
    hashed = hashlib.sha256(made["key"].encode()).hexdigest()
    events = platform.tap("api-keys").to_end()
    assert [event.body["key_hash"] for event in events if event.key == made["id"].encode()] == [hashed]
    query = "SELECT key_hash FROM api_keys WHERE key_id = %s"
    assert wait_for(lambda: platform.stored(query, made["id"]), "the key's row") == [(hashed,)]


@pytest.mark.contract("K1")
def test_a_test_key_says_so(platform: Platform) -> None:
    assert create(platform, "--test")["key"].startswith("sk_test_")


@pytest.mark.contract("K3")
def test_a_key_that_says_nothing_gets_the_defaults(made: dict[str, Any]) -> None:
    assert (made["permissions"], made["limit"], made["burst"], made["expires"]) == (["predict"], 1000, 100, None)


@pytest.mark.contract("K3")
def test_a_year_is_365_days_of_86400_seconds_in_utc(platform: Platform) -> None:
    made = create(platform, "--expires-in-days", "365")
    created, expires = map(datetime.fromisoformat, (made["created"], made["expires"]))
    assert (expires - created).total_seconds() == 365 * 86_400
    assert expires.utcoffset() == timedelta(0)


@pytest.mark.contract("K3")
@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--expires-in-days", "0", "expires_in_days"),
        ("--expires-in-days", "-1", "expires_in_days"),
        ("--permission", "root", "root"),
    ],
)
def test_what_a_key_cannot_be_is_refused_by_name(platform: Platform, option: str, value: str, named: str) -> None:
    done = platform.cli("keys", "create", "--json", "--name", "refused", option, value)
    assert (done.returncode, done.stdout) == (1, "")
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def get(platform: Platform, path: str, api_key: str | None) -> httpx.Response:
    return platform.http.get(path, headers={} if api_key is None else {"X-API-Key": api_key})


def keys_that_do_not_count(platform: Platform) -> dict[str, Key | None]:
    revoked = platform.create_key()
    done = platform.cli("keys", "revoke", revoked.key_id)
    assert done.returncode == 0, done.stderr
    unknown = Key("sk_live_" + "B" * 43, "BBBBBBBBBBB")
    return {"missing": None, "unknown": unknown, "revoked": revoked, "expired": outdated_key(platform)}


@pytest.mark.contract("K4")
def test_keys_that_do_not_count_look_alike_everywhere(platform: Platform, customers: Customers) -> None:
    wrong = keys_that_do_not_count(platform)
    shown = {name: key.api_key if key else None for name, key in wrong.items()}

    def all_refused() -> bool:
        return all(get(platform, "/predictions/x", api_key).status_code == 401 for api_key in shown.values())

    wait_for(all_refused, "the revocation in force", 2)
    answers = [get(platform, "/predictions/x", api_key) for api_key in shown.values()]
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"ApiKey"}
    assert len({answer.content for answer in answers}) == 1
    asked = [platform.upstream.ask(key, customers(0)) for key in wrong.values() if key]
    platform.upstream.flush()
    errors = [platform.result(request_id)["error"] for request_id in asked]
    assert errors == [errors[0]] * 3
    assert {platform.result(request_id)["status"] for request_id in asked} == {"unauthorized"}


@pytest.mark.contract("K4")
def test_a_valid_key_without_the_permission_is_forbidden(platform: Platform, customers: Customers) -> None:
    admin = platform.create_key(permissions=["admin"])
    answer = platform.http.post("/predict", json=customers(0), headers={"X-API-Key": admin.api_key})
    assert answer.status_code == 403
    assert get(platform, "/metrics", platform.create_key().api_key).status_code == 403


@pytest.mark.contract("K4")
@pytest.mark.parametrize("path", ["/predict", "/predictions/x", "/feedback", "/keys", "/metrics", "/nothing", "/"])
def test_every_route_but_health_asks_for_a_key(platform: Platform, path: str) -> None:
    assert get(platform, path, None).status_code == 401
    assert platform.http.post(path, json={}).status_code == 401
    assert {get(platform, health, None).status_code for health in ("/healthz", "/readyz")} == {200}


@pytest.mark.contract("K2")
def test_the_plain_key_stands_nowhere_once_it_was_shown(
    platform: Platform, made: dict[str, Any], customers: Customers
) -> None:
    monitor = platform.create_key(permissions=["monitor"])
    headers = {"X-API-Key": made["key"]}
    answers = [
        platform.http.post("/predict", json=customers(0), headers=headers),
        platform.http.post("/predict", json={"features": {}}, headers=headers),
        platform.http.post("/feedback", json={"request_id": "r-1", "label": 1}, headers=headers),
        get(platform, "/metrics", made["key"]),
        get(platform, "/metrics", monitor.api_key),
    ]
    assert [answer.status_code for answer in answers] == [200, 422, 202, 403, 200]
    platform.upstream.ask(Key(made["key"], made["id"]), customers(0))
    platform.upstream.flush()
    platform.settle()
    listed = platform.cli("keys", "list")
    assert made["id"] in listed.stdout
    said = "\n".join([listed.stdout, listed.stderr, *(f"{answer.headers}{answer.text}" for answer in answers)])
    everything = platform.every_byte() + said.encode()
    assert made["id"].encode() in everything
    assert leaks(everything, [key for key in platform.secrets if key.startswith("sk_")]) == []
    assert platform.environment["WEIR_MASTER_SECRET"].encode() not in everything
