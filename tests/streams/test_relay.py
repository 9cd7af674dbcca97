"""The relay takes out of the outbox what is delivered, and nothing else."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from infra.database.labelled import Outgoing
from schemas.errors import Unavailable
from schemas.labelled import read_labelled
from schemas.message import Emission
from streams import relay
from streams.relay import Relay

SERIES = UUID(int=7)


def outgoing(number: int) -> Outgoing:
    moment = "2026-03-01T12:30:00.123456+00:00"
    message = {"request_id": f"r-{number}", "row": 0, "entity": "c-1", "model": "m", "model_version": "v1"}
    answer = {"role": "served", "probability": 0.7, "predicted": "1", "label": 0, "former_label": None}
    times = {"label_source": "crm", "labelled_at": moment, "requested_at": moment, "scored_at": moment}
    return Outgoing(number, SERIES, number, {**message, **answer, **times})


@dataclass
class FakeOutbox:
    """Holds messages; is away the first times that it is told."""

    held: list[Outgoing]
    away: int = 0
    emptied: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, most: int) -> Sequence[Outgoing]:
        if self.away:
            self.away -= 1
            raise Unavailable("postgres", "is away")
        return self.held[:most]

    async def delivered(self, sent: Sequence[Outgoing]) -> None:
        self.held = [each for each in self.held if each not in sent]
        if not self.held:
            self.emptied.set()


@dataclass
class FakeSender:
    """Delivers all but what it refuses at first."""

    refusals: int = 0
    delivered: list[Emission] = field(default_factory=list)

    def send(self, emissions: Sequence[Emission]) -> Awaitable[None]:
        return self._send(emissions)

    async def _send(self, emissions: Sequence[Emission]) -> None:
        self.delivered += emissions
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("kafka", "did not take the last one")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "AWAY_S", 0.01)
    monkeypatch.setattr(relay, "MOST", 2)


async def relayed(outbox: FakeOutbox, sender: FakeSender) -> list[Any]:
    async with AsyncExitStack() as things:
        Relay("labelled", outbox, sender, pause_s=0.01).begin(things)
        async with asyncio.timeout(5):
            await outbox.emptied.wait()
    return [(read_labelled(each.value).number, each.key) for each in sender.delivered]


async def test_all_is_sent_in_order_by_its_entity_and_taken_out() -> None:
    found = await relayed(FakeOutbox([outgoing(i) for i in range(1, 6)]), FakeSender())
    assert found == [(i, b"c-1") for i in range(1, 6)]


async def test_what_may_not_be_delivered_is_sent_again_with_its_number() -> None:
    outbox = FakeOutbox([outgoing(i) for i in range(1, 4)], away=2)
    numbers = [number for number, _ in await relayed(outbox, FakeSender(refusals=1))]
    assert numbers == [1, 2, 1, 2, 3]
