"""The whole pipeline on one page: which topic each role reads, what happens to a batch, and what it is given.

prediction-requests --scorer--> prediction-results, prediction-replies, shadow-requests, dead-letters
shadow-requests     --shadow--> shadow-results, dead-letters
prediction-results  --sink----> Postgres, dead-letters
shadow-results      --sink----> Postgres, dead-letters
feedback            --sink----> Postgres, dead-letters        (both met there: labelled-predictions, by an outbox)
drift-events, drift-windows, outlier-events, model-performance --sink--> Postgres, dead-letters
api-keys            --sink----> Postgres, dead-letters        (scorer, sink, control and gateway follow it, as a view)
control-commands    --control-> model-routes, model-registry, audit-events, routing-events, prediction-replies
prediction-results  --monitor-> feature-sketches --monitor-> drift-events, drift-windows, monitor-state
prediction-results  --monitor-> outlier-events
labelled-predictions --monitor-> model-performance, drift-events, monitor-state
drift-events        --monitor-> alerts               (and on to a webhook, by a group of its own)
model-routes                    (scorer and gateway follow it, as a view)
retraining-jobs                 (told by `weir retrain`, which the trainer starts as it finds a cause in Postgres)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from agents.answer import Scorer
from agents.challenger import Patience
from agents.control import Controller, ControlOutlets
from agents.ending import Outlets
from agents.persist import persist_keys, persist_labels, persist_results
from agents.persist_events import Read, persist_events
from agents.persist_shadows import persist_shadows
from agents.ports import (
    Clock,
    CommandRing,
    ControlStore,
    Counters,
    Evidence,
    KeyRing,
    Limiter,
    ModelStore,
    Router,
    Store,
)
from agents.shadow import Load, Shadow
from schemas.dead_letter import dead_letter
from schemas.drift_events import read_drift
from schemas.drift_windows import read_window
from schemas.message import Emission, Record
from schemas.outlier_events import read_outlier
from schemas.performance import read_performance
from streams.loops import Stage
from streams.settings import Settings
from streams.topics import (
    API_KEYS,
    AUDIT_EVENTS,
    CONTROL_COMMANDS,
    DEAD_LETTERS,
    DRIFT_EVENTS,
    DRIFT_WINDOWS,
    FEATURE_SKETCHES,
    FEEDBACK,
    LABELLED_PREDICTIONS,
    MODEL_PERFORMANCE,
    MODEL_REGISTRY,
    MODEL_ROUTES,
    OUTLIER_EVENTS,
    PREDICTION_REPLIES,
    PREDICTION_REQUESTS,
    PREDICTION_RESULTS,
    ROUTING_EVENTS,
    SHADOW_REQUESTS,
    SHADOW_RESULTS,
    TOPICS,
    Topic,
)

GiveUp = Callable[[Record, int, str], Sequence[Emission]]
"""The emissions in place of a record that keeps crashing: (record, attempts, error id)."""

TOLD: Sequence[tuple[Topic, Read]] = (
    (DRIFT_EVENTS, read_drift),
    (DRIFT_WINDOWS, read_window),
    (OUTLIER_EVENTS, read_outlier),
    (MODEL_PERFORMANCE, read_performance),
)
"""What the monitor tells, and how its messages are read."""

READS = {
    "gateway": (PREDICTION_REPLIES, API_KEYS),
    "scorer": (PREDICTION_REQUESTS,),
    "shadow": (SHADOW_REQUESTS,),
    "sink": (PREDICTION_RESULTS, SHADOW_RESULTS, FEEDBACK, API_KEYS, *(topic for topic, _ in TOLD)),
    "control": (CONTROL_COMMANDS,),
    "monitor": (PREDICTION_RESULTS, FEATURE_SKETCHES, LABELLED_PREDICTIONS, DRIFT_EVENTS),
}
"""Role -> topics it reads; the roles that exist."""

PATIENT = {"scorer": (SHADOW_REQUESTS,)}
"""Role -> topics that it writes and nobody waits for."""

ROLES = tuple(READS)
TRAINER = "trainer"
"""A role without a consumer group, started where one is wanted: learning takes a core for a minute and more."""
WORKERS = {role: topics for role, topics in READS.items() if role != "gateway"}
"""Those whose partitions a consumer group shares out."""


@dataclass(frozen=True, slots=True)
class Step:
    """A topic, the stage that its batches go through, and what becomes of a record that crashes it."""

    topic: Topic
    stage: Stage
    give_up: GiveUp


def scorer(
    settings: Settings,
    *,
    keys: KeyRing,
    limiter: Limiter,
    router: Router,
    clock: Clock,
    counters: Counters,
    replies: int,
) -> list[Step]:
    """The steps of the scorer; `replies`: partitions of the replies topic."""
    outlets = Outlets(
        settings.topic(PREDICTION_RESULTS.name),
        settings.topic(PREDICTION_REPLIES.name),
        settings.topic(DEAD_LETTERS.name),
        replies,
        settings.topic(SHADOW_REQUESTS.name),
    )
    stage = Scorer(keys, limiter, router, clock, counters, outlets, settings.outliers_in_answers)
    return [Step(PREDICTION_REQUESTS, stage, stage.give_up)]


def shadow(settings: Settings, *, load: Load, clock: Clock, counters: Counters) -> list[Step]:
    """The step of the shadow agent, whose waits end before a batch's time does."""
    quarter_s = settings.batch_timeout_s / 4
    dead_letters = settings.topic(DEAD_LETTERS.name)
    stage = Shadow(
        load=load,
        patience=Patience(min(settings.shadow_budget_s, quarter_s), load_s=quarter_s, batch_s=2 * quarter_s),
        clock=clock,
        counters=counters,
        results=settings.topic(SHADOW_RESULTS.name),
        dead_letters=dead_letters,
        max_age_s=settings.shadow_max_age_s,
    )
    return [Step(SHADOW_REQUESTS, stage, partial(_bury, dead_letters, counters))]


def sink(settings: Settings, *, keys: KeyRing, store: Store, counters: Counters) -> list[Step]:
    """The steps of the sink."""
    dead_letters = settings.topic(DEAD_LETTERS.name)
    given: dict[str, Any] = {"store": store, "counters": counters, "dead_letters": dead_letters}
    stages: list[tuple[Topic, Stage]] = [
        (PREDICTION_RESULTS, partial(persist_results, **given)),
        (FEEDBACK, partial(persist_labels, keys=keys, **given)),
        (SHADOW_RESULTS, partial(persist_shadows, **given)),
        (API_KEYS, partial(persist_keys, **given)),
        *((topic, partial(persist_events, read=read, **given)) for topic, read in TOLD),
    ]
    bury = partial(_bury, dead_letters, counters)
    return [Step(topic, stage, bury) for topic, stage in stages]


def control(
    settings: Settings,
    *,
    keys: CommandRing,
    store: ControlStore,
    models: ModelStore,
    evidence: Evidence,
    clock: Clock,
    counters: Counters,
    replies: int,
) -> list[Step]:
    """The step of the control agent; `replies`: partitions of the replies topic."""
    outlets = ControlOutlets(
        routes=settings.topic(MODEL_ROUTES.name),
        registry=settings.topic(MODEL_REGISTRY.name),
        audit=settings.topic(AUDIT_EVENTS.name),
        events=settings.topic(ROUTING_EVENTS.name),
        replies=settings.topic(PREDICTION_REPLIES.name),
        dead_letters=settings.topic(DEAD_LETTERS.name),
        reply_partitions=replies,
    )
    stage = Controller(keys, store, models, evidence, clock, counters, outlets)
    return [Step(CONTROL_COMMANDS, stage, stage.give_up)]


def needed_topics(role: str) -> Sequence[Topic]:
    """The topics that must exist before a role starts: it may write to any."""
    return TOPICS if role in READS else ()


def _bury(dead_letters: str, counters: Counters, record: Record, attempts: int, error_id: str) -> list[Emission]:
    counters.dead_letters("crashed", 1)
    return [dead_letter(dead_letters, record, "crashed", f"error {error_id}", attempt=attempts)]
