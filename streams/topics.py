"""Every topic, declared once, and the commands that make and check them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from infra.kafka import client_options
from schemas.errors import BadSettings, Unavailable
from streams.settings import Settings

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: what it is keyed by, and how long it keeps what.

    retention_ms: None for a compacted topic, which keeps each key's last record.
    """

    name: str
    key: str
    partitions: int
    retention_ms: int | None
    config: Mapping[str, str] = field(default_factory=dict)

    def configuration(self) -> dict[str, str]:
        """The topic's settings on the broker."""
        if self.retention_ms is None:
            policy = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"}
        else:
            policy = {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}
        return {**policy, "max.message.bytes": str(4 * 1024 * 1024), **self.config}


PREDICTION_REQUESTS = Topic("prediction-requests", "entity", 6, 7 * DAY_MS)
PREDICTION_RESULTS = Topic("prediction-results", "entity", 6, 7 * DAY_MS)
PREDICTION_REPLIES = Topic("prediction-replies", "none: the partition is named", 12, 10 * 60 * 1000)
FEEDBACK = Topic("feedback", "request id", 3, 30 * DAY_MS)
API_KEYS = Topic("api-keys", "key id", 1, None)
DEAD_LETTERS = Topic("dead-letters", "the original record's", 3, 30 * DAY_MS)

TOPICS = (PREDICTION_REQUESTS, PREDICTION_RESULTS, PREDICTION_REPLIES, FEEDBACK, API_KEYS, DEAD_LETTERS)
