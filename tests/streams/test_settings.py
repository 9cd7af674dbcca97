"""Settings: one place, one message that names every bad value, no development defaults in production."""

import re
from pathlib import Path

import pytest

from schemas.errors import BadSettings
from streams.settings import Settings

PRODUCTION = {"WEIR_ENV": "production", "WEIR_MASTER_SECRET": "m" * 40}


def test_the_environment_overrides_defaults_and_empty_counts_as_unset() -> None:
    settings = Settings.read({"PORT": "9000", "KAFKA_BOOTSTRAP_SERVERS": "", "HOME": "/x"})
    assert settings.port == 9000
    assert settings.kafka_bootstrap_servers == "127.0.0.1:9092"


@pytest.mark.contract("B1")
def test_the_default_quota_is_a_thousand_an_hour_with_a_burst_of_a_hundred() -> None:
    settings = Settings.read({})
    assert (settings.rate_limit_enabled, settings.rate_limit_per_hour, settings.rate_limit_burst) == (True, 1000, 100)


def test_one_message_names_every_bad_value() -> None:
    with pytest.raises(BadSettings) as caught:
        Settings.read({"PORT": "high", "KAFKA_SECURITY_PROTOCOL": "TELNET", "BATCH_RECORDS": "0"})
    for name in ("PORT", "KAFKA_SECURITY_PROTOCOL", "BATCH_RECORDS"):
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"WEIR_MASTER_SECRET": ""}, "WEIR_MASTER_SECRET"),
        ({"METRICS_PUBLIC": "true"}, "METRICS_PUBLIC"),
    ],
)
def test_production_refuses_development_defaults(setting: dict[str, str], named: str) -> None:
    assert Settings.read(PRODUCTION).weir_env == "production"
    with pytest.raises(BadSettings, match=named):
        Settings.read({**PRODUCTION, **setting})


@pytest.mark.contract("S1")
def test_a_secrets_backend_that_is_not_there_is_refused_not_ignored() -> None:
    with pytest.raises(BadSettings, match="SECRETS_BACKEND"):
        Settings.read({"SECRETS_BACKEND": "vault"})


def test_secrets_appear_in_no_representation_and_no_error() -> None:
    settings = Settings.read({"WEIR_MASTER_SECRET": "hush" * 10, "DATABASE_URL": "postgresql://u:hush@h/d"})
    assert "hush" not in repr(settings)
    with pytest.raises(BadSettings) as caught:
        Settings.read({"WEIR_MASTER_SECRET": "hush", "PORT": "x"})
    assert "hush" not in str(caught.value)


def test_a_previous_master_secret_is_none_unless_given_and_a_short_one_is_named() -> None:
    assert Settings.read({}).weir_master_secret_previous.get_secret_value() == ""
    with pytest.raises(BadSettings, match="WEIR_MASTER_SECRET_PREVIOUS"):
        Settings.read({"WEIR_MASTER_SECRET_PREVIOUS": "short"})


@pytest.mark.parametrize("name", ["metrics", "a/b"])
def test_a_model_that_nobody_could_ask_for_is_none_to_serve(name: str) -> None:
    with pytest.raises(BadSettings, match="MODEL_NAME"):
        Settings.read({"MODEL_NAME": name})


def test_the_prefix_stands_before_every_topic() -> None:
    assert Settings.read({"TOPIC_PREFIX": "eu-"}).topic("feedback") == "eu-feedback"


def test_every_setting_is_read_somewhere() -> None:
    root = Path(__file__).parents[2]
    code = "".join(file.read_text() for folder in ("streams", "infra") for file in (root / folder).rglob("*.py"))
    read = set(re.findall(r"\b_?(?:settings|self)\.(\w+)", code))
    only_checked = {"secrets_backend"}
    assert Settings.model_fields.keys() - only_checked <= read


@pytest.mark.parametrize("url", ["hooks.slack.com/services/T0/SECRET", "ftp://host/SECRET", "https:///SECRET"])
def test_a_webhook_is_an_address_on_the_web_and_is_repeated_by_no_error(url: str) -> None:
    with pytest.raises(BadSettings, match=r"DRIFT_WEBHOOK_URL: .*http:// or https://") as caught:
        Settings.read({"DRIFT_WEBHOOK_URL": url})
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://hooks.slack.com/services/T0/SECRET", "http://127.0.0.1:9/SECRET"])
def test_a_webhook_appears_in_no_representation(url: str) -> None:
    settings = Settings.read({"DRIFT_WEBHOOK_URL": url})
    assert settings.drift_webhook_url.get_secret_value() == url
    assert "SECRET" not in repr(settings)


def test_models_that_are_learned_row_by_row_are_named_by_comma() -> None:
    assert Settings.read({}).online_models == set()
    assert Settings.read({"RETRAIN_ONLINE": "churn, late-payments"}).online_models == {"churn", "late-payments"}
    for wrong in ("churn,", "a b", ",", "../x"):
        with pytest.raises(BadSettings, match="RETRAIN_ONLINE"):
            Settings.read({"RETRAIN_ONLINE": wrong})
