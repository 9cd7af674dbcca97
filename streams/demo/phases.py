"""What each phase of the demo took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Say = Callable[[str], None]


@dataclass(slots=True)
class Phases:
    """Seconds by phase, in order. say: gets one line per step."""

    say: Say
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - begun, 2)

    def step(self, name: str, work: Callable[[], str]) -> None:
        """A phase that says what it did."""
        with self.phase(name):
            what = work()
        self.say(f"{name:<9} {what} ({self.seconds[name]:.1f} s)")
