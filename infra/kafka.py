"""Kafka clients: options for both libraries, and reading and writing a small topic whole."""

import ssl
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from pydantic import SecretStr

from schemas.errors import Unavailable
from schemas.message import Headers

PARTITIONER = "murmur2_random"
"""The Java clients' choice: librdkafka's own default sends a key elsewhere than they and aiokafka do, and
per-key order would break between producers."""

LONG_POLL_MS = 100
"""How long a fetch waits for records: the wheel broker answers a waiting fetch at its end only, others at once."""


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


def read_compacted(options: Mapping[str, Any], topic: str, timeout_s: float = 10.0) -> dict[bytes, bytes]:
    """The last value of each key on a topic, up to the end that the partitions have when asked.

    A record without a value removes its key. Raises Unavailable where the topic is missing or its end is not
    reached within `timeout_s` seconds.
    """
    deadline = time.monotonic() + timeout_s
    consumer = Consumer(
        {
            **_QUIET,
            **options,
            "group.id": f"weir-read-{uuid.uuid4()}",  # the client wants one; with assign() none comes to be
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    try:
        unread = _ends(consumer, topic, deadline)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in unread])
        return _read_up_to(consumer, topic, unread, deadline)
    except KafkaException as error:
        raise Unavailable("kafka", f"topic {topic} cannot be read: {error.args[0].str()}; {_ADVICE}") from error
    finally:
        consumer.close()


_QUIET = {"log_level": 2}  # what fails here is raised; the library would also print each attempt to connect
_SETTLING = (
    KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,
)  # fmt: skip
_ADVICE = "check KAFKA_BOOTSTRAP_SERVERS and that the broker is up (`weir status`)"


def _ends(consumer: Consumer, topic: str, deadline: float) -> dict[int, int]:
    """Partition -> end offset, of the partitions that hold anything."""
    known = consumer.list_topics(topic, timeout=_left(deadline)).topics[topic]
    if known.error is not None:
        raise Unavailable("kafka", f"topic {topic}: {known.error.str()}; make it with `weir topics create`")
    ends = {}
    for partition in known.partitions:
        low, high = _span(consumer, TopicPartition(topic, partition), deadline)
        if high > low:
            ends[partition] = high
    return ends


def _span(consumer: Consumer, partition: TopicPartition, deadline: float) -> tuple[int, int]:
    """First offset and end. A partition just made has no leader for a moment."""
    while True:
        try:
            return consumer.get_watermark_offsets(partition, timeout=_left(deadline))
        except KafkaException as error:
            if error.args[0].code() not in _SETTLING or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _read_up_to(consumer: Consumer, topic: str, unread: dict[int, int], deadline: float) -> dict[bytes, bytes]:
    values: dict[bytes, bytes] = {}
    while unread:
        if time.monotonic() > deadline:
            raise Unavailable("kafka", f"topic {topic} was not read to its end in time; {_ADVICE}")
        message = consumer.poll(min(0.5, _left(deadline)))
        if message is None:
            continue
        partition, offset, error = message.partition(), message.offset(), message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        assert partition is not None
        assert offset is not None
        if error is None:
            _apply(values, message)
            offset += 1
        if offset >= unread.get(partition, offset + 1):
            del unread[partition]
    return values


def _apply(values: dict[bytes, bytes], message: Message) -> None:
    key, value = message.key() or b"", message.value()
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())


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
    producer = Producer({**_QUIET, **options, **own, "delivery.timeout.ms": int(timeout_s * 1000)})
    try:
        for key, value, headers in records:
            producer.produce(topic, value, key, headers=list(headers), on_delivery=delivered)
        waiting = producer.flush(timeout_s + 1)
    except (KafkaException, BufferError) as error:
        raise Unavailable("kafka", f"topic {topic} cannot be written: {error}; {_ADVICE}") from error
    if failures or waiting:
        raise Unavailable("kafka", f"topic {topic}: {(failures or ['no answer'])[0]}; {_ADVICE}")
