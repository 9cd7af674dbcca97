"""A version that answers beside the champion: in bounded time, whatever it does in it."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import NamedTuple, TypeVar

from agents.aside import in_thread
from agents.trial import Outcome, Request, Timer, Trial, logged
from models.bundle import Bundle
from schemas.shadow import ShadowError

T = TypeVar("T")
Load = Callable[[], Bundle]

TRIAL_ROWS = 500
"""Scored in one go: what is in the same trial as a request that hangs may end without an answer too."""
LEFT_OUT_S, LONGEST_LEFT_OUT_S = 5.0, 300.0
CALM_S = 60.0
"""A version that times out within this after it was let in again is left out for twice as long."""
RETRY_S = 30.0
"""Until a bundle that could not be loaded is asked for again."""


class Patience(NamedTuple):
    """trial_s: for one trial. load_s: for a bundle to load, which goes on when that is over. batch_s: for one batch,
    after which no trial begins."""

    trial_s: float = 2.0
    load_s: float = 7.5
    batch_s: float = 15.0


class Challenger:
    """One version. Asking it raises nothing and takes no longer than `patience` says.

    load: called in a thread; may raise anything.
    """

    def __init__(self, name: str, load: Load, patience: Patience, timer: Timer = time.monotonic) -> None:
        self._name = name
        self._load = load
        self._patience = patience
        self._timer = timer
        self._loading: Future[Bundle] | None = None
        self._absent: tuple[ShadowError, float] | None = None
        self._running: Future[None] | None = None
        self._left_out_s = LEFT_OUT_S
        self._back_at = float("-inf")

    async def answers(self, requests: Sequence[Request]) -> list[Outcome]:
        """How each request ends, in order."""
        until = self._timer() + self._patience.batch_s
        outcomes: list[Outcome] = []
        for some in _in_trials(requests):
            if self._is_left_out() or self._timer() > until:
                outcomes += [ShadowError("skipped")] * len(some)
            else:
                outcomes += await self._try(some)
        return outcomes

    def is_busy(self) -> bool:
        """Whether it loads, runs, or is left out for having hung."""
        return self._is_left_out() or (self._loading is not None and not self._loading.done())

    def _is_left_out(self) -> bool:
        """Also for as long as a trial goes on that heeds no stop."""
        return self._timer() < self._back_at or (self._running is not None and not self._running.done())

    async def _try(self, requests: Sequence[Request]) -> list[Outcome]:
        bundle = await self._bundle()
        if isinstance(bundle, ShadowError):
            return [bundle] * len(requests)
        trial = Trial(self._name, bundle, requests, self._timer)
        self._running = in_thread(trial.run)
        try:
            if await _ends(self._running, self._patience.trial_s):
                return [outcome for outcome in trial.outcomes if outcome is not None]
        finally:
            trial.stop()
        self._leave_out()
        late = logged(self._name, "timeout", f"no answer in {self._patience.trial_s:g} s")
        return [outcome or late for outcome in list(trial.outcomes)]

    def _leave_out(self) -> None:
        now = self._timer()
        again = now - self._back_at < CALM_S
        self._left_out_s = min(2 * self._left_out_s, LONGEST_LEFT_OUT_S) if again else LEFT_OUT_S
        self._back_at = now + self._left_out_s

    async def _bundle(self) -> Bundle | ShadowError:
        """It, or why there is none. Waited for when it is asked for; afterwards it is there or not."""
        if self._absent is not None and self._timer() < self._absent[1]:
            return self._absent[0]
        if self._loading is None:
            self._loading = in_thread(self._load)
            await _ends(self._loading, self._patience.load_s)
        if not self._loading.done():
            return self._without(f"not loaded in {self._patience.load_s:g} s", LEFT_OUT_S)
        if (error := self._loading.exception()) is None:
            return self._loading.result()
        self._loading = None
        return self._without(str(error), RETRY_S)

    def _without(self, reason: str, for_s: float) -> ShadowError:
        error = logged(self._name, "unavailable", reason)
        self._absent = error, self._timer() + for_s
        return error


def _in_trials(requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    """Parts of TRIAL_ROWS rows at most, or of one request."""
    first, rows = 0, 0
    for place, request in enumerate(requests):
        if place > first and rows + len(request) > TRIAL_ROWS:
            yield requests[first:place]
            first, rows = place, 0
        rows += len(request)
    if requests:
        yield requests[first:]


async def _ends(future: "Future[T]", within_s: float) -> bool:
    wrapped = asyncio.wrap_future(future)
    wrapped.add_done_callback(_seen)
    await asyncio.wait([wrapped], timeout=within_s)
    return future.done()


def _seen(future: "asyncio.Future[T]") -> None:
    """What it raises is asked of the thread's own future."""
    if not future.cancelled():
        future.exception()
