"""Keys from the first admin's to the last trace, on two gateways and two scorers (K6, K8)."""

import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import psycopg
import pytest

from infra.local.stack import RunningStack
from schemas.keys import new_api_key
from tests.e2e.admin import KNOWN, REFUSED, Admin
from tests.e2e.cases import Customers
from tests.e2e.leaks import forms_of, leaks, secrets_of
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.e2e.test_store import tell
from tests.e2e.upstream import Key
from tests.stack import fresh_database

pytestmark = [pytest.mark.real_broker, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def guarded(stack: RunningStack, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform of this module's own."""
    folder = tmp_path_factory.mktemp("guarded")
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, models, folder) as platform,
    ):
        for roles in (("scorer", "scorer"), ("sink",), ("gateway",), ("gateway",)):
            platform.up(*roles)
        yield platform


@pytest.fixture(scope="module")
def admin(guarded: Platform) -> Admin:
    return Admin(guarded)


@pytest.mark.contract("K6")
@pytest.mark.parametrize("way", ["http", "command"])
def test_a_revocation_holds_on_every_gateway_and_scorer_two_seconds_after_the_answer(admin: Admin, way: str) -> None:
    key = admin.create()
    if way == "http":
        assert admin.call("DELETE", f"/keys/{key.key_id}")["state"] == "revoked"
    else:
        assert admin.platform.cli("keys", "revoke", key.key_id).returncode == 0
    admin.assert_refused_from(monotonic(), key)


@pytest.mark.contract("K6")
def test_a_revocation_holds_after_every_gateway_and_scorer_was_killed(admin: Admin) -> None:
    revoked, other = admin.create(), admin.create()
    admin.call("DELETE", f"/keys/{revoked.key_id}")
    for worker in admin.platform.workers:
        if worker.role != "sink":
            worker.kill()
    for role in ("gateway", "scorer"):
        admin.platform.up(role)
    assert admin.seen(revoked) == REFUSED
    assert admin.seen(other) == KNOWN


def predicted(url: str, key: Key, features: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{url}/predict", json=features, headers={"X-API-Key": key.api_key}, timeout=30)


@pytest.mark.contract("K6", "B3")
def test_both_keys_work_from_one_bucket_for_the_grace_and_then_the_new_one_alone(
    admin: Admin, customers: Customers
) -> None:
    url = admin.gateways()[0]
    old = admin.create(rate_limit=1, burst=4)
    first = predicted(url, old, customers(0))
    new = admin.noted(admin.call("POST", f"/keys/{old.key_id}/rotate", {"grace": "15s"}))
    wait_for(lambda: admin.seen(new) == KNOWN, "the new key known everywhere")
    answers = [first, *(predicted(url, key, customers(0)) for key in (old, new))]
    assert [(answer.status_code, answer.headers["X-RateLimit-Remaining"]) for answer in answers] == [
        (200, "3"), (200, "2"), (200, "1"),
    ]  # fmt: skip
    wait_for(lambda: admin.seen(old) == REFUSED, "the grace ended", 20)
    last = predicted(url, new, customers(0))
    assert (last.status_code, last.headers["X-RateLimit-Remaining"]) == (200, "0")

    def shown() -> bool:
        path = f"{url}/predictions/{first.headers['X-Request-Id']}"
        return httpx.get(path, headers={"X-API-Key": new.api_key}, timeout=30).status_code == 200

    wait_for(shown, "what the old key asked for")


@pytest.mark.contract("K6")
def test_a_leaked_key_is_replaced_now(admin: Admin) -> None:
    old = admin.create()
    new = admin.noted(admin.call("POST", f"/keys/{old.key_id}/rotate", {"grace": "now", "reason": "leaked"}))
    admin.assert_refused_from(monotonic(), old)
    wait_for(lambda: admin.seen(new) == KNOWN, "the new key known everywhere")


@pytest.mark.contract("K6")
def test_each_key_that_is_written_over_http_is_one_event_in_the_admins_name_and_a_row(admin: Admin) -> None:
    platform = admin.platform
    gone, old = [admin.noted(admin.call("POST", "/keys", {"name": "audited", "reason": "new"})).key_id for _ in "12"]
    admin.call("DELETE", f"/keys/{gone}?reason=left")
    new = admin.noted(admin.call("POST", f"/keys/{old}/rotate", {"grace": "now", "reason": "leaked"})).key_id
    ours = [record for record in platform.tap("audit-events").to_end() if record.body["target"] in (gone, old, new)]
    assert [(record.body["action"], record.body["target"], record.body["reason"]) for record in ours] == [
        ("key_created", gone, "new"), ("key_created", old, "new"), ("key_revoked", gone, "left"),
        ("key_created", new, f"in place of {old}"), ("key_rotated", old, "leaked"),
    ]  # fmt: skip
    assert {(record.key, record.body["actor"]) for record in ours} == {(admin.key.key_id.encode(), admin.key.key_id)}
    written = [record for record in platform.tap("api-keys").to_end() if record.body["key_id"] in (gone, old, new)]
    assert [record.body["key_id"] for record in written] == [record.body["target"] for record in ours]
    query = "SELECT key_id, rotated_to FROM api_keys WHERE key_id = ANY(%s) AND revoked_at IS NOT NULL"
    rows = {(gone, None), (old, new)}
    wait_for(lambda: set(platform.stored(query, [gone, old, new])) == rows, "the revocations in Postgres")


def used(admin: Admin, key: Key, customers: Customers) -> None:
    """Requests that end well and that end badly, and their truth, by HTTP and on Kafka."""
    url, platform = admin.gateways()[-1], admin.platform
    answer = predicted(url, key, customers(1))
    assert answer.status_code == 200
    predicted(url, key, {"features": {}})
    headers = {"X-API-Key": key.api_key, "Prefer": "respond-async"}
    httpx.post(f"{url}/predict", json=customers(2), headers=headers, timeout=30)
    truth = {"request_id": answer.headers["X-Request-Id"], "label": 1}
    httpx.post(f"{url}/feedback", json=truth, headers={"X-API-Key": key.api_key}, timeout=30)
    asked = [
        platform.upstream.ask(key, customers(3)),
        platform.upstream.ask(key, body=b"no JSON"),
        platform.upstream.ask(key, customers(4), signed_at=1),
    ]
    for request_id in asked:
        tell(platform, key, request_id, 0)
    platform.upstream.flush()
    assert platform.result(asked[0])["status"] == "ok"


@pytest.mark.contract("K8", "K2")
def test_what_was_made_rotated_and_used_lies_nowhere_in_any_form(admin: Admin, customers: Customers) -> None:
    platform = admin.platform
    by_command = admin.noted(json.loads(platform.cli("keys", "create", "--name", "run", "--json").stdout))
    old = [by_command, admin.create()]
    for key in old:
        wait_for(lambda key=key: admin.seen(key) == KNOWN, "the key known everywhere")
        used(admin, key, customers)
    new = [
        admin.noted(json.loads(platform.cli("keys", "rotate", old[0].key_id, "--json").stdout)),
        admin.noted(admin.call("POST", f"/keys/{old[1].key_id}/rotate", {"grace": "now"})),
    ]
    for key in new:
        wait_for(lambda key=key: admin.seen(key) == KNOWN, "the key known everywhere")
        used(admin, key, customers)
    admin.call("GET", "/keys")
    platform.settle()
    everything = platform.every_byte()
    for key in (*old, *new):
        assert everything.count(key.key_id.encode()) > 10
    assert leaks(everything, [secret for secret in platform.secrets if secret.startswith("sk_")]) == []
    assert platform.environment["WEIR_MASTER_SECRET"].encode() not in everything


def plant(platform: Platform, place: str, text: bytes) -> None:
    """Put it where the search must find it."""
    if place == "table":
        with psycopg.connect(platform.environment["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS planted (text text, bytes bytea)")
            columns = (text.decode(), None) if text.isascii() else (None, text)
            connection.execute("INSERT INTO planted VALUES (%s, %s)", columns)
        return
    amidst = b'{"x": "' + text + b'"}'
    parts = {"key": (amidst, b"v", {}), "value": (b"k", amidst, {}), "header": (b"k", b"v", {"x": amidst})}
    platform.upstream.send("audit-events", *parts[place])  # type: ignore[arg-type]


@pytest.mark.contract("K8")
@pytest.mark.parametrize("place", ["key", "value", "header", "table"])
def test_the_search_finds_whatever_lies_in_this_place_in_any_form(guarded: Platform, place: str) -> None:
    decoys = {(name, form): new_api_key() for name in secrets_of(new_api_key()) for form in forms_of(b"")}
    for (name, form), api_key in decoys.items():
        plant(guarded, place, forms_of(secrets_of(api_key)[name])[form])
    guarded.upstream.flush()
    everything = guarded.every_byte()
    lost = [
        (name, form)
        for (name, form), api_key in decoys.items()
        if not any(found.startswith(f"{name} of key 0") for found in leaks(everything, [api_key]))
    ]
    assert lost == []
