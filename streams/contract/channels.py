"""What lies on each topic: its messages, their headers, who writes them and who reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from msgspec import Struct

from schemas import headers as h
from schemas.alerts import Alert
from schemas.control import Command, Outcome
from schemas.drift_events import DriftEvent
from schemas.drift_windows import DriftWindow
from schemas.events import AuditEvent, RoutingEvent
from schemas.feedback import Feedback
from schemas.keys import ApiKey
from schemas.labelled import LabelledPrediction
from schemas.outlier_events import OutlierEvent, OutlierRateEvent
from schemas.performance import ModelPerformance
from schemas.registry import RegistryEntry
from schemas.result import PredictionResult
from schemas.retraining import RetrainingJob
from schemas.routes import Route
from schemas.shadow import ShadowResult
from schemas.sketches import CellSketch, Tick
from streams import topics
from streams.contract.bodies import FeaturesAsk, RowsAsk
from streams.contract.operation import JSON, Form

MSGPACK = "application/msgpack"
VERSIONED = (h.SCHEMA_VERSION,)
SIGNED = (h.REQUEST_ID, h.KEY_ID, h.SIGNED_AT, h.SIGNATURE, h.SCHEMA_VERSION)
ANYONE = "producers"
"""Whoever has a key: upstream services, callers of the gateway by way of it, the command."""


class DeadLetter(Struct):
    """A record that could not be processed: why, where it lies, and its bytes, up to 256 KiB of them, in base64.

    attempt: how often it was tried. headers: those of the record that name its request; never its signature.
    """

    reason: str
    message: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    attempt: int
    size: int
    truncated: bool
    value: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic. headers: that each record has; may: that it may have. readers: roles beside those of the topology.

    is_internal: its form may change from one version to the next.
    """

    messages: Form
    writers: tuple[str, ...]
    about: str
    readers: tuple[str, ...] = ()
    headers: tuple[str, ...] = VERSIONED
    may: tuple[str, ...] = ()
    media: str = JSON
    is_internal: bool = False


ROUTED = ("gateway", "scorer", "control", "monitor", "trainer")
"""Who follows what is served."""

CHANNELS: Mapping[str, Channel] = {
    topics.PREDICTION_REQUESTS.name: Channel(
        (FeaturesAsk, RowsAsk), ("gateway", ANYONE),
        "What is to be scored. The record's key is the entity, which stands in for one that the body leaves out.",
        headers=SIGNED, may=(h.DEADLINE, h.REPLY_PARTITION, h.REPLY_INSTANCE, h.TRACEPARENT, h.API_KEY),
    ),
    topics.PREDICTION_RESULTS.name: Channel(
        PredictionResult, ("scorer",), "The one end of every request, with the features as scored.",
        headers=(*VERSIONED, h.REQUEST_ID), may=(h.TRACEPARENT, h.REPLY_INSTANCE, h.RATE_LIMIT),
    ),
    topics.PREDICTION_REPLIES.name: Channel(
        (PredictionResult, Outcome), ("scorer", "control"),
        "A second copy of a result, without features, for the gateway that waits for it, and how commands ended.",
        headers=(*VERSIONED, h.REPLY_INSTANCE), may=(h.REQUEST_ID, h.TRACEPARENT, h.RATE_LIMIT),
    ),
    topics.SHADOW_REQUESTS.name: Channel(
        PredictionResult, ("scorer",), "Results that other versions are to answer too.",
        headers=(*VERSIONED, h.REQUEST_ID, h.MIRRORED_TO), may=(h.TRACEPARENT,),
    ),
    topics.SHADOW_RESULTS.name: Channel(
        ShadowResult, ("shadow",), "What challengers answered beside the champion.",
        may=(h.REQUEST_ID, h.TRACEPARENT),
    ),
    topics.FEEDBACK.name: Channel(
        Feedback, ("gateway", ANYONE), "Ground truth. The record's key is the request id.", headers=SIGNED,
        may=(h.TRACEPARENT, h.API_KEY),
    ),
    topics.API_KEYS.name: Channel(
        ApiKey, ("gateway", "weir keys"),
        "The last state of each key: its hash, and its signing key, sealed. No value: forgotten.",
        ("gateway", "scorer", "control"), may=VERSIONED, headers=(),
    ),
    topics.CONTROL_COMMANDS.name: Channel(
        get_args(Command), ("gateway", "weir route", "weir models", "trainer"), "Changes of what is served.",
        headers=SIGNED, may=(h.DEADLINE, h.REPLY_PARTITION, h.REPLY_INSTANCE, h.TRACEPARENT),
    ),
    topics.MODEL_ROUTES.name: Channel(
        Route, ("control",), "The last state of each route, with its last changes.", ROUTED
    ),
    topics.MODEL_REGISTRY.name: Channel(
        RegistryEntry, ("control", "scorer"), "The last state of each version; scorers refuse a bad bundle.", ROUTED
    ),
    topics.ROUTING_EVENTS.name: Channel(
        RoutingEvent, ("control",), "What was found out about candidates.", ("analysts",)
    ),
    topics.AUDIT_EVENTS.name: Channel(
        AuditEvent, ("control", "gateway", "weir keys", "weir db forget"), "Who changed what, when and why.",
        ("auditors",), may=VERSIONED, headers=(),
    ),
    topics.DEAD_LETTERS.name: Channel(
        DeadLetter, ("scorer", "shadow", "sink", "control"), "Records that could not be processed.", ("operators",),
        headers=(),
    ),
    topics.FEATURE_SKETCHES.name: Channel(
        (CellSketch, Tick), ("monitor",), "How rows were distributed, and what time it is.", media=MSGPACK,
        is_internal=True,
    ),
    topics.DRIFT_EVENTS.name: Channel(
        DriftEvent, ("monitor",), "Drifts as they open, get worse and end.", ("gateway", "analysts")
    ),
    topics.DRIFT_WINDOWS.name: Channel(
        DriftWindow, ("monitor",), "What each window of a model version was judged to be.", ("analysts",)
    ),
    topics.OUTLIER_EVENTS.name: Channel(
        (OutlierEvent, OutlierRateEvent), ("monitor",), "Rows like none in training, and too many of them.",
        ("analysts",),
    ),
    topics.MONITOR_STATE.name: Channel(
        {"type": "string", "contentEncoding": "base64"}, ("monitor",), "What a monitor that is started again goes on "
        "from.", ("monitor",), media=MSGPACK, is_internal=True,
    ),
    topics.ALERTS.name: Channel(
        Alert, ("monitor",), "Steps of drifts that somebody is to act on, in a sentence.", ("monitor", "operators")
    ),
    topics.LABELLED_PREDICTIONS.name: Channel(
        LabelledPrediction, ("sink",), "Answers whose truth is known.", ("trainer", "analysts")
    ),
    topics.MODEL_PERFORMANCE.name: Channel(
        ModelPerformance, ("monitor",), "How good a version's answers were.", ("analysts",)
    ),
    topics.RETRAINING_JOBS.name: Channel(
        RetrainingJob, ("trainer", "weir retrain"), "A retraining from its cause to its end.", ("operators",)
    ),
}  # fmt: skip
"""By the topic's name, without the prefix that a platform may put in front."""
