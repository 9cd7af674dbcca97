"""The gateway's routes, each bound to what it needs."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect

from schemas.errors import WeirError
from streams.contract.operation import Endpoints
from streams.contract.predicting import FEEDBACK, LOOK_UP, PREDICT
from streams.contract.watching import HEALTHZ, METRICS, READYZ
from streams.gateway import answers
from streams.gateway.failures import Failures
from streams.gateway.feedback import feedback
from streams.gateway.health import Checks, healthz, metrics, readyz
from streams.gateway.keys import Administer, key_routes
from streams.gateway.pending import Replies, Sender
from streams.gateway.predict import predict
from streams.gateway.predictions import Predictions, prediction
from streams.gateway.quota import Peek, Quota
from streams.gateway.reference import reference_routes
from streams.gateway.security import Clock, Guard, Keys, Observe, Shield
from streams.gateway.underway import Underway
from streams.gateway.unverified import Unverified
from streams.settings import Settings
from streams.topics import FEEDBACK as LABELS
from streams.topics import PREDICTION_REQUESTS

NO_MORE: Endpoints = {}


def create_app(
    settings: Settings,
    *,
    keys: Keys,
    producer: Sender,
    replies: Replies,
    predictions: Predictions,
    administer: Administer,
    checks: Checks,
    metrics_text: Callable[[], bytes],
    more: Endpoints = NO_MORE,
    peek: Peek | None = None,
    clock: Clock = lambda: datetime.now(UTC),
    observe: Observe = lambda route, status, seconds: None,
) -> Starlette:
    """The gateway over these things; nothing is connected here.

    more: further routes. peek: None where limits are switched off.
    """
    underway = Underway()

    def clock_ms() -> int:
        return int(clock().timestamp() * 1000)

    ask = partial(
        predict,
        topic=settings.topic(PREDICTION_REQUESTS.name),
        producer=producer,
        replies=replies,
        underway=underway,
        unverified=Unverified(keys, clock),
        clock_ms=clock_ms,
        longest_wait_s=settings.request_timeout_s,
    )
    look_up = partial(prediction, predictions=predictions, underway=underway, keys=keys)
    tell = partial(
        feedback,
        topic=settings.topic(LABELS.name),
        producer=producer,
        clock_ms=clock_ms,
        within_s=settings.request_timeout_s,
    )
    endpoints: Endpoints = {
        PREDICT: ask,
        LOOK_UP: look_up,
        FEEDBACK: tell,
        **key_routes(administer),
        **more,
        HEALTHZ: healthz,
        READYZ: partial(readyz, checks=checks),
        METRICS: partial(metrics, text=metrics_text, public=settings.metrics_public),
    }
    endpoints = {**endpoints, **reference_routes(endpoints)}
    public = {operation.path for operation in endpoints if operation.permission is None}
    public |= {METRICS.path} if settings.metrics_public else set()
    failures = Failures(settings.auth_failures_per_minute)
    layers = [
        Middleware(Quota, peek=peek, clock=clock),
        Middleware(Shield, observe=observe),
        Middleware(Guard, keys=keys, clock=clock, public=public, failures=failures),
    ]
    app = Starlette(
        routes=[operation.route(endpoint) for operation, endpoint in endpoints.items()],
        middleware=layers,
        exception_handlers={
            WeirError: answers.refuse,
            HTTPException: answers.http_error,
            ClientDisconnect: answers.gone,
        },
    )
    app.router.redirect_slashes = False
    return app
