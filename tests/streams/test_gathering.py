"""How much a worker has the broker gather for it."""

import pytest

from infra.kafka import LONG_POLL_MS
from streams.bare_host import BareHost
from streams.faust_host import FaustHost
from streams.loops import Limits, Pipeline
from streams.settings import Settings
from tests.fakes import FakeAttempts, FakeObserver, FakeSender
from tests.streams.loop import copy


def pipeline(topic: str, fetch_bytes: int) -> Pipeline:
    limits = Limits(fetch_bytes=fetch_bytes)
    return Pipeline(topic, copy, FakeSender(), FakeAttempts(), lambda *_: [], FakeObserver(), limits)


@pytest.mark.parametrize(("wanted", "gathered"), [((4096,), 4096), ((4096, 1), 1), ((1,), 1)])
async def test_a_worker_gathers_what_its_pipeline_in_the_greatest_hurry_allows(
    wanted: tuple[int, ...], gathered: int
) -> None:
    pipelines = [pipeline(f"t{i}", each) for i, each in enumerate(wanted)]
    bare = BareHost(Settings(), "group", pipelines)._make_consumer()
    assert (bare._fetch_min_bytes, bare._fetch_max_wait_ms) == (gathered, LONG_POLL_MS)
    assert FaustHost(Settings(), "group", pipelines)._app.fetch_min_bytes == gathered
    await bare.stop()
