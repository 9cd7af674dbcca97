"""What the scorer hands on for other versions to answer too."""

from collections.abc import Sequence

import pytest

from agents.answer import Scorer
from agents.ending import Outlets
from models.bundle import Bundle
from models.routing import Routed
from schemas import headers as h
from schemas.message import Emission, Record
from tests.agents.scorer import FakeCounters, FakeKeys, FakeLimiter, batch, clock, record
from tests.models.graphs import bundle_of

OUTLETS = Outlets("results", "replies", "dead-letters", 4, "mirrored")
ROW = {"f0": 1.0, "f1": 0.5, "f2": 0}
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Mirroring:
    """Routes everything to one model, whose answers these versions are to give too."""

    def __init__(self, bundle: Bundle, mirrors: tuple[str, ...]) -> None:
        self._routed = Routed(bundle, "shadow", "champion", 3, mirrors)

    def route(self, model: str | None, entity: str) -> Routed:
        return self._routed


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return bundle_of("binary")


async def emitted(bundle: Bundle, mirrors: tuple[str, ...], *records: Record) -> Sequence[Emission]:
    stage = Scorer(FakeKeys(), FakeLimiter(), Mirroring(bundle, mirrors), clock, FakeCounters(), OUTLETS)
    return await stage(batch(*records))


@pytest.mark.contract("T2")
@pytest.mark.parametrize("asked", [{"features": ROW}, {"rows": [ROW, ROW]}], ids=["one row", "rows"])
async def test_a_mirrored_request_hands_on_the_bytes_of_its_result_once_for_all_versions(
    bundle: Bundle, asked: object
) -> None:
    traced = record(asked, headers={h.TRACEPARENT: TRACE, h.REPLY_PARTITION: b"1", h.REPLY_INSTANCE: b"g"})
    result, _, mirrored = await emitted(bundle, ("v2", "v3"), traced)
    assert (result.topic, mirrored.topic) == ("results", "mirrored")
    assert (mirrored.key, mirrored.value, mirrored.partition) == (result.key, result.value, None)
    assert b'"features"' in mirrored.value
    assert dict(mirrored.headers) == {
        h.SCHEMA_VERSION: h.CURRENT_SCHEMA,
        h.REQUEST_ID: b"r-1",
        h.TRACEPARENT: TRACE,
        h.MIRRORED_TO: b"v2,v3",
    }


@pytest.mark.contract("T2")
async def test_what_was_not_answered_or_has_no_shadow_is_not_mirrored(bundle: Bundle) -> None:
    refused = await emitted(
        bundle, ("v2",), record({"features": {}}), record(b"{"), record({"features": ROW}, secret=b"x")
    )
    assert {emission.topic for emission in refused} == {"results", "dead-letters"}
    assert [emission.topic for emission in await emitted(bundle, (), record({"features": ROW}))] == ["results"]
