"""The trainer: looks for a cause to retrain each model that has a route, and carries it out in a process of its own.

Beside it learn the models that are to be learned row by row.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Engine

from agents.triggers import Cause, Rules, cause, rests
from infra.database.engine import create_db_engine
from infra.database.faults import reaching_postgres
from infra.database.online import OnlineModels
from infra.database.retrainings import last_jobs
from schemas.errors import Undecodable, WeirError
from schemas.retraining import read_job
from streams.bundles import BundleStore
from streams.child import GRACE_S, Ended, run
from streams.control_state import control_store
from streams.learning import learning
from streams.retraining import PlatformDesk
from streams.settings import Settings
from streams.signals import rules_of, seen
from streams.tasks import first_failure
from streams.topics import TOPICS, check_topics
from streams.trainer_metrics import OnlineMetrics, TrainerMetrics

log = logging.getLogger("weir.trainer")

TOLD = 2000
"""Characters of what a process said that ended without an outcome."""


async def train(settings: Settings, stop: asyncio.Event) -> None:
    """Look every so often until told to stop. Raises BadSettings, Unavailable before the first look."""
    await asyncio.to_thread(check_topics, settings, TOPICS)
    engine = create_db_engine(settings.database_url.get_secret_value(), 2 + len(settings.online_models), 0)
    causes, command = Causes(settings, engine), partial(command_of, settings)
    trainer = Trainer(causes, command, TrainerMetrics(), stop, settings.retrain_longest_s)
    log.info("ready: trainer, looks every %g s", settings.retrain_look_s)
    try:
        kept, desk = OnlineModels(engine), PlatformDesk(settings, engine)
        async with learning(settings, kept, desk, OnlineMetrics()) as learners:  # a bug in one ends the trainer
            await first_failure(asyncio.ensure_future(_look(trainer, settings.retrain_look_s)), *learners)
    finally:
        engine.dispose()
    log.info("stopped")


async def _look(trainer: "Trainer", every_s: float) -> None:
    while not trainer.stop.is_set():
        await trainer.look()
        with suppress(TimeoutError):
            await asyncio.wait_for(trainer.stop.wait(), every_s)


class Looks(Protocol):
    async def champions(self) -> Mapping[str, str]:
        """Model -> version of its champion, of each that has a route. Raises Unavailable."""
        ...

    def find(self, model: str, version: str, tried_at: datetime | None, now: datetime) -> Cause | None:
        """tried_at: when this process was last done with the model. Raises BundleRefused, Unavailable."""
        ...


class Causes:
    """Why models are to be retrained, as Postgres, the routes and the model store have it."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._control = control_store(settings)
        self._store = BundleStore(settings.model_store)
        self._engine = engine
        self._rules: Rules = rules_of(settings)
        self._online = settings.online_models

    async def champions(self) -> Mapping[str, str]:
        routes = (await self._control.read()).routes
        return {model: route.plan.champion.version for model, route in routes.items()}

    def find(self, model: str, version: str, tried_at: datetime | None, now: datetime) -> Cause | None:
        rules = self._rules if model in self._online else replace(self._rules, online=0)
        with reaching_postgres(), self._engine.connect() as connection:
            last_at, completed = last_jobs(connection, model)
            if any(rests(at, rules, now) for at in (tried_at, last_at)):
                return None
            champion = self._store.manifest(model, version)
            return cause(seen(connection, champion, rules, completed), rules, now)


@dataclass
class Trainer:
    """One retraining at a time, each a child that ends with this process, or after `longest_s` seconds."""

    causes: Looks
    command: Callable[[str, Cause], Sequence[str]]
    metrics: TrainerMetrics
    stop: asyncio.Event
    longest_s: float = 3600.0
    grace_s: float = GRACE_S
    _tried: dict[str, datetime] = field(default_factory=dict)

    async def look(self) -> None:
        """Retrain each model for which there is a cause now; a look that fails is told, and the next one comes."""
        try:
            champions = await self.causes.champions()
        except WeirError as error:
            return self._failed(error)
        for model, version in champions.items():
            try:
                found = await asyncio.to_thread(
                    self.causes.find, model, version, self._tried.get(model), datetime.now(UTC)
                )
            except WeirError as error:
                self._failed(error, model)
                continue
            if found is not None and not self.stop.is_set():
                await self._retrain(model, found)
        return None

    async def _retrain(self, model: str, found: Cause) -> None:
        said = {"model": model, "trigger": found.trigger, "reason": found.reason}
        log.info("retraining", extra={"data": said})
        self.metrics.began(model)
        how = "crashed"
        try:
            how, told = _outcome(await run(self.command(model, found), self.stop, self.longest_s, self.grace_s))
            tell = log.info if how in ("passed", "not_passed") else log.warning
            tell("retraining ended: %s", how, extra={"data": {**said, **told}})
        finally:
            self._tried[model] = datetime.now(UTC)
            self.metrics.ended(model, found.trigger, how)

    def _failed(self, error: WeirError, model: str | None = None) -> None:
        self.metrics.failed_look()
        log.warning("no look for a cause to retrain: %s", error, extra={"data": {"model": model}})


def command_of(settings: Settings, model: str, found: Cause) -> Sequence[str]:
    """`weir retrain` as the settings have it."""
    options = {
        "model": model,
        "trigger": found.trigger,
        "reason": found.reason,
        "days-back": settings.retrain_days_back,
        "min-samples": settings.retrain_min_samples,
        "least-f1": settings.retrain_least_f1,
        "cool-down": settings.retrain_cool_down_s,
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streams.cli", "retrain", "--json", *given]


def _outcome(ended: Ended) -> tuple[str, dict[str, Any]]:
    """How the retraining ended, and what the log says of it."""
    try:
        job = read_job(ended.out.strip().rpartition(b"\n")[2])
    except Undecodable:
        said = ended.err.decode("utf-8", "replace").strip()[-TOLD:]
        return "crashed" if ended.why == "by_itself" else ended.why, {"code": ended.code, "said": said}
    told = {name: getattr(job, name) for name in ("job_id", "state", "candidate_version", "rows", "error")}
    if job.state != "completed":
        return job.state, told
    return "passed" if (job.result or {}).get("passed") else "not_passed", told
