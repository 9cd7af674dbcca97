"""What a retraining needs of the platform: rows of Postgres, the champion of the route, the model store, and Kafka."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import numpy as np
from sqlalchemy import Engine

from agents.learn import learned
from infra import artifacts
from infra.database.engine import create_db_session
from infra.database.faults import reaching_postgres
from infra.database.online import OnlineModels
from infra.database.retraining import labelled_predictions
from infra.kafka import client_options, publish
from models.bundle import Bundle
from models.retraining import LabelledRows, Learned, Retrained
from schemas.control import Command, Outcome, PublishModel, SetRoute
from schemas.errors import InvalidRequest
from schemas.headers import CURRENT_SCHEMA, SCHEMA_VERSION
from schemas.retraining import RetrainingJob, encode_job
from schemas.routes import Arm, Route, RoutePlan
from streams.bundles import BundleStore
from streams.control_state import control_store
from streams.giving import give
from streams.settings import Settings
from streams.topics import RETRAINING_JOBS

Place = Literal["challenger", "shadow"]
"""Where a candidate stands: neither answers anybody; a challenger's evidence can promote it."""

_STRATEGIES: Mapping[Place, Literal["champion_challenger", "shadow"]] = {
    "challenger": "champion_challenger",
    "shadow": "shadow",
}
_PATIENCE_S = 30.0


class PlatformDesk:
    """The desk of `agents.retrain` on the platform that the settings name. place: where a candidate enters."""

    def __init__(self, settings: Settings, engine: Engine, place: Place = "challenger") -> None:
        self._settings = settings
        self._engine = engine
        self._place = place
        self._store = BundleStore(settings.model_store)

    def champion(self, model: str) -> Bundle:
        """As the route says. Raises InvalidRequest without one, BundleRefused, Unavailable."""
        return self._store.load(model, self.champion_version(model))

    def champion_version(self, model: str) -> str:
        """Raises InvalidRequest without a route, Unavailable."""
        return self._route(model).plan.champion.version

    def rows(self, model: str, first: datetime, cutoff: datetime, least: int) -> LabelledRows:
        """Raises NotEnoughData, Unavailable."""
        with reaching_postgres(), create_db_session(self._engine) as session:
            found = labelled_predictions(session, model, first, cutoff, least)
        # By which the same rows come again, whenever they were asked for.
        query = {"model": model, "first": found.first.isoformat(), "label_cutoff": found.last_label.isoformat()}
        return LabelledRows(found.features, found.labels.astype(np.intp), found.scored_ms, query)

    def learned(self, champion: Bundle, least: int) -> Learned:
        """Raises InvalidRequest, NotEnoughData, Unavailable."""
        if (kept := OnlineModels(self._engine).load(champion.name)) is None:
            raise InvalidRequest(f"nothing is learned of {champion.name} row by row: name it in RETRAIN_ONLINE")
        return learned(champion, kept.state, least)

    def enter(self, made: Retrained, job: RetrainingJob) -> Mapping[str, Any]:
        """Store, announce, and put beside the champion where the route has room; what came of it.

        Raises BundleRefused, Unavailable.
        """
        version, actor = made.report.version, f"retraining {job.job_id}"
        artifacts.publish(self._settings.model_store, job.model, version, made.files)
        told: dict[str, Any] = {"model": job.model, "actor": actor, "reason": f"retrained: {job.reason}"[:500]}
        announced = self._given(PublishModel(version=version, **told))
        if announced.status == "refused":
            return {"published": True, "route": None, "note": _why(announced)}
        route = self._route(job.model)
        if (note := hindrance(route, version, made.report.champion_version, self._place)) is not None:
            return {"published": True, "route": None, "note": note}
        plan, epoch = beside(route, version, self._place), route.epoch
        if plan != route.plan:  # one that is set again would have another epoch
            outcome = self._given(SetRoute(plan=plan, if_epoch=route.epoch, **told))
            if outcome.status == "refused":
                return {"published": True, "route": None, "note": _why(outcome)}
            epoch = (outcome.route or {}).get("epoch", epoch)
        return {"published": True, "route": {"strategy": plan.strategy, "epoch": epoch}}

    def tell(self, job: RetrainingJob) -> None:
        """Raises Unavailable."""
        topic, headers = self._settings.topic(RETRAINING_JOBS.name), [(SCHEMA_VERSION, CURRENT_SCHEMA)]
        publish(client_options(self._settings), topic, [(job.model.encode(), encode_job(job), headers)])

    def _route(self, model: str) -> Route:
        routes = asyncio.run(control_store(self._settings).read()).routes
        if model not in routes:
            known = ", ".join(sorted(routes)) or "none"
            raise InvalidRequest(f"no route of model {model!r}, so nothing to retrain it against; routes: {known}")
        return routes[model]

    def _given(self, command: Command) -> Outcome:
        return asyncio.run(give(self._settings, command, _PATIENCE_S))


def hindrance(route: Route, version: str, champion_version: str, place: Place) -> str | None:
    """Why the candidate cannot stand beside the champion, in words; None where it can.

    champion_version: who it was held against.
    """
    plan = route.plan
    if plan.champion.version != champion_version:
        return (
            f"the champion of {route.model} is {plan.champion.version} by now, the candidate was held against "
            f"{champion_version}: retrain again"
        )
    others = {one for one in plan.versions() if one != champion_version}
    if plan.strategy == "champion" or (plan.strategy == _STRATEGIES[place] and others <= {version}):
        return None
    return f"the route of {route.model} has {plan.strategy} at work: give it the candidate when that is over"


def beside(route: Route, version: str, place: Place) -> RoutePlan:
    """The route's plan with the candidate beside its champion."""
    champion = Arm(name="champion", version=route.plan.champion.version)
    arms = (champion, Arm(name=place, version=version, weight=0.0))
    return route.plan.model_copy(update={"strategy": _STRATEGIES[place], "arms": arms})


def _why(outcome: Outcome) -> str:
    return f"{outcome.code}: {outcome.message}"
