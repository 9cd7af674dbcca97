"""Commands that nobody answers."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from schemas.errors import Unavailable
from schemas.message import Emission
from streams.commands import outcome_of
from streams.gateway.pending import Expected
from streams.requests import ReplyTo


class Unheard:
    """Takes every command; no reply ever comes."""

    def __init__(self) -> None:
        self.sent: list[Emission] = []

    async def send(self, emissions: Sequence[Emission]) -> None:
        self.sent += emissions

    @contextmanager
    def expect(self) -> Iterator[Expected]:
        yield Expected(ReplyTo(0, "token"), asyncio.get_running_loop().create_future())


async def test_whose_command_is_not_answered_is_told_to_look_before_it_is_repeated() -> None:
    """It may be carried out later: a canary's step given twice is two steps."""
    unheard = Unheard()
    with pytest.raises(Unavailable, match=r"may be later: .*`weir run control` runs, and look at .* before you repeat"):
        await outcome_of(unheard, unheard, lambda _: Emission("control-commands", None, b"{}", []), 0.05)
    assert len(unheard.sent) == 1
