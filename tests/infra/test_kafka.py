import logging
import ssl
from typing import Any

import pytest
from aiokafka.partitioner import murmur2
from confluent_kafka.admin import AdminClient

from infra.kafka import aiokafka_options, client_options, publish
from schemas.errors import Unavailable
from streams.settings import Settings
from tests.kafka import read_all

NOBODY = {"bootstrap.servers": "127.0.0.1:1"}


def test_headers_arrive(options: dict[str, Any], bootstrap: str, topic: str) -> None:
    publish(options, topic, [(b"a", b"1", [("request-id", b"r-1")])])
    assert read_all(bootstrap, topic)[0].headers() == [("request-id", b"r-1")]


def test_keys_lie_where_the_java_clients_would_put_them(options: dict[str, Any], bootstrap: str, topic: str) -> None:
    publish(options, topic, [(b"c-%d" % n, b"", ()) for n in range(50)])
    partitions = len(AdminClient(options).list_topics(topic, timeout=10).topics[topic].partitions)
    for message in read_all(bootstrap, topic):
        assert message.partition() == (murmur2(message.key()) & 0x7FFFFFFF) % partitions


@pytest.mark.parametrize(("count", "idempotent"), [(1, "false"), (2, "true")])
def test_what_is_published_counts_once_every_replica_has_it_and_several_keep_their_order(
    options: dict[str, Any], topic: str, count: int, idempotent: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = {"debug": "conf", "log_level": 7, "logger": logging.getLogger("told")}
    publish(options | told, topic, [(b"a", b"1", ())] * count)
    assert "request.required.acks = -1" in caplog.text
    assert f"enable.idempotence = {idempotent}" in caplog.text


def test_writing_without_a_broker_is_an_error_not_a_loss() -> None:
    with pytest.raises(Unavailable, match="topic api-keys"):
        publish(NOBODY, "api-keys", [(b"k", b"v", ())], 0.3)


def test_plain_settings_give_plain_options() -> None:
    settings = Settings(kafka_bootstrap_servers="b:9092")
    assert client_options(settings) == {"bootstrap.servers": "b:9092", "security.protocol": "PLAINTEXT"}
    assert aiokafka_options(settings) == {"bootstrap_servers": "b:9092", "security_protocol": "PLAINTEXT"}


def test_sasl_settings_reach_both_libraries() -> None:
    settings = Settings.read(
        {
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_USERNAME": "weir",
            "KAFKA_SASL_PASSWORD": "hunter2",
            "KAFKA_SASL_MECHANISM": "PLAIN",
        }
    )
    ours = client_options(settings)
    assert (ours["sasl.mechanism"], ours["sasl.username"], ours["sasl.password"]) == ("PLAIN", "weir", "hunter2")
    theirs = aiokafka_options(settings)
    assert (theirs["sasl_mechanism"], theirs["sasl_plain_username"]) == ("PLAIN", "weir")
    assert theirs["sasl_plain_password"] == "hunter2"
    assert isinstance(theirs["ssl_context"], ssl.SSLContext)


def test_tls_files_are_named_where_given() -> None:
    settings = Settings(
        kafka_security_protocol="SSL",
        kafka_ssl_cafile="ca.pem",
        kafka_ssl_certfile="mine.pem",
        kafka_ssl_keyfile="mine.key",
    )
    assert {name: file for name, file in client_options(settings).items() if name.startswith("ssl")} == {
        "ssl.ca.location": "ca.pem",
        "ssl.certificate.location": "mine.pem",
        "ssl.key.location": "mine.key",
    }
