"""A circuit breaker for Redis: after a failure it is left alone for a while, then one call tries it again."""

import logging
import time

REOPEN_S = 1.0
"""How long Redis is left alone after a failure."""

_log = logging.getLogger("weir.rate_limit")


class Breaker:
    """Whether Redis is asked."""

    def __init__(self) -> None:
        self._ask_again_at = 0.0
        self.degraded = False
        """Whether the last call found no answer."""

    def lets_through(self) -> bool:
        """Whether Redis may be asked now."""
        return time.monotonic() >= self._ask_again_at

    def failed(self, error: Exception) -> None:
        """Redis had no answer."""
        self._ask_again_at = time.monotonic() + REOPEN_S
        if not self.degraded:
            _log.warning("rate limits are decided locally until Redis answers again: %r", error)
            self.degraded = True

    def answered(self) -> None:
        """Redis has answered."""
        if self.degraded:
            _log.warning("Redis answers again: it decides rate limits")
            self.degraded = False
