"""Who gives a key where an id, a name or a file is wanted is told so, and the key is not repeated."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from infra.auth import get_key_manager
from schemas.errors import InvalidRequest
from schemas.keys import new_api_key
from streams.cli import weir
from tests.kafka import make_topic

ADVICE = "that is a key, not its id; `weir keys list` shows the ids"


@pytest.fixture
def api_key(bootstrap: str, unique: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A key in force."""
    prefix = unique() + "."
    for name, value in {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "TOPIC_PREFIX": prefix}.items():
        monkeypatch.setenv(name, value)
    for topic in ("api-keys", "audit-events"):
        make_topic(bootstrap, prefix + topic, 1)
    return get_key_manager().create_key("client")


def refused(*arguments: str) -> Result:
    result = CliRunner().invoke(weir, arguments)
    assert result.exit_code != 0
    return result


@pytest.mark.contract("K2")
@pytest.mark.parametrize(
    "verb",
    [
        ("keys", "show"),
        ("keys", "revoke"),
        ("keys", "rotate"),
        ("keys", "tier", "--rate-limit", "5"),
        ("limits", "show"),
        ("limits", "reset"),
    ],
    ids=" ".join,
)
def test_a_key_in_place_of_its_id(verb: tuple[str, ...], api_key: str) -> None:
    result = refused(*verb, api_key)
    assert ADVICE in result.stderr
    assert api_key[8:16] not in result.output
    assert get_key_manager().validate_key(api_key) is not None


@pytest.mark.contract("K2")
def test_a_key_as_a_term_of_another(api_key: str) -> None:
    result = refused("keys", "create", "--name", "other", "--tier", api_key)
    assert isinstance(result.exception, InvalidRequest)
    assert "not string 'sk_live_…'" in str(result.exception)


@pytest.mark.contract("K2")
@pytest.mark.parametrize(
    "arguments",
    [
        ("{}",),
        ("keys", "{}"),
        ("keys", "list", "{}"),
        ("keys", "revoke", "AAAAAAAAAAA", "{}"),
        ("keys", "create", "--rate-limit", "{}"),
        ("produce", "{}", "--key-id", "AAAAAAAAAAA"),
        ("run", "{}"),
    ],
    ids=" ".join,
)
def test_a_key_among_wrong_arguments(arguments: tuple[str, ...]) -> None:
    api_key = new_api_key()
    result = refused(*(argument.format(api_key) for argument in arguments))
    assert "sk_live_…" in result.stderr
    assert api_key[8:16] not in result.output


@pytest.mark.contract("K2")
def test_a_key_in_place_of_the_variable_that_holds_it() -> None:
    api_key = new_api_key()
    result = CliRunner().invoke(weir, ["produce", "-", "--key-id", "AAAAAAAAAAA", "--api-key-env", api_key])
    assert "no API key: set sk_live_…" in str(result.exception)
    assert api_key[8:16] not in str(result.exception)
