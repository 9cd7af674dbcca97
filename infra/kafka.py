"""Kafka clients: options for both libraries, and writing a few records."""

import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from pydantic import SecretStr

from schemas.errors import Unavailable
from schemas.message import Headers

PARTITIONER = "murmur2_random"
"""The Java clients' choice: librdkafka's own default sends a key elsewhere than they and aiokafka do, and
per-key order would break between producers."""

LONG_POLL_MS = 100
"""How long a fetch waits for records: the wheel broker answers a waiting fetch at its end only, others at once."""


QUIET = {"log_level": 2}
"""What fails is raised; the library would also print each attempt to connect."""

ADVICE = "check KAFKA_BOOTSTRAP_SERVERS and that the broker is up (`weir status`)"


class KafkaSettings(Protocol):
    """How to reach the brokers, as `streams.settings.Settings` says it."""

    @property
    def kafka_bootstrap_servers(self) -> str: ...
    @property
    def kafka_security_protocol(self) -> str: ...
    @property
    def kafka_sasl_mechanism(self) -> str: ...
    @property
    def kafka_sasl_username(self) -> str: ...
    @property
    def kafka_sasl_password(self) -> SecretStr: ...
    @property
    def kafka_ssl_cafile(self) -> str: ...
    @property
    def kafka_ssl_certfile(self) -> str: ...
    @property
    def kafka_ssl_keyfile(self) -> str: ...


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Options of any confluent-kafka client."""
    options = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        options["sasl.mechanism"] = settings.kafka_sasl_mechanism
        options["sasl.username"] = settings.kafka_sasl_username
        options["sasl.password"] = settings.kafka_sasl_password.get_secret_value()
    files = {
        "ssl.ca.location": settings.kafka_ssl_cafile,
        "ssl.certificate.location": settings.kafka_ssl_certfile,
        "ssl.key.location": settings.kafka_ssl_keyfile,
    }
    return options | {name: file for name, file in files.items() if file}


def aiokafka_options(settings: KafkaSettings) -> dict[str, Any]:
    """Options of any aiokafka client; TLS files are read here."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = settings.kafka_sasl_password.get_secret_value()
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = _tls(settings)
    return options


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.kafka_ssl_cafile or None)
    if settings.kafka_ssl_certfile:
        context.load_cert_chain(settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile or None)
    return context


def publish(
    options: Mapping[str, Any],
    topic: str,
    records: Sequence[tuple[bytes | None, bytes | None, Headers]],
    timeout_s: float = 30.0,
) -> None:
    """Write a few records (key, value, headers) and wait until the broker has every one.

    Raises Unavailable where one delivery failed or is still unknown after `timeout_s` seconds: the records
    may then be on the topic or not.
    """
    failures: list[str] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error.str())

    # An idempotent producer first waits half a second for its id; a lone record needs none: repeating it is harmless.
    own = {"enable.idempotence": len(records) > 1, "acks": "all", "partitioner": PARTITIONER}
    producer = Producer({**QUIET, **options, **own, "delivery.timeout.ms": int(timeout_s * 1000)})
    try:
        for key, value, headers in records:
            producer.produce(topic, value, key, headers=list(headers), on_delivery=delivered)
        waiting = producer.flush(timeout_s + 1)
    except (KafkaException, BufferError) as error:
        raise Unavailable("kafka", f"topic {topic} cannot be written: {error}; {ADVICE}") from error
    if failures or waiting:
        raise Unavailable("kafka", f"topic {topic}: {(failures or ['no answer'])[0]}; {ADVICE}")
