"""GET /drift and /drift/{event_id}: episodes of drift, and what the last windows were judged to be."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from msgspec import to_builtins
from starlette.requests import Request
from starlette.responses import Response

from infra.database.episodes import Wanted
from schemas.drift_events import DriftEvent
from schemas.drift_windows import DriftWindow
from schemas.masked import masked
from streams.contract.drift import DRIFT_FEED, LIST_EPISODES, MOST, SHOW_EPISODE
from streams.contract.operation import Endpoints
from streams.gateway.answers import error_response, json_response
from streams.gateway.drift_feed import drift_events
from streams.gateway.live import LiveTopic
from streams.gateway.query import checked, only_known
from streams.gateway.security import Clock, Keys, require

NUL = "\x00"
"""Postgres cannot be asked for it."""
OPEN = {"true": True, "false": False}


class Episodes(Protocol):
    """What is stored, a `streams.stored_drift.StoredDrift`. Each call raises Unavailable."""

    async def latest(self, wanted: Wanted) -> tuple[Sequence[DriftEvent], Sequence[DriftWindow]]: ...

    async def steps(self, event_id: str) -> Sequence[DriftEvent]: ...


def drift_routes(episodes: Episodes, live: LiveTopic, keys: Keys, clock: Clock) -> Endpoints:
    """The routes of drift, bound to what they need."""
    return {
        LIST_EPISODES: partial(list_episodes, episodes=episodes),
        DRIFT_FEED: partial(drift_events, live=live, keys=keys, clock=clock),
        SHOW_EPISODE: partial(show_episode, episodes=episodes),
    }


async def list_episodes(request: Request, *, episodes: Episodes) -> Response:
    """Episodes by their last step, the newest first, beside the last window of each model version."""
    require(request, "monitor")
    found, windows = await episodes.latest(wanted(request.query_params))
    return json_response({"episodes": list(map(summary, found)), "windows": list(map(outcome, windows))})


async def show_episode(request: Request, *, episodes: Episodes) -> Response:
    """One episode, step by step."""
    require(request, "monitor")
    only_known(request.query_params, SHOW_EPISODE.query_names)
    event_id = request.path_params["event_id"]
    steps = () if NUL in event_id else await episodes.steps(event_id)
    if not steps:
        message = "no episode of drift has this id: GET /drift lists them; one just opened is stored within seconds"
        return error_response(404, "not_found", message, event_id=masked(event_id)[:100])
    return json_response({**summary(steps[-1]), "steps": [to_builtins(step) for step in steps]})


def wanted(query: Mapping[str, str]) -> Wanted:
    """Which episodes are asked for. Raises InvalidRequest naming every parameter that is not as it must be."""
    given = only_known(query, LIST_EPISODES.query_names)
    wrong = {name: "must be a text without NUL characters" for name in given if NUL in given[name]}
    since, limit = None, given.get("limit", "50")
    try:
        since = _moment(given["since"]) if "since" in given else None
    except ValueError:
        wrong["since"] = "must be a moment with its offset, such as 2026-11-27T09:00:00Z"
    if given.get("open", "true") not in OPEN:
        wrong["open"] = "must be true or false"
    if not (limit.isascii() and limit.isdigit() and len(limit) < 5 and 1 <= int(limit) <= MOST):
        wrong["limit"] = f"must be a number from 1 to {MOST}"
    checked(given, wrong)
    is_open = OPEN[given["open"]] if "open" in given else None
    return Wanted(given.get("model"), given.get("version"), given.get("feature"), is_open, since, int(limit))


def summary(last: DriftEvent) -> dict[str, Any]:
    """An episode by its last step: what, since when, how much; the case is left out."""
    case = last.drift_result
    facts = to_builtins(last)
    left_out = ("event_type", "drift_result", "schema_version")
    return {
        **{name: value for name, value in facts.items() if name not in left_out},
        "open": last.phase != "resolved",
        "test": case.test,
        "p_value": case.p_value,
        "distance": case.distance,
        "effect": case.effect,
    }


def outcome(window: DriftWindow) -> dict[str, Any]:
    """A window, of its features only the names of those that drifted."""
    facts = to_builtins(window)
    facts["drifted"] = [feature.feature for feature in window.features if feature.drifted]
    return {name: value for name, value in facts.items() if name not in ("features", "schema_version")}


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found
