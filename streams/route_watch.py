"""Looks at every route again and again: tells a verdict on a candidate that changed, rolls back past a guardrail,
re-weighs bandits, and writes a route once more whose record is not the last."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Protocol

from schemas.control import Command, Reweigh, Rollback
from schemas.control_state import RouteTable
from schemas.errors import Unavailable
from schemas.events import RoutingEvent, event_id
from schemas.headers import CURRENT_SCHEMA, SCHEMA_VERSION
from schemas.message import Emission
from schemas.routes import Route
from streams.commands import platform_command
from streams.compacted import CompactedView
from streams.following import Following
from streams.gateway.pending import Sender
from streams.look import Look
from streams.settings import Settings
from streams.topics import MODEL_ROUTES, ROUTING_EVENTS

log = logging.getLogger("weir.routes")

LOOK_S = 2.0
"""Between two looks at all routes."""
MOST_RESTS = 10.0
"""A look that took seconds is followed by so many such pauses, up to these."""
WORTH = 0.02
"""A bandit's weights are set anew where one of them moves so far."""
_HEADERS = [(SCHEMA_VERSION, CURRENT_SCHEMA)]


class Looks(Protocol):
    """What is known of a route's candidate."""

    def watches(self, route: Route) -> bool:
        """Whether there is anything to look at."""
        ...

    async def look(self, route: Route) -> Look:
        """What one count of the arms says. Raises Unavailable."""
        ...


class RouteWatch(Following):
    """Watches routes until `things` close. Of several watches each does the same, under the same ids: what they ask for
    happens once."""

    def __init__(self, settings: Settings, looks: Looks, sender: Sender, every_s: float = LOOK_S) -> None:
        self._settings = settings
        self._looks = looks
        self._sender = sender
        self._every_s = every_s
        self._table = RouteTable()
        super().__init__(CompactedView(settings, settings.topic(MODEL_ROUTES.name), self._table.update))
        self._told: dict[tuple[str, int, str], str] = {}
        """The outcome for each candidate of a model's route at its epoch."""
        self._asked: set[str] = set()
        """What was given: if it was refused, it would be again."""

    async def start(self, things: AsyncExitStack) -> None:
        """Raises Unavailable."""
        await self._view.start()
        things.push_async_callback(self._view.stop)
        self.run(self._watch(), things)

    async def _watch(self) -> None:
        took_s = 0.0
        while True:
            # A Postgres that is slow is asked by others too.
            await asyncio.sleep(min(max(1.0, took_s), MOST_RESTS) * self._every_s)
            began = time.monotonic()
            for model in sorted({*self._table.routes, *self._table.overtaken}):
                try:
                    await self._restore(model)
                    await self._look(model)
                except Unavailable as error:
                    log.warning("the route of %s is not watched: %s", model, error)
            took_s = time.monotonic() - began

    async def _restore(self, model: str) -> None:
        """Whoever does this may have lost its place as well: what it overtakes then is written once more too."""
        if model in self._table.overtaken and (route := self._table.last(model)) is not None:
            log.warning("epoch %d of %s is written once more: an older record came after it", route.epoch, model)
            topic = self._settings.topic(MODEL_ROUTES.name)
            await self._sender.send([Emission(topic, model.encode(), route.model_dump_json().encode(), _HEADERS)])

    async def _look(self, model: str) -> None:
        route = self._table.routes.get(model)
        if route is None or not self._looks.watches(route):
            return
        seen = await self._looks.look(route)
        outcomes = {(route.model, route.epoch, each["candidate"]): each["outcome"] for each in seen.verdicts}
        news = [
            each
            for place, each in zip(outcomes, seen.verdicts, strict=True)
            if self._told.get(place) != each["outcome"]
        ]
        emissions = [self._event(route, "evidence", each["outcome"], each["reason"], each) for each in news]
        command = _needed(route, seen)
        # The id says what it is for: given again, or by another watch, it is the same command.
        request_id = "" if command is None else event_id(f"{command.command} at epoch {route.epoch}", route.model)
        if command is not None and request_id not in self._asked:
            if seen.passed is not None:
                about = seen.verdicts[0] if len(seen.verdicts) == 1 else {}
                emissions.append(self._event(route, "guardrail", "roll_back", seen.passed, about))
            now_ms = time.time_ns() // 1_000_000
            emissions.append(platform_command(self._settings, command, now_ms=now_ms, request_id=request_id))
        if emissions:
            await self._sender.send(emissions)
            others = {place: outcome for place, outcome in self._told.items() if place[0] != route.model}
            self._told = {**others, **outcomes}
            self._asked.add(request_id)

    def _event(self, route: Route, kind: Any, outcome: str, reason: str, verdict: Mapping[str, Any]) -> Emission:
        whose = f" of {verdict['candidate']}" if kind == "evidence" else ""
        event = RoutingEvent(
            event_id=event_id(f"{kind} {outcome}{whose} at epoch {route.epoch}", route.model),
            event_type=kind,
            model=route.model,
            epoch=route.epoch,
            at=datetime.now(UTC),
            outcome=outcome,
            reason=reason,
            verdict=dict(verdict),
        )
        topic = self._settings.topic(ROUTING_EVENTS.name)
        return Emission(topic, route.model.encode(), event.model_dump_json().encode(), _HEADERS)


def _needed(route: Route, seen: Look) -> Command | None:
    """The command that the route needs, if any."""
    if seen.passed is not None:
        return Rollback(model=route.model, reason=f"guardrail: {seen.passed}", if_epoch=route.epoch, actor="guardrail")
    if seen.weights is None or not _moved(route, seen.weights):
        return None
    return Reweigh(model=route.model, weights=dict(seen.weights), if_epoch=route.epoch, actor="bandit")


def _moved(route: Route, weights: Mapping[str, float]) -> bool:
    return any(abs(arm.weight - weights.get(arm.name, 0.0)) >= WORTH for arm in route.plan.arms)
