"""What nobody waits for is gathered, and all else is sent at once."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from schemas.errors import Unavailable
from schemas.message import Emission
from streams.urgency import ByUrgency
from tests.kafka import make_topic, read_all, until

ANSWERS, COPIES = "answers", "copies"


class Sending:
    """A producer with a topic of each kind, on the broker."""

    def __init__(self, bootstrap: str, unique: Callable[..., str]) -> None:
        self.bootstrap = bootstrap
        self.topics = {kind: make_topic(bootstrap, unique(kind)) for kind in (ANSWERS, COPIES)}
        self.producer = ByUrgency({"bootstrap.servers": bootstrap}, [self.topics[COPIES]])

    def record(self, kind: str, value: bytes) -> Emission:
        return Emission(self.topics[kind], b"key", value)

    def values(self, kind: str) -> list[bytes]:
        return [message.value() or b"" for message in read_all(self.bootstrap, self.topics[kind])]


@pytest.fixture
async def sending(bootstrap: str, unique: Callable[..., str]) -> AsyncIterator[Sending]:
    sending = Sending(bootstrap, unique)
    await sending.producer.start()
    yield sending
    await sending.producer.stop()


@pytest.mark.contract("T2", "R10")
async def test_an_answer_does_not_wait_for_the_copy_beside_it_and_its_delivery_is_that_of_both(
    bootstrap: str, unique: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.urgency.PATIENCE_MS", 20_000)
    sending = Sending(bootstrap, unique)
    await sending.producer.start()
    delivery = await sending.producer.feed([sending.record(ANSWERS, b"a"), sending.record(COPIES, b"c")])
    await until(lambda: sending.values(ANSWERS) == [b"a"], "the answer is sent")
    assert (sending.values(COPIES), delivery.done()) == ([], False)
    await sending.producer.stop()
    await asyncio.wait_for(delivery, 5)
    assert sending.values(COPIES) == [b"c"]


async def test_the_records_of_a_topic_stay_in_order(sending: Sending) -> None:
    numbers = [b"%d" % number for number in range(200)]
    deliveries = [
        await sending.producer.feed([sending.record(ANSWERS, number), sending.record(COPIES, number)])
        for number in numbers
    ]
    await asyncio.gather(*deliveries)
    assert (sending.values(ANSWERS), sending.values(COPIES)) == (numbers, numbers)


@pytest.mark.contract("R10")
@pytest.mark.parametrize("kind", [ANSWERS, COPIES])
async def test_a_delivery_fails_where_either_of_its_records_does(sending: Sending, kind: str) -> None:
    other = COPIES if kind == ANSWERS else ANSWERS
    lost = Emission(sending.topics[kind], b"key", b"lost", (), 99)
    with pytest.raises(Unavailable, match="partition"):
        await (await sending.producer.feed([lost, sending.record(other, b"kept")]))
