"""The routes of predictions and of ground truth."""

from typing import Any

from schemas.feedback import Feedback
from streams.contract.bodies import (
    Accepted,
    Error,
    Features,
    FeaturesAsk,
    LabelAccepted,
    LabelsAccepted,
    Pending,
    RowsAsk,
)
from streams.contract.common import IDENTITY, NONE, OF_BODIES, TEXT, guarded
from streams.contract.operation import JSON, Answer, Body, Operation, Parameter
from streams.contract.route_bodies import Answered, Prediction

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
FEATURES: dict[str, Any] = {"customer_age_days": 541, "total_orders": 14, "favorite_category": "clothing"}
SCORED: dict[str, Any] = {
    "request_id": "order-17",
    "entity": "c-42",
    "status": "ok",
    "model": "churn",
    "model_version": "v1",
    "strategy": "champion",
    "arm": "champion",
    "route_epoch": 1,
    "predictions": [0.75, 0.25],
    "churn_probability": 0.25,
    "risk_score": 25.0,
    "label": 0,
    "degraded": False,
    "latency_ms": 4,
    "requested_at": "2026-11-27T09:00:00.000+00:00",
    "scored_at": "2026-11-27T09:00:00.004+00:00",
    "schema_version": 1,
}

PREDICT = Operation(
    "POST",
    "/predict",
    "predict",
    "predictions",
    "Scores features",
    "predict",
    guarded(
        "predict",
        *OF_BODIES,
        Answer(200, "The result.", Answered, ("X-Request-Id",), example=SCORED),
        Answer(
            202,
            "With `Prefer: respond-async`: its result is to be asked for.",
            Accepted,
            ("X-Request-Id", "Location", "Preference-Applied"),
            example={"request_id": "order-17", "status": "accepted", "location": "/predictions/order-17"},
        ),
        Answer(403, "`forbidden`: the key lacks the permission `predict`.", Error, may=("X-Request-Id",)),
        Answer(
            413,
            "`too_large`: the body exceeds 1 MiB; `too_many_rows`: more rows than the key's bucket ever holds.",
            Error,
            may=("X-Request-Id",),
        ),
        Answer(422, "Something is not as it must be: `fields` names each.", Error, may=("X-Request-Id",)),
        Answer(
            429,
            "`rate_limited`: the key's limit is used up; `too_many_failures`: no valid key came from this address too "
            "often.",
            Error,
            may=("X-Request-Id", "Retry-After"),
        ),
        Answer(500, "A bug; the log has the `error_id`.", Error, may=("X-Request-Id",)),
        Answer(
            503,
            "What it needs is away, too many ask at once, or a scorer could not verify it: retry with the same request "
            "id.",
            Error,
            ("Retry-After",),
            ("X-Request-Id",),
        ),
        Answer(
            504,
            "`no_reply`: no result in time, it may still come; `expired`: the deadline passed before it was scored.",
            Error,
            ("X-Request-Id",),
        ),
    ),
    headers=(
        *IDENTITY,
        Parameter("X-Entity-Id", TEXT, "The entity where the body names none; the request id otherwise."),
        Parameter("X-Explain", {"enum": ["true", "false"]}, "Whether bare features shall be explained."),
        Parameter(
            "X-Timeout-Ms",
            {"type": "integer", "minimum": 1, "maximum": 999_999_999_999},
            "How long to wait, which is the request's deadline too.",
        ),
        Parameter("Prefer", TEXT, "`respond-async`: do not wait, 202 comes at once."),
        Parameter("traceparent", TEXT, "W3C trace context, carried through; passed over where it is none."),
    ),
    body=Body(
        {JSON: (FeaturesAsk, RowsAsk, Features)},
        {JSON: {"entity": "c-42", "model": "churn", "features": FEATURES}},
    ),
    about="The body is one row of features, several under `rows`, or the bare features. Each row costs a token.",
)

LOOK_UP = Operation(
    "GET",
    "/predictions/{request_id:path}",
    "getPrediction",
    "predictions",
    "The stored result of one's own request",
    "predict",
    guarded(
        "predict",
        Answer(200, "How the request ended; its `status` tells, be it good or bad.", Prediction, example=SCORED),
        Answer(
            202, "It is still to come.", Pending, ("Retry-After",), example={"request_id": "a", "status": "pending"}
        ),
        NONE,
    ),
    about="What a key asked for is its successors' and predecessors' too. An id may hold `/`, as it is or as %2F.",
)

FEEDBACK = Operation(
    "POST",
    "/feedback",
    "tellTruth",
    "feedback",
    "Takes ground truth, one label or many",
    "predict",
    guarded(
        "predict",
        *OF_BODIES,
        Answer(
            202,
            "The broker has it: one label, or of many those that are some.",
            (LabelAccepted, LabelsAccepted),
            example={"request_id": "order-17", "status": "accepted"},
        ),
        Answer(422, "`fields` names what is not as it must be; of many, of which none is a label, `refused`.", Error),
    ),
    body=Body(
        {JSON: Feedback} | {media: TEXT for media in NDJSON},
        {JSON: {"request_id": "order-17", "label": 1}}
        | {
            media: '{"request_id": "order-17", "label": 1}\n{"request_id": "order-18", "label": 0}\n'
            for media in NDJSON
        },
    ),
    about="Many labels go as lines of JSON, at most 5000, each as a single one is.",
)

OPERATIONS = (PREDICT, LOOK_UP, FEEDBACK)
