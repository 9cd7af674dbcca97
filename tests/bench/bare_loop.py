"""The bare loop of the comparison: consume 500, decode, encode, predict, produce; no identity, no limits, no Faust."""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from infra import artifacts
from infra.kafka import client_options
from models.bundle import Bundle, read_bundle
from models.features import encode
from streams.producer import OPTIONS
from streams.settings import Settings

BATCH = 500
WAIT_S = 30.0


def loop(settings: Settings, source: str, target: str, held: int, wanted: int) -> None:
    """Score `wanted` records of a topic that holds `held`, from its beginning as often as it takes."""
    store, name = settings.model_store, settings.model_name
    bundle = read_bundle(artifacts.fetch(store, name, artifacts.latest(store, name)))
    options: dict[str, Any] = client_options(settings)
    consumer = Consumer({**options, "group.id": target, "enable.auto.commit": False})
    producer = Producer({**OPTIONS, **options})
    number = len(consumer.list_topics(source, timeout=WAIT_S).topics[source].partitions)
    start = [TopicPartition(source, partition, OFFSET_BEGINNING) for partition in range(number)]
    done = 0
    while done < wanted:
        consumer.assign(start)
        done += read_once(consumer, producer, bundle, target, min(held, wanted - done))
    if producer.flush(WAIT_S):
        raise TimeoutError("not everything was delivered")
    consumer.close()
    signal.pause()  # who measures reads our processor time before it ends us


def read_once(consumer: Consumer, producer: Producer, bundle: Bundle, target: str, count: int) -> int:
    """One pass over the topic, or as much of it as `count`."""
    left = count
    while left > 0:
        messages = consumer.consume(min(BATCH, left), timeout=WAIT_S)
        if not messages:
            raise TimeoutError(f"no records within {WAIT_S:.0f} s, {left} to go")
        answer(messages, producer, bundle, target)
        left -= len(messages)
    return count


def answer(messages: Sequence[Message], producer: Producer, bundle: Bundle, target: str) -> None:
    """Score a batch and queue its results."""
    requests = [orjson.loads(message.value() or b"") for message in messages]
    probabilities = bundle.score(encode(bundle.signature, [request["features"] for request in requests]).matrix)
    labels = bundle.labels(probabilities)
    for message, request, p, label in zip(messages, requests, probabilities.tolist(), labels, strict=True):
        result = {
            "entity": request["entity"],
            "model": bundle.name,
            "model_version": bundle.version,
            "predictions": [1 - p, p],
            "risk_score": 100 * p,
            "label": label,
        }
        producer.produce(target, orjson.dumps(result), message.key())
    producer.poll(0)


if __name__ == "__main__":
    loop(Settings.read(os.environ), sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
