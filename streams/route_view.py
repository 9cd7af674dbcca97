"""The routes as a scorer serves them: each change is loaded first and then takes the old one's place at once."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack

from models.bundle import Bundle
from models.routing import ModelRoute, Routed, Routes
from models.routing.hashing import answering
from schemas.control_state import RouteTable
from schemas.errors import BundleRefused, Unavailable
from schemas.routes import Revision, Route, RoutePlan
from streams.compacted import CompactedView
from streams.following import Following
from streams.settings import Settings
from streams.topics import MODEL_ROUTES

log = logging.getLogger("weir.routes")

RETRY_S = 1.0
AGAIN_S = 30.0
"""After which a refused bundle is looked at again: it may lie in the store as it should by then, and nobody tells."""

Load = Callable[[str, str], Bundle]
"""A verified version of a model, (name, version). Raises BundleRefused, Unavailable. Called in a thread."""
Report = Callable[[str, str, str], None]
"""Told of a bundle that is refused, once for each reason: (name, version, reason)."""


def served(plan: RoutePlan) -> set[str]:
    """The versions that have to be at hand: those that answer, and one that waits to take over at once. Shadows answer
    elsewhere: one that is bad must not keep its route from being served."""
    if plan.strategy == "blue_green":
        return set(plan.versions())
    return {arm.version for arm in answering(plan.arms)}


class RouteView(Following):
    """Follows `model-routes`; `route` answers as the present routes do.

    load: called off the loop. refused: told of each bundle that may not serve; the route before goes on then.
    """

    def __init__(self, settings: Settings, load: Load, refused: Report) -> None:
        self._table = RouteTable()
        super().__init__(CompactedView(settings, settings.topic(MODEL_ROUTES.name), self._note))
        self._bundles: dict[tuple[str, str], Bundle] = {}
        self._load = load
        self._refused = refused
        self._unserved: set[str] = set()
        self._news = asyncio.Event()
        self._loading: set[str] = set()
        self._waits: set[str] = set()
        self._told: dict[tuple[str, str], str] = {}
        self._show(Routes({}))

    async def start(self, things: AsyncExitStack) -> None:
        """Read and load every route, and follow them until `things` close. Raises Unavailable."""
        await self._view.start()
        things.push_async_callback(self._view.stop)
        for model in sorted(self._table.routes):
            await self._serve(model)
        self._unserved.clear()
        self.run(self._follow(), things)

    async def serve(self, model: str, plan: RoutePlan, epoch: int) -> None:
        """Serve a plan that is not on the topic, until one is; what both name is loaded once.

        Raises BundleRefused, Unavailable.
        """
        bundles = {version: await asyncio.to_thread(self._load, model, version) for version in served(plan)}
        if not self.knows(model):  # as it does where another's was written meanwhile
            self._bundles |= {(model, version): bundle for version, bundle in bundles.items()}
            self._show(self._routes.replaced(ModelRoute(model, plan, epoch, bundles)))

    def knows(self, model: str) -> bool:
        """Whether a model has a route on the topic, be it served, not or no more."""
        return model in self._table.routes or model in self._table.removed

    def serves(self, model: str) -> bool:
        """Whether there is a route for a model."""
        return model in self._routes.models

    def _note(self, model: str, value: bytes | None) -> None:
        if self._table.update(model, value):
            self._unserved.add(model)
            self._news.set()

    def _show(self, routes: Routes) -> None:
        self._routes = routes
        # Bound here once: it is asked for every request.
        self.route: Callable[[str | None, str], Routed] = routes.route

    async def _follow(self) -> None:
        async with asyncio.TaskGroup() as models:
            while True:
                await self._news.wait()
                self._news.clear()
                # Each by itself: a bundle that loads slowly keeps no other model's route waiting.
                for model in sorted(self._unserved - self._loading):
                    self._loading.add(model)
                    models.create_task(self._catch_up(model))

    async def _catch_up(self, model: str) -> None:
        """Serve a model's route, and what it became meanwhile."""
        while model in self._unserved:
            self._unserved.discard(model)
            try:
                await self._serve(model)
            except Unavailable as error:
                log.warning("the new route of %s waits: %s", model, error)
                self._unserved.add(model)
                await asyncio.sleep(RETRY_S)
        self._loading.discard(model)

    async def _serve(self, model: str) -> None:
        """The route's present plan, or what served before where that cannot be loaded."""
        route = self._table.routes.get(model)
        if route is None:
            self._show(self._routes.without(model))
            self._forget(model, ())
            return
        for revision in self._candidates(route):
            try:
                served = await self._loaded(model, revision)
            except BundleRefused as error:
                log.warning("epoch %d of %s cannot be served: %s", revision.epoch, model, error)
                self._look_again_later(model)
                continue
            self._show(self._routes.replaced(served))
            self._forget(model, (route.plan, route.before))
            log.info("serving", extra={"data": {"model": model, "epoch": revision.epoch, **revision.plan.summary()}})
            return

    def _look_again_later(self, model: str) -> None:
        if model not in self._waits:
            self._waits.add(model)
            asyncio.get_running_loop().call_later(AGAIN_S, self._look_again, model)

    def _look_again(self, model: str) -> None:
        self._waits.discard(model)
        self._unserved.add(model)
        self._news.set()

    def _candidates(self, route: Route) -> Iterator[Revision]:
        """The present plan; where nothing is served yet, also those before it, the newest first."""
        yield route.current
        if not self.serves(route.model):
            yield from reversed(route.revisions[:-1])

    async def _loaded(self, model: str, revision: Revision) -> ModelRoute:
        bundles = {version: await self._bundle(model, version) for version in served(revision.plan)}
        return ModelRoute(model, revision.plan, revision.epoch, bundles)

    async def _bundle(self, model: str, version: str) -> Bundle:
        if (model, version) not in self._bundles:
            try:
                self._bundles[model, version] = await asyncio.to_thread(self._load, model, version)
            except BundleRefused as error:
                reason = str(error)
                if self._told.get((model, version)) != reason:
                    self._told[model, version] = reason
                    self._refused(model, version, reason)
                raise
            self._told.pop((model, version), None)
        return self._bundles[model, version]

    def _forget(self, model: str, plans: Iterable[RoutePlan | None]) -> None:
        """Keep of a model's bundles what these plans need: a route's, and the one that a rollback returns to."""
        kept = {version for plan in plans if plan is not None for version in served(plan)}
        for name, version in list(self._bundles):
            if name == model and version not in kept:
                del self._bundles[name, version]
