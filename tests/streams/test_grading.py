from threading import current_thread, main_thread

from agents.grading import Grading, GradingOutlets
from schemas.message import Batch, Record
from streams.grading import Loaded
from tests.agents.watched import FakeMonitorCounters


async def test_detectors_are_loaded_once_and_beside_the_loop() -> None:
    async def states() -> dict[bytes, bytes]:
        return {}

    threads = []
    grading = Grading(states, counters := FakeMonitorCounters(), 100, GradingOutlets("performance", "events", "states"))
    stage = Loaded(grading, lambda: threads.append(current_thread()))
    for offset in range(2):
        assert await stage(Batch("t", [Record("t", 0, offset, 0, b"", b"nonsense", ())])) == []
    assert len(threads) == 1
    assert threads[0] is not main_thread()
    assert counters.lost == {"not_a_labelled_prediction": 2}
