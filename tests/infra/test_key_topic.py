"""The key manager over the real topic, as the guide and the command use it."""

import json
import logging
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from infra.auth import get_key_manager
from infra.kafka import client_options, publish
from infra.key_store import TopicKeyStore
from schemas.errors import InvalidRequest
from streams.cli.keys import keys
from streams.settings import Settings
from tests.kafka import make_topic, read_all

SECRET = "a master secret of more than 32 characters"


@pytest.fixture
def environ(bootstrap: str, unique: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    given = {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap, "WEIR_MASTER_SECRET": SECRET, "TOPIC_PREFIX": unique() + ".",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    for topic in ("api-keys", "audit-events"):
        make_topic(bootstrap, given["TOPIC_PREFIX"] + topic, 1)
    return given


def run(*arguments: str) -> str:
    result = CliRunner().invoke(keys, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.contract("K7")
def test_the_guides_snippet_runs(environ: dict[str, str]) -> None:
    manager = get_key_manager()
    api_key = manager.create_key(
        name="Production Client", permissions=["predict", "monitor"], rate_limit=10000, expires_in_days=365
    )
    manager.revoke_key(key_id="abc123")

    key = get_key_manager().validate_key(api_key)
    assert key is not None
    assert (key.name, key.permissions, key.rate_limit) == ("Production Client", {"predict", "monitor"}, 10000)
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).total_seconds() == 365 * 86_400


@pytest.mark.contract("B1", "K3")
def test_a_key_that_names_no_limit_has_the_settings_limits(environ: dict[str, str]) -> None:
    manager = get_key_manager(Settings.read({**environ, "RATE_LIMIT_PER_HOUR": "77", "RATE_LIMIT_BURST": "7"}))
    key = manager.validate_key(manager.create_key(name="client"))
    assert key is not None
    assert (key.rate_limit, key.capacity) == (77, 7)


@pytest.mark.contract("K6", "K7")
def test_revocation_holds_for_every_reader_of_the_topic(environ: dict[str, str]) -> None:
    api_key = get_key_manager().create_key(name="client")
    (key,) = get_key_manager().list_keys()
    assert get_key_manager().get(key.key_id) == key
    assert get_key_manager().revoke_key(key.key_id)
    assert not get_key_manager().revoke_key(key.key_id)
    assert get_key_manager().validate_key(api_key) is None


def test_a_record_that_is_no_key_hides_none_of_the_others(
    environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings.read(environ)
    publish(client_options(settings), settings.topic("api-keys"), [(b"broken-key0", b"{}", ())])
    get_key_manager().create_key(name="client")
    store = TopicKeyStore(client_options(settings), settings.topic("api-keys"), settings.topic("audit-events"))
    assert [key.name for key in store.all()] == ["client"]
    assert "broken-key0" in caplog.text


@pytest.mark.contract("K2")
def test_the_command_shows_the_key_once_and_the_topic_never_holds_it(
    environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = run("create", "--name", "client", "--tier", "free", "--permission", "monitor")
    api_key = shown.split()[1]
    assert api_key.startswith("sk_live_")
    assert shown.count(api_key) == 1
    (listed,) = json.loads(run("list", "--json"))
    after = run("list") + run("list", "--json") + run("revoke", listed["id"]) + caplog.text
    records = read_all(environ["KAFKA_BOOTSTRAP_SERVERS"], environ["TOPIC_PREFIX"] + "api-keys")
    assert len(records) == 2
    for text in (after, *(repr((r.key(), r.value(), r.headers())) for r in records)):
        assert api_key.removeprefix("sk_live_") not in text


def test_the_command_lists_who_may_do_what(environ: dict[str, str]) -> None:
    made = json.loads(run("create", "--name", "client", "--rate-limit", "50", "--expires-in-days", "2", "--json"))
    assert made.pop("key").startswith("sk_live_")
    assert [made] == json.loads(run("list", "--json"))
    assert (made["limit"], made["burst"], made["permissions"], made["state"]) == (50, 5, ["predict"], "valid")
    run("revoke", made["id"])
    assert [key["state"] for key in json.loads(run("list", "--json"))] == ["revoked"]
    assert made["id"] in run("list")


@pytest.mark.contract("K6")
def test_revoking_an_unknown_key_fails_even_where_its_id_begins_with_a_hyphen(environ: dict[str, str]) -> None:
    result = CliRunner().invoke(keys, ["revoke", "-no-such-id"])
    assert result.exit_code == 1
    assert "-no-such-id is not the id of a key:" in result.output


def test_a_wrong_option_is_explained(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="tier: must be one of free"):
        run("create", "--name", "client", "--tier", "gold")
