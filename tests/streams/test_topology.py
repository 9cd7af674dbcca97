"""The steps of the sink, as they are put together."""

import pytest

from streams import topology
from streams.settings import Settings
from tests.agents.scorer import FakeCounters, FakeKeys
from tests.agents.sink import KeptInMemory, batch_of


@pytest.mark.contract("O1", "R9")
@pytest.mark.parametrize("place", range(len(topology.READS["sink"])))
async def test_each_step_of_the_sink_counts_its_dead_letters_and_what_it_gives_up(place: int) -> None:
    counters = FakeCounters()
    step = topology.sink(Settings(), keys=FakeKeys(), store=KeptInMemory(), counters=counters)[place]
    batch = batch_of(b"nonsense")
    assert len(await step.stage(batch)) == 1
    assert list(counters.dead.values()) == [1]
    assert len(step.give_up(batch.records[0], 3, "error-id")) == 1
    assert counters.dead["crashed"] == 1
