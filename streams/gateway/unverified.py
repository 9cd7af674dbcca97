"""Requests that this gateway let in and signed, and that a scorer refused as unauthorized."""

import logging
from collections.abc import Callable
from time import monotonic

from starlette.requests import Request
from starlette.responses import Response

from schemas.keys import Credential
from streams.gateway.answers import RETRY_AFTER_S, error_response, unauthorized
from streams.gateway.security import Clock, Keys

log = logging.getLogger("weir.gateway")

LOGGED_EVERY_S = 60.0


class Unverified:
    """Answers their callers, who need no other key, and tells the operator, once a minute at most."""

    def __init__(self, keys: Keys, clock: Clock, now: Callable[[], float] = monotonic) -> None:
        self._keys = keys
        self._clock = clock
        self._now = now
        self._count = 0
        self._silent_until = 0.0

    def answer(self, request: Request, request_id: str) -> Response:
        """401 where the key has ended meanwhile. Else 503: a clock is off, or the scorer does not know the key yet."""
        current = self._keys.by_api_key(request.headers["X-API-Key"])
        if current is None or not current.key.is_valid_at(self._clock()):
            return unauthorized(request_id)
        self._tell(current, request_id)
        message = "the request could not be verified, which is not for your key: retry shortly with the same request id"
        headers = {"X-Request-Id": request_id, "Retry-After": str(RETRY_AFTER_S)}
        return error_response(503, "unavailable", message, request_id=request_id, headers=headers)

    def _tell(self, credential: Credential, request_id: str) -> None:
        self._count += 1
        if self._now() < self._silent_until:
            return
        self._silent_until = self._now() + LOGGED_EVERY_S
        log.warning(
            "scorers refuse as unauthorized what this gateway signed: is its clock the broker's, do all processes "
            "share TOPIC_PREFIX and WEIR_MASTER_SECRET, and do the scorers follow api-keys (view_staleness_seconds)?",
            extra={"data": {"request_id": request_id, "key_id": credential.key.key_id, "refused": self._count}},
        )
        self._count = 0
