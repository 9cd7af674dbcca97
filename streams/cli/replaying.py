"""A replay that its operator can follow and end."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from functools import partial
from typing import Protocol

from agents.aside import in_thread
from agents.replay import Replay
from agents.versus import Flip
from schemas.recorded import Recorded

LOOK_EVERY = 1000
ENDS_WITHIN_S = 1.0


class Records(Protocol):
    """What is read, an `infra.window.Window`. read: how many records were."""

    @property
    def read(self) -> int: ...
    def values(self) -> Iterator[bytes | None]: ...


def followed(found: Records, progressed: Callable[[int], object]) -> Iterator[bytes | None]:
    """The values, and word of how many were read while whoever wants them passes many over."""
    told = 0
    for value in found.values():
        if found.read >= told + LOOK_EVERY:
            told = found.read
            progressed(told)
        yield value


def answered_aside(candidate: Replay, batch: Sequence[Recorded]) -> list[Flip]:
    """The batch's flips. Ctrl-C is heard while the model runs, which hears nothing itself."""
    running = in_thread(partial(candidate.add, batch))
    try:
        return running.result()
    except KeyboardInterrupt:
        candidate.stop()
        wait([running], ENDS_WITHIN_S)
        raise
