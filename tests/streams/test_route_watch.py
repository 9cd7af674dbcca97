"""The watch over routes: verdicts told once, guardrails that roll back, bandits that are re-weighed."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.kafka import publish
from schemas.control import Reweigh, Rollback, read_command
from schemas.control_state import RouteTable
from schemas.errors import Unavailable
from schemas.message import Emission
from schemas.routes import Route
from streams.look import Look
from streams.route_watch import RouteWatch
from streams.settings import Settings
from tests.kafka import make_topic, read_all, until
from tests.streams.test_route_view import then


@dataclass
class Looks:
    """What is known, as the test says it."""

    outcome: str = "hold"
    others: Mapping[str, str] = field(default_factory=dict)
    why: str | None = None
    share: Mapping[str, float] | None = None
    away: int = 0
    watched: bool = True
    looked: int = 0

    def watches(self, route: Route) -> bool:
        return self.watched

    async def look(self, route: Route) -> Look:
        self.looked += 1
        if self.away > 0:
            self.away -= 1
            raise Unavailable("postgres", "it does not answer")
        said = {"v2": self.outcome, **self.others}
        verdicts = [
            {"candidate": version, "outcome": outcome, "reason": "as told", "epoch": route.epoch}
            for version, outcome in said.items()
        ]
        return Look(verdicts, self.why, self.share)


@dataclass
class Sent:
    """Keeps what is sent, once it is not away."""

    records: list[Emission] = field(default_factory=list)
    away: int = 0

    async def send(self, emissions: Sequence[Emission]) -> None:
        if self.away > 0:
            self.away -= 1
            raise Unavailable("kafka", "it does not answer")
        self.records += emissions

    def events(self) -> list[tuple[str, str]]:
        events = [json.loads(item.value) for item in self.records if item.topic.endswith("routing-events")]
        return [(event["event_type"], event["outcome"]) for event in events]

    def commands(self) -> list[Any]:
        return [read_command(item.value) for item in self.records if item.topic.endswith("control-commands")]


@dataclass
class Watched:
    looks: Looks = field(default_factory=Looks)
    sent: Sent = field(default_factory=Sent)

    async def looks_more(self, times: int = 3) -> None:
        """Returns after so many further looks."""
        wanted = self.looks.looked + times
        await until(lambda: self.looks.looked >= wanted, "further looks")


@pytest.fixture
def settings(bootstrap: str, unique: Callable[..., str]) -> Settings:
    prefix = f"{unique('watch')}-".lower()
    topic = make_topic(bootstrap, f"{prefix}model-routes", 1)
    record = (b"churn", then(None, "v1").model_dump_json().encode(), ())
    publish({"bootstrap.servers": bootstrap}, topic, [record])
    return Settings(kafka_bootstrap_servers=bootstrap, topic_prefix=prefix)


@pytest.fixture
async def watched(settings: Settings) -> Any:
    watched = Watched()
    async with AsyncExitStack() as things:
        await RouteWatch(settings, watched.looks, watched.sent, every_s=0.01).start(things)
        yield watched


async def test_a_verdict_is_told_once_until_it_changes(watched: Watched) -> None:
    await watched.looks_more()
    assert watched.sent.events() == [("evidence", "hold")]
    watched.looks.outcome = "promote"
    await watched.looks_more()
    assert watched.sent.events() == [("evidence", "hold"), ("evidence", "promote")]


async def test_each_of_several_candidates_is_told_of_as_its_own_verdict_changes(watched: Watched) -> None:
    watched.looks.others = {"v3": "hold"}
    await watched.looks_more()
    watched.looks.others = {"v3": "roll_back"}
    await watched.looks_more()
    events = [json.loads(item.value) for item in watched.sent.records]
    told = [(event["verdict"]["candidate"], event["outcome"]) for event in events]
    assert sorted(told) == [("v2", "hold"), ("v3", "hold"), ("v3", "roll_back")]
    assert len({event["event_id"] for event in events}) == len(events)


async def test_a_guardrail_that_is_passed_rolls_the_route_back_once(watched: Watched) -> None:
    """Once it is delivered: what the broker does not take is asked for again."""
    watched.sent.away = 2
    watched.looks.why = "12 % of 300 answers are errors"
    await watched.looks_more(5)
    [command] = watched.sent.commands()
    assert isinstance(command, Rollback)
    assert (command.model, command.if_epoch, command.actor) == ("churn", 1, "guardrail")
    assert command.reason == "guardrail: 12 % of 300 answers are errors"
    assert ("guardrail", "roll_back") in watched.sent.events()


async def test_a_bandit_is_weighed_anew_where_that_is_worth_it(watched: Watched) -> None:
    watched.looks.share = {"champion": 0.99}
    await watched.looks_more()
    assert watched.sent.commands() == []
    watched.looks.share = {"champion": 0.7}
    await watched.looks_more()
    [command] = watched.sent.commands()
    assert isinstance(command, Reweigh)
    assert (command.weights, command.if_epoch) == ({"champion": 0.7}, 1)


async def test_two_watches_ask_for_the_same_under_one_id(settings: Settings) -> None:
    both = [Watched(Looks(why="too many errors")) for _ in range(2)]
    async with AsyncExitStack() as things:
        for one in both:
            await RouteWatch(settings, one.looks, one.sent, every_s=0.01).start(things)
        await asyncio.gather(*(one.looks_more() for one in both))
    ids = {
        dict(item.headers)["request-id"]
        for one in both
        for item in one.sent.records
        if item.topic.endswith("control-commands")
    }
    assert len(ids) == 1


@pytest.mark.contract("T3")
@pytest.mark.parametrize("removed", [False, True])
async def test_a_route_that_an_older_record_came_after_is_written_once_more(
    settings: Settings, bootstrap: str, removed: bool
) -> None:
    """Compaction keeps the last record: a restart would find what an agent wrote that had lost its partition."""
    first = then(None, "v1")
    won, lost = then(first, "v2"), then(first, "v3")
    if removed:
        last = won.current.model_copy(update={"epoch": 3, "action": "removed", "command_id": "gone"})
        won = won.then(last)
    topic, found = settings.topic("model-routes"), RouteTable()
    written = [(b"churn", route.model_dump_json().encode(), ()) for route in (won, first, lost)]
    publish({"bootstrap.servers": bootstrap}, topic, written)
    watches = [Watched(sent=OnTopic(bootstrap)) for _ in range(2)]
    async with AsyncExitStack() as things:
        for one in watches:
            await RouteWatch(settings, one.looks, one.sent, every_s=0.05).start(things)
        await until(lambda: kept(bootstrap, topic) == won, "the route that holds is the last")
        publish({"bootstrap.servers": bootstrap}, topic, written[2:])
        await until(lambda: kept(bootstrap, topic) == won, "and again")
    for message in read_all(bootstrap, topic):
        found.update("churn", message.value())
    assert (found.last("churn"), found.overtaken) == (won, set())


async def test_a_record_that_comes_twice_is_not_written_again(settings: Settings, bootstrap: str) -> None:
    topic = settings.topic("model-routes")
    publish({"bootstrap.servers": bootstrap}, topic, [(b"churn", then(None, "v1").model_dump_json().encode(), ())])
    watched = Watched()
    async with AsyncExitStack() as things:
        await RouteWatch(settings, watched.looks, watched.sent, every_s=0.01).start(things)
        await watched.looks_more()
    assert {item.topic for item in watched.sent.records} == {settings.topic("routing-events")}


class OnTopic(Sent):
    """Brings routes to their topic as well."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__()
        self._options = {"bootstrap.servers": bootstrap}

    async def send(self, emissions: Sequence[Emission]) -> None:
        await super().send(emissions)
        for item in emissions:
            if item.topic.endswith("model-routes"):
                await asyncio.to_thread(publish, self._options, item.topic, [(item.key, item.value, ())])


def kept(bootstrap: str, topic: str) -> Route:
    """What compaction keeps of the only key."""
    return Route.model_validate_json(read_all(bootstrap, topic)[-1].value() or b"")


async def test_while_postgres_is_away_the_watch_goes_on(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.looks.away = 2
    await watched.looks_more(6)
    assert "is not watched: postgres" in caplog.text
    assert watched.sent.events() == [("evidence", "hold")]
