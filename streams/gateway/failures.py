"""Callers who guess: how often a source showed a key that is not valid."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

WINDOW_S = 60.0
SOURCES = 10_000
"""Sources remembered at once; the one that failed longest ago makes room."""


class Failures:
    """Counts failures by source, in windows that begin with a source's first one.

    most: of one source within a window, before it is put off.
    """

    def __init__(
        self,
        most: int,
        window_s: float = WINDOW_S,
        sources: int = SOURCES,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._most = most
        self._window_s = window_s
        self._sources = sources
        self._now = now
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def add(self, source: str) -> int:
        """Count one failure; 0, or the seconds after which the source is answered again where it failed too often."""
        now = self._now()
        began, count = self._windows.pop(source, (now, 0))
        if now - began >= self._window_s:
            began, count = now, 0
        self._windows[source] = (began, count + 1)
        if len(self._windows) > self._sources:
            self._windows.popitem(last=False)
        return 0 if count < self._most else max(1, round(began + self._window_s - now))
