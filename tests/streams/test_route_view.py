"""The routes as a scorer serves them: what is loaded when, and what goes on where that fails."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event

import pytest

from infra.kafka import publish
from models.bundle import Bundle, read_bundle
from schemas.errors import BundleRefused, InvalidRequest, Unavailable
from schemas.routes import Arm, Revision, Route, RoutePlan
from streams import route_view
from streams.route_view import RouteView
from streams.settings import Settings
from tests.kafka import make_topic, until
from tests.models.conftest import trained

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@dataclass
class Store:
    """Loads one bundle under any version but the bad ones; away for as often as it is told."""

    bad: Sequence[str] = ()
    away: int = 0
    slow: dict[str, Event] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._bundle = read_bundle(trained()["logistic_regression"])

    def load(self, name: str, version: str) -> Bundle:
        if self.away > 0:
            self.away -= 1
            raise Unavailable("model store", "it does not answer")
        self.loaded.append(version)
        if version in self.slow:
            assert self.slow[version].wait(10)
        if version in self.bad:
            raise BundleRefused(f"{version} was altered")
        return replace(self._bundle, manifest=replace(self._bundle.manifest, version=version))

    def refuse(self, name: str, version: str, reason: str) -> None:
        self.refused.append((name, version, reason))


@dataclass
class Routed:
    """A view on a topic of its own."""

    settings: Settings
    view: RouteView
    route: Route | None = None

    def write(self, *versions: str) -> None:
        """One more revision for each version, the last one current."""
        for version in versions:
            self.route = then(self.route, version)
        assert self.route is not None
        self.put(self.route)

    def put(self, route: Route) -> None:
        record = (route.model.encode(), route.model_dump_json().encode(), ())
        publish({"bootstrap.servers": self.settings.kafka_bootstrap_servers}, self.view.topic, [record])

    def serves(self) -> tuple[str, int]:
        routed = self.view.route("churn", "c-1")
        return routed.bundle.version, routed.epoch


def then(route: Route | None, version: str) -> Route:
    epoch = 1 if route is None else route.epoch + 1
    plan = RoutePlan(strategy="champion", arms=(Arm(name="champion", version=version),))
    revision = Revision(epoch=epoch, at=NOW, action="set", actor="test", command_id=f"c{epoch}", plan=plan)
    return Route(model="churn", revisions=(revision,)) if route is None else route.then(revision)


@pytest.fixture
def following(bootstrap: str, unique: Callable[..., str]) -> Callable[..., AsyncIterator[Routed]]:
    prefix = f"{unique('routes')}-"
    make_topic(bootstrap, f"{prefix}model-routes", 1)
    settings = Settings(kafka_bootstrap_servers=bootstrap, topic_prefix=prefix.lower())

    @asynccontextmanager
    async def follow(store: Store, *before: str) -> AsyncIterator[Routed]:
        """A started view; `before`: versions that were set before it started."""
        routed = Routed(settings, RouteView(settings, store.load, store.refuse))
        if before:
            routed.write(*before)
        async with AsyncExitStack() as things:
            await routed.view.start(things)
            yield routed

    return follow  # type: ignore[return-value]


Following = Callable[..., "asynccontextmanager[Routed]"]


async def test_a_change_is_loaded_first_and_then_served(following: Following) -> None:
    store = Store()
    async with following(store, "v1") as routed:
        assert routed.serves() == ("v1", 1)
        routed.write("v2")
        await until(lambda: routed.serves() == ("v2", 2), "v2 is served")
        routed.write("v1")
        await until(lambda: routed.serves() == ("v1", 3), "v1 is served again")
    assert store.loaded == ["v1", "v2"], "what a rollback needs stays loaded"


@pytest.mark.contract("T3")
async def test_a_bad_bundle_is_reported_and_the_old_one_goes_on(following: Following) -> None:
    store = Store(bad=["v2"])
    async with following(store, "v1") as routed:
        routed.write("v2")
        await until(lambda: bool(store.refused), "v2 is refused")
        assert routed.serves() == ("v1", 1)
        routed.write("v3")
        await until(lambda: routed.serves() == ("v3", 3), "v3 is served")
    assert store.refused == [("churn", "v2", "v2 was altered")]


async def test_a_scorer_that_starts_serves_the_last_plan_that_loads(following: Following) -> None:
    async with following(Store(bad=["v3"]), "v1", "v2", "v3") as routed:
        assert routed.serves() == ("v2", 2)


async def test_a_model_of_which_nothing_loads_is_not_served(following: Following) -> None:
    async with following(Store(bad=["v1"]), "v1") as routed:
        with pytest.raises(InvalidRequest, match="known are none"):
            routed.view.route("churn", "c-1")
        assert (routed.view.knows("churn"), routed.view.serves("churn")) == (True, False)


async def test_what_was_refused_is_served_once_it_lies_in_the_store_as_it_should(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing on the topic says so: the plan is the one that there was."""
    monkeypatch.setattr(route_view, "AGAIN_S", 0.05)
    store = Store(bad=["v1"])
    async with following(store, "v1") as routed:
        await until(lambda: len(store.loaded) > 2, "it is looked at again and again")
        assert store.refused == [("churn", "v1", "v1 was altered")]
        store.bad = []
        await until(lambda: routed.view.serves("churn"), "v1 is served")
        assert routed.serves() == ("v1", 1)


async def test_while_the_store_is_away_the_old_one_goes_on(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route_view, "RETRY_S", 0.01)
    store = Store()
    async with following(store, "v1") as routed:
        store.away = 3
        routed.write("v2")
        await until(lambda: store.away == 0, "the store is asked again")
        await until(lambda: routed.serves() == ("v2", 2), "v2 is served")


async def test_a_store_that_is_away_at_the_start_is_told(following: Following) -> None:
    with pytest.raises(Unavailable, match="model store"):
        async with following(Store(away=1), "v1"):
            pass


async def test_what_is_served_before_it_has_a_route_is_loaded_once_and_gives_way_to_the_topic(
    following: Following,
) -> None:
    store = Store()
    async with following(store) as routed:
        await routed.view.serve("churn", then(None, "v1").plan, 1)
        assert routed.serves() == ("v1", 1)
        routed.write("v1", "v1")
        await until(lambda: routed.serves() == ("v1", 2), "the topic's route is served")
        assert store.loaded == ["v1"]
        await routed.view.serve("churn", then(None, "v9").plan, 1)
        assert routed.serves() == ("v1", 2), "the topic knows better"


async def test_a_route_that_is_removed_is_served_no_more_and_not_adopted_either(following: Following) -> None:
    store = Store()
    async with following(store, "v1") as routed:
        assert routed.route is not None
        routed.route = routed.route.then(routed.route.current.model_copy(update={"epoch": 2, "action": "removed"}))
        routed.put(routed.route)
        await until(lambda: not routed.view.serves("churn"), "it is gone")
        assert routed.view.knows("churn")
        routed.write("v1")
        await until(lambda: routed.view.serves("churn"), "it is back")
        assert routed.serves() == ("v1", 3)
        publish(
            {"bootstrap.servers": routed.settings.kafka_bootstrap_servers}, routed.view.topic, [(b"churn", None, ())]
        )
        await until(lambda: not routed.view.serves("churn"), "its record is gone")
    assert store.loaded == ["v1", "v1"], "a model that is not served takes no memory"


async def test_a_bundle_that_loads_slowly_keeps_no_other_models_route_waiting(following: Following) -> None:
    store = Store(slow={"v2": Event()})
    async with following(store, "v1") as routed:
        routed.write("v2")
        await until(lambda: store.loaded == ["v1", "v2"], "v2 is being loaded")
        routed.put(then(None, "v3").model_copy(update={"model": "fraud"}))
        await until(lambda: routed.view.serves("fraud"), "another model's route")
        assert routed.serves() == ("v1", 1)
        store.slow["v2"].set()
        await until(lambda: routed.serves() == ("v2", 2), "v2 is served")


async def test_what_is_no_route_is_ignored(following: Following, caplog: pytest.LogCaptureFixture) -> None:
    async with following(Store(), "v1") as routed:
        options = {"bootstrap.servers": routed.settings.kafka_bootstrap_servers}
        publish(options, routed.view.topic, [(b"churn", b"{}", ()), (b"fraud", b"nonsense", ())])
        routed.write("v2")
        await until(lambda: routed.serves() == ("v2", 2), "v2 is served")
    assert "is no Route and is ignored" in caplog.text
