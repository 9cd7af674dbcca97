"""The gateway's routes, each bound to what it needs."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from schemas.errors import WeirError
from streams.gateway import answers
from streams.gateway.failures import Failures
from streams.gateway.feedback import feedback
from streams.gateway.health import Checks, healthz, metrics, readyz
from streams.gateway.keys import Administer, key_routes
from streams.gateway.pending import Replies, Sender
from streams.gateway.predict import predict
from streams.gateway.predictions import Predictions, prediction
from streams.gateway.quota import Peek, Quota
from streams.gateway.security import Clock, Guard, Keys, Observe, Shield
from streams.gateway.underway import Underway
from streams.gateway.unverified import Unverified
from streams.settings import Settings
from streams.topics import FEEDBACK, PREDICTION_REQUESTS


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
    more: Sequence[Route] = (),
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
        topic=settings.topic(FEEDBACK.name),
        producer=producer,
        clock_ms=clock_ms,
        within_s=settings.request_timeout_s,
    )
    routes = [
        Route("/predict", ask, methods=["POST"]),
        Route("/predictions/{request_id:path}", look_up),
        Route("/feedback", tell, methods=["POST"]),
        *key_routes(administer),
        *more,
        Route("/healthz", healthz),
        Route("/readyz", partial(readyz, checks=checks)),
        Route("/metrics", partial(metrics, text=metrics_text, public=settings.metrics_public)),
    ]
    public = {"/healthz", "/readyz"} | ({"/metrics"} if settings.metrics_public else set())
    failures = Failures(settings.auth_failures_per_minute)
    layers = [
        Middleware(Quota, peek=peek, clock=clock),
        Middleware(Shield, observe=observe),
        Middleware(Guard, keys=keys, clock=clock, public=public, failures=failures),
    ]
    app = Starlette(
        routes=routes,
        middleware=layers,
        exception_handlers={
            WeirError: answers.refuse,
            HTTPException: answers.http_error,
            ClientDisconnect: answers.gone,
        },
    )
    app.router.redirect_slashes = False
    return app
