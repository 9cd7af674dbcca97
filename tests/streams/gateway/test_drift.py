"""/drift: who may look, what is asked for, and what is shown."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest

from infra.database.episodes import Wanted
from schemas.drift_events import DriftEvent
from schemas.drift_windows import DriftWindow
from schemas.errors import Unavailable
from streams.gateway.drift import drift_routes
from streams.gateway.live import LiveTopic
from tests.infra.database.told import step, window
from tests.streams.gateway.fakes import NOW, Gateway

WORSE = step("e-1", "worsened", 5, 3, severity="critical", cause="single_producer", source="aaaaaaaaaaa")
STEPS = [step("e-1"), WORSE]


@dataclass
class Kept:
    """One episode and two windows, and what was asked for."""

    away: bool = False
    asked: list[Wanted] = field(default_factory=list)

    async def latest(self, wanted: Wanted) -> tuple[list[DriftEvent], list[DriftWindow]]:
        if self.away:
            raise Unavailable("postgres", "is away")
        self.asked.append(wanted)
        return [WORSE], [window("0@9", drift=True), window("0@3", outcome="no_reference", features=())]

    async def steps(self, event_id: str) -> list[DriftEvent]:
        return STEPS if event_id == "e-1" else []


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def gateway(kept: Kept) -> Gateway:
    gateway = Gateway()
    gateway.more = drift_routes(kept, LiveTopic({}, "t"), gateway.keys, lambda: NOW)
    return gateway


@pytest.fixture
async def monitor(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.client(gateway.keys.new("monitor")) as client:
        yield client


@pytest.mark.contract("D3")
async def test_episodes_are_listed_by_what_moved_and_how_much_beside_the_last_windows(
    monitor: httpx.AsyncClient,
) -> None:
    answer = (await monitor.get("/drift")).json()
    [episode] = answer["episodes"]
    assert "drift_result" not in episode
    shown = {"event_id": "e-1", "open": True, "phase": "worsened", "severity": "critical", "windows": 3}
    shown |= {"model": "m", "model_version": "v1", "feature": "spent", "subject": "feature"}
    shown |= {"cause": "single_producer", "source": "aaaaaaaaaaa", "effect": 0.31, "p_value": 1e-9}
    assert episode.items() >= shown.items()
    told = [(one["window"], one["outcome"], one["drift"], one["drifted"]) for one in answer["windows"]]
    assert told == [("0@9", "tested", True, ["spent"]), ("0@3", "no_reference", False, [])]


@pytest.mark.contract("D3")
async def test_an_episode_is_shown_with_the_case_of_each_step(monitor: httpx.AsyncClient) -> None:
    answer = (await monitor.get("/drift/e-1")).json()
    assert [one["phase"] for one in answer["steps"]] == ["opened", "worsened"]
    assert answer["steps"][0]["drift_result"]["bins"][1] == {
        "where": "within", "reference": 3000, "current": 300, "low": 1.0, "high": 50.0,
    }  # fmt: skip
    assert (answer["open"], answer["phase"]) == (True, "worsened")
    unknown = await monitor.get("/drift/e-2")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    assert "GET /drift" in unknown.json()["error"]["message"]
    assert (await monitor.get("/drift/%00")).status_code == 404


async def test_every_filter_is_understood(monitor: httpx.AsyncClient, kept: Kept) -> None:
    query = "model=m&version=v1&feature=spent&open=false&since=2026-03-01T12:00:00Z&limit=500"
    assert (await monitor.get(f"/drift?{query}")).status_code == 200
    assert (await monitor.get("/drift")).status_code == 200
    since = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert kept.asked == [Wanted("m", "v1", "spent", False, since, 500), Wanted()]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("open=maybe", "open"),
        ("since=yesterday", "since"),
        ("since=2026-03-01T12:00:00", "since"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=%C2%B2", "limit"),
        ("model=a%00", "model"),
        ("page=2", "page"),
    ],
)
async def test_a_filter_that_is_none_is_refused_by_name(monitor: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await monitor.get(f"/drift?{query}")
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["error"]["fields"]] == [field]


@pytest.mark.parametrize("path", ["/drift", "/drift/e-1", "/drift/events"])
async def test_only_who_monitors_may_look(gateway: Gateway, path: str) -> None:
    async with gateway.client(gateway.keys.new("predict", "admin")) as client:
        assert (await client.get(path)).status_code == 403
    async with gateway.client() as client:
        assert (await client.get(path)).status_code == 401


async def test_without_postgres_it_is_a_503(monitor: httpx.AsyncClient, kept: Kept) -> None:
    kept.away = True
    answer = await monitor.get("/drift")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize("given", ["x", "0:1,", "0:-1", "0", "0:1;1:2"])
async def test_an_id_of_another_stream_is_refused(monitor: httpx.AsyncClient, given: str) -> None:
    answer = await monitor.get("/drift/events", headers={"Last-Event-ID": given})
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "Last-Event-ID"
