"""A verb that is told to end."""

import os
import signal

import pytest

from streams.cli.ending import interruptible


def terminate_twice(cleared: list[str]) -> None:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        cleared.append("all")


def test_a_second_sigterm_does_not_end_what_the_first_one_has_begun() -> None:
    before, cleared = signal.getsignal(signal.SIGTERM), list[str]()
    with pytest.raises(KeyboardInterrupt), interruptible():
        terminate_twice(cleared)
    assert cleared == ["all"]
    assert signal.getsignal(signal.SIGTERM) == before
