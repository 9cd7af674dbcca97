"""`weir keys` on a real topic: rotation, tiers, revocation, a new master secret."""

import json

import pytest
from click.testing import CliRunner

from infra.auth import SealedKeyRing, get_key_manager
from infra.sealing import Sealer
from schemas.errors import BadSettings, InvalidRequest
from schemas.signing import signing_key
from streams.cli import weir
from tests.kafka import read_all
from tests.streams.cli.key_verbs import NEXT, SECRET, Environ, created, events, ran, run, shown


@pytest.mark.contract("K6")
def test_rotation_prints_a_new_key_once_and_the_old_one_lives_for_the_grace(environ: Environ) -> None:
    old = created("--test")
    said = run("rotate", old["id"], "--grace", "2h", "--reason", "yearly")
    api_key = said.split()[1]
    assert api_key.startswith("sk_test_")
    assert said.count(api_key) == 1
    assert f"{old['id']} stops working in 2h at the latest." in said
    for each in (old["key"], api_key):
        key = get_key_manager().validate_key(each)
        assert key is not None
        assert key.line == old["id"]
    ended = shown(old["id"])
    assert (ended["state"], ended["rotated_to"]) == ("valid", said.split()[3])
    assert ended["expires"] is not None
    assert [event.reason for event in events(environ)] == [None, f"in place of {old['id']}", "yearly"]


@pytest.mark.contract("K6")
def test_a_leaked_key_is_rotated_now(environ: Environ) -> None:
    old = created()
    new = json.loads(run("rotate", old["id"], "--grace", "now", "--json"))
    assert (new["family"], new["state"]) == (old["id"], "valid")
    assert get_key_manager().validate_key(old["key"]) is None
    assert get_key_manager().validate_key(new["key"]) is not None
    assert shown(old["id"])["state"] == "revoked"


@pytest.mark.contract("K6")
def test_a_key_that_is_revoked_already_is_told_since_when(environ: Environ) -> None:
    key_id = created()["id"]
    assert run("revoke", key_id, "--reason", "leaked") == f"revoked {key_id}\n"
    since = shown(key_id)["revoked"]
    assert run("revoke", key_id) == f"{key_id} has been revoked since {since}\n"
    assert json.loads(run("revoke", key_id, "--json")) == {"revoked": key_id, "since": since}
    assert [event.reason for event in events(environ)] == [None, "leaked"]


def test_a_tier_changes_all_keys_of_a_pool_and_says_which(environ: Environ) -> None:
    pool = [created("--owner", "shop", "--pooled")["id"] for _ in range(2)]
    said = run("tier", pool[0], "premium", "--burst", "50")
    assert sorted(said.splitlines()) == sorted(f"{key_id} premium: 10000 an hour, 50 at once" for key_id in pool)
    changed = json.loads(run("tier", pool[1], "--rate-limit", "20", "--json"))
    assert {(key["id"], key["limit"], key["burst"], key["tier"]) for key in changed} == {
        (key_id, 20, 2, "premium") for key_id in pool
    }
    with pytest.raises(InvalidRequest, match="rate_limit: must be left out, or 20 as the pool has it"):
        run("create", "--name", "third", "--owner", "shop", "--pooled", "--rate-limit", "21")


@pytest.mark.parametrize("verb", [["show"], ["rotate"], ["tier"], ["revoke"]])
def test_an_unknown_id_is_told(environ: Environ, verb: list[str]) -> None:
    result = ran(*verb, "-no-such-id", *(["free"] if verb == ["tier"] else []))
    assert result.exit_code == 1
    assert "-no-such-id is not the id of a key" in result.stderr


@pytest.mark.contract("K2")
def test_one_key_is_shown_without_what_would_let_anyone_use_it(environ: Environ) -> None:
    made = created("--owner", "[shop]", "--permission", "monitor", "--permission", "admin")
    said = run("show", made["id"])
    assert "permissions  admin, monitor\n" in said
    assert "owner        [shop]\n" in said
    assert "1000/h" in said
    key = get_key_manager().get(made["id"])
    assert key is not None
    for secret in (made["key"], key.key_hash, key.sealed_signing_key):
        assert secret not in said + run("show", made["id"], "--json") + run("list", "--json")


def ring(environ: Environ, *secrets: str) -> SealedKeyRing:
    """The keys as a process with these secrets has them after a restart."""
    keys = SealedKeyRing(Sealer(*secrets))
    for record in read_all(environ["KAFKA_BOOTSTRAP_SERVERS"], environ["TOPIC_PREFIX"] + "api-keys"):
        keys.update((record.key() or b"").decode(), record.value())
    return keys


@pytest.mark.contract("K8")
def test_a_new_master_secret_takes_over_and_a_second_time_nothing_is_done(
    environ: Environ, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [created()["key"] for _ in range(2)]
    monkeypatch.setenv("WEIR_MASTER_SECRET", NEXT)
    monkeypatch.setenv("WEIR_MASTER_SECRET_PREVIOUS", SECRET)
    made.append(created()["key"])
    for api_key in made:
        assert ring(environ, NEXT, SECRET).by_api_key(api_key)
    assert json.loads(run("reseal", "--json")) == {"resealed": 2, "unopened": []}
    assert run("reseal") == "0 keys sealed under the present secret\n"
    for api_key in made:
        credential = ring(environ, NEXT).by_api_key(api_key)
        assert credential is not None
        assert credential.signing_key == signing_key(api_key)
    assert [event.action for event in events(environ)] == ["key_created"] * 3 + ["key_resealed"] * 2


@pytest.mark.contract("K8")
def test_a_key_that_neither_secret_opens_is_told_left_alone_and_a_failure_until_it_has_ended(
    environ: Environ, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = created()
    before = get_key_manager().get(lost["id"])
    monkeypatch.setenv("WEIR_MASTER_SECRET", NEXT)
    result = ran("reseal")
    assert result.exit_code == 1
    assert f"{lost['id']} (client, valid) opens under neither secret" in result.stderr
    assert "weir keys rotate ID --grace now" in result.stderr
    assert get_key_manager().get(lost["id"]) == before
    run("rotate", lost["id"], "--grace", "now")
    result = ran("reseal", "--json")
    assert result.exit_code == 0
    assert [key["id"] for key in json.loads(result.stdout)["unopened"]] == [lost["id"]]


def test_a_short_previous_secret_is_named(environ: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_MASTER_SECRET_PREVIOUS", "short")
    with pytest.raises(BadSettings, match="WEIR_MASTER_SECRET_PREVIOUS"):
        run("reseal")


@pytest.mark.parametrize("verb", ["show", "revoke", "rotate", "tier"])
def test_an_id_that_begins_with_a_hyphen_and_has_an_h_is_no_wish_for_help(environ: Environ, verb: str) -> None:
    arguments = ["keys", verb, "-hAAAAAAAAA", *(["free"] if verb == "tier" else [])]
    result = CliRunner().invoke(weir, arguments)
    assert result.exit_code != 0
    assert "-hAAAAAAAAA is not the id of a key" in result.output
