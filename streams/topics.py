"""Every topic, declared once, and the commands that make and check them."""

import logging
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from infra.bootstrap import await_listener
from infra.kafka import ADVICE, client_options
from schemas.errors import BadSettings, Unavailable
from schemas.wire import MAX_RECORD_BYTES
from streams.producer import BATCH_BYTES
from streams.settings import Settings
from streams.topic_config import MAX_MESSAGE, differing, scattered, smaller

log = logging.getLogger("weir.topics")

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: what it is keyed by, and how long it keeps what.

    retention_ms: None for a compacted topic, which keeps each key's last record. ordered: the order of all its records
    counts, not of one key's only.
    """

    name: str
    key: str
    partitions: int
    retention_ms: int | None
    config: Mapping[str, str] = field(default_factory=dict)
    ordered: bool = False

    def configuration(self) -> dict[str, str]:
        """The topic's settings on the broker."""
        if self.retention_ms is None:
            policy = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"}
        else:
            policy = {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}
        return {**policy, MAX_MESSAGE: str(MAX_RECORD_BYTES), **self.config}


# The five-minute rule of signatures holds against the broker's clock: a producer could write any time of its own.
SIGNED = {"message.timestamp.type": "LogAppendTime"}

PREDICTION_REQUESTS = Topic("prediction-requests", "entity", 6, 7 * DAY_MS, SIGNED)
PREDICTION_RESULTS = Topic("prediction-results", "entity", 6, 7 * DAY_MS)
PREDICTION_REPLIES = Topic("prediction-replies", "none: the partition is named", 12, 10 * 60 * 1000)
FEEDBACK = Topic("feedback", "request id", 3, 30 * DAY_MS, SIGNED)
API_KEYS = Topic("api-keys", "key id", 1, None, ordered=True)
CONTROL_COMMANDS = Topic("control-commands", "model", 1, 30 * DAY_MS, SIGNED, ordered=True)
MODEL_ROUTES = Topic("model-routes", "model", 1, None, ordered=True)
MODEL_REGISTRY = Topic("model-registry", "model/version", 1, None, ordered=True)
ROUTING_EVENTS = Topic("routing-events", "model", 1, 30 * DAY_MS)
SHADOW_REQUESTS = Topic("shadow-requests", "entity", 6, 7 * DAY_MS)
SHADOW_RESULTS = Topic("shadow-results", "entity", 6, 7 * DAY_MS)
LABELLED_PREDICTIONS = Topic("labelled-predictions", "entity", 1, 30 * DAY_MS, ordered=True)
MODEL_PERFORMANCE = Topic("model-performance", "model/version", 1, 30 * DAY_MS)
FEATURE_SKETCHES = Topic("feature-sketches", "model/version", 3, 7 * DAY_MS)
DRIFT_EVENTS = Topic("drift-events", "model:feature", 3, 30 * DAY_MS)
DRIFT_WINDOWS = Topic("drift-windows", "model/version", 1, 30 * DAY_MS)
OUTLIER_EVENTS = Topic("outlier-events", "entity", 3, 30 * DAY_MS)
# What a restart reads whole: only segments that are closed are compacted.
MONITOR_STATE = Topic("monitor-state", "model/version", 1, None, {"segment.bytes": str(32 * 1024 * 1024)})
ALERTS = Topic("alerts", "model:feature", 1, 30 * DAY_MS)
RETRAINING_JOBS = Topic("retraining-jobs", "model", 1, 365 * DAY_MS)
AUDIT_EVENTS = Topic("audit-events", "actor", 1, 365 * DAY_MS)
DEAD_LETTERS = Topic("dead-letters", "the original record's", 3, 30 * DAY_MS)

TOPICS = (
    PREDICTION_REQUESTS, PREDICTION_RESULTS, PREDICTION_REPLIES, SHADOW_REQUESTS, SHADOW_RESULTS, FEEDBACK,
    API_KEYS, CONTROL_COMMANDS, MODEL_ROUTES, MODEL_REGISTRY, ROUTING_EVENTS, AUDIT_EVENTS, DEAD_LETTERS,
    FEATURE_SKETCHES, DRIFT_EVENTS, DRIFT_WINDOWS, OUTLIER_EVENTS, MONITOR_STATE, ALERTS,
    LABELLED_PREDICTIONS, MODEL_PERFORMANCE, RETRAINING_JOBS,
)  # fmt: skip

TAKEN_BYTES = {
    PREDICTION_RESULTS.name: MAX_RECORD_BYTES,
    PREDICTION_REPLIES.name: MAX_RECORD_BYTES,
    SHADOW_REQUESTS.name: MAX_RECORD_BYTES,
    SHADOW_RESULTS.name: MAX_RECORD_BYTES,
    DEAD_LETTERS.name: BATCH_BYTES,
}
"""What these must take: a record that they refuse would end its worker, again and again."""

PATIENCE_S = 30.0


def create_topics(settings: Settings) -> list[str]:
    """Create the topics that do not exist and return their names. Raises Unavailable, BadSettings."""
    await_listener(settings.kafka_bootstrap_servers)
    admin = _admin(settings)
    existing = _partitions(admin)
    missing = [topic for topic in TOPICS if settings.topic(topic.name) not in existing]
    if settings.kafka_cluster_id:  # the wheel broker knows no creation: what is asked for comes to be
        return [_ask_for(admin, settings.topic(topic.name)) for topic in missing]
    new = [
        NewTopic(
            settings.topic(topic.name),
            topic.partitions,
            settings.topic_replication,
            config=topic.configuration(),
        )
        for topic in missing
    ]
    asked = admin.create_topics(new, request_timeout=PATIENCE_S) if new else {}
    created = [name for name, future in asked.items() if _came_to_be(name, future)]
    _await_sight(admin, set(asked))
    return created


def check_topics(settings: Settings, topics: Sequence[Topic] = TOPICS) -> dict[str, int]:
    """Partition counts of the topics. Raises BadSettings naming every one that is missing or kept otherwise than
    it must be, or too small for what it gets; warns of others that take smaller records than declared."""
    await_listener(settings.kafka_bootstrap_servers)
    admin = _admin(settings)
    existing = _partitions(admin)
    names = [settings.topic(topic.name) for topic in topics]
    missing = [name for name in names if name not in existing]
    if missing:
        raise BadSettings(f"topics are missing: {', '.join(missing)}; run `weir topics create`")
    # The wheel broker tells no settings, and counts partitions as it likes.
    wrong = [] if settings.kafka_cluster_id else _deviations(admin, settings, topics, existing)
    if wrong:
        raise BadSettings("topics are not as they must be:\n" + "\n".join(f"  {line}" for line in wrong))
    return {name: existing[name] for name in names}


def _deviations(
    admin: AdminClient, settings: Settings, topics: Sequence[Topic], partitions: Mapping[str, int]
) -> list[str]:
    """For each topic that is not as declared: in what, and how to put it right."""
    asked = {ConfigResource(ConfigResource.Type.TOPIC, settings.topic(topic.name)): topic for topic in topics}
    answers = admin.describe_configs(list(asked), request_timeout=PATIENCE_S)
    wrong = []
    for resource, topic in asked.items():
        name, declared = resource.name, topic.configuration()
        found = _configuration(name, answers[resource])
        wrong += scattered(name, partitions[name]) if topic.ordered else []
        wrong += differing(name, found, declared)
        for advice in smaller(name, found, declared):
            if int(found[MAX_MESSAGE]) < TAKEN_BYTES.get(topic.name, 0):
                wrong.append(advice)
            else:
                log.warning("%s", advice)
    return wrong


def _configuration(name: str, future: Any) -> dict[str, str]:
    try:
        return {key: entry.value for key, entry in future.result(PATIENCE_S).items()}
    except (KafkaException, TimeoutError) as error:
        raise Unavailable("kafka", f"topic {name} tells no settings ({error}); allow DescribeConfigs") from error


def log_ids(settings: Settings, topics: Sequence[Topic] = TOPICS) -> dict[str, str]:
    """The identity of each topic's log: a topic deleted and made again counts its offsets from 0 again, so
    what is remembered by offset is remembered under this."""
    names = [settings.topic(topic.name) for topic in topics]
    if settings.kafka_cluster_id:
        return {name: f"{settings.kafka_cluster_id}:{name}" for name in names}
    admin = _admin(settings)  # held until it has answered: its end breaks its futures
    described = admin.describe_topics(TopicCollection(names), request_timeout=PATIENCE_S)
    return {name: _topic_id(name, future) for name, future in described.items()}


def _topic_id(name: str, future: Any) -> str:
    try:
        return str(future.result(PATIENCE_S).topic_id)
    except (KafkaException, TimeoutError) as error:
        # Another identity in its place would make every decision and position of this log forgotten.
        raise Unavailable("kafka", f"topic {name} does not tell its id; see `weir topics check`") from error


def _admin(settings: Settings) -> AdminClient:
    # What fails here is raised; the library would also print it beside the JSON lines of a worker's log.
    return AdminClient({**client_options(settings), "log_level": 2})


def _partitions(admin: AdminClient) -> dict[str, int]:
    try:
        metadata: Any = admin.list_topics(timeout=PATIENCE_S)
    except KafkaException as error:
        raise Unavailable("kafka", f"the broker tells no topics ({error.args[0].str()}); {ADVICE}") from error
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def _ask_for(admin: AdminClient, name: str) -> str:
    admin.list_topics(name, timeout=PATIENCE_S)
    return name


def _came_to_be(name: str, future: Any) -> bool:
    """Whether it is ours; False where another made it meanwhile."""
    try:
        future.result(PATIENCE_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise BadSettings(f"topic {name} cannot be created: {error.args[0].str()}") from error
    return True


def _await_sight(admin: AdminClient, names: Set[str]) -> None:
    """A topic exists at the controller first, and in what brokers tell clients a moment later."""
    deadline = monotonic() + PATIENCE_S
    while unseen := names - _partitions(admin).keys():
        if monotonic() > deadline:
            raise Unavailable("kafka", f"brokers do not show {', '.join(sorted(unseen))} yet; see `weir topics check`")
        sleep(0.02)
