"""What a trainer sees of a model: in Postgres, and in its champion's manifest."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from statistics import fmean

from sqlalchemy import Connection

from agents.learn import is_enough
from agents.triggers import HELD_OUT, Loss, Rules, Signals
from infra.database.online import kept, tried_rows
from infra.database.signals import count_labels, first_and_last_windows, known_since, open_drifts
from models.manifest import Manifest
from schemas.drift_events import DriftEvent
from schemas.performance import ModelPerformance
from schemas.retraining import RetrainingJob
from streams.settings import Settings

WINDOWS = 3
"""Of quality that are taken together: one alone is chance."""


def rules_of(settings: Settings) -> Rules:
    return Rules(
        drift_weight=settings.retrain_drift_weight,
        loss=settings.retrain_loss,
        labels=settings.retrain_labels,
        age=timedelta(days=settings.retrain_age_days),
        every=timedelta(hours=settings.retrain_every_h),
        cool_down=timedelta(seconds=settings.retrain_cool_down_s),
        least_rows=settings.retrain_min_samples,
        online=settings.retrain_online_every,
    )


def seen(connection: Connection, champion: Manifest, rules: Rules, completed: RetrainingJob | None) -> Signals:
    """What the rules ask for: nothing is read for one that is off. completed: the model's last job that was."""
    since = None if completed is None else completed.started_at
    trained_at = None if champion.training is None else champion.training.trained_at
    drifts = _drifts(connection, champion, rules, since)
    weight = sum(map(weight_of, drifts))
    drift_labels = 0
    if drifts and weight >= rules.drift_weight:
        first = min(drift.first_seen for drift in drifts)
        drift_labels = count_labels(connection, champion.name, scored_since=first)
    labels_since = since or trained_at
    return Signals(
        drift_weight=weight,
        drifts=tuple(drift.feature for drift in sorted(drifts, key=weight_of, reverse=True)),
        drift_labels=drift_labels,
        loss=_loss(connection, champion, since) if rules.loss else None,
        labels=count_labels(connection, champion.name, labelled_since=labels_since) if rules.labels else 0,
        trained_at=trained_at,
        completed_at=None if completed is None else completed.ended_at,
        online=_online(connection, champion, rules) if rules.online else 0,
    )


def weight_of(drift: DriftEvent) -> float:
    """Importance times the share of rows that moved; of answers, errors and outliers the share alone."""
    case = drift.drift_result
    if drift.subject != "feature":
        return case.effect
    return next((top.weight for top in case.top_features if top.feature == drift.feature), 0.0)


def _drifts(connection: Connection, champion: Manifest, rules: Rules, since: datetime | None) -> Sequence[DriftEvent]:
    """Those that weigh, but for who was the same at the last job, and of whose rows it had learned enough."""
    if not rules.drift_weight:
        return ()
    found = open_drifts(connection, champion.name, champion.version)
    heavy = [drift for drift in found if drift.severity != "info" and weight_of(drift) > 0]
    if since is None or all(drift.timestamp >= since for drift in heavy):
        return heavy
    learned = known_since(connection, champion.name, since, max(1, ceil(rules.least_rows / HELD_OUT)))
    return [drift for drift in heavy if drift.timestamp >= since or learned is None or drift.first_seen > learned]


def _online(connection: Connection, champion: Manifest, rules: Rules) -> int:
    """Rows that the learner has learned since it was tried; 0 where it was compared with the champion on too few."""
    found = kept(connection, champion.name)
    if found is None or found.champion_version != champion.version:
        return 0
    tried = tried_rows(connection, champion.name)
    since = found.rows - (tried if tried <= found.rows else 0)  # of a learner that has begun anew it was another one
    return since if is_enough(found.rows, found.compared, rules.least_rows) else 0


def _loss(connection: Connection, champion: Manifest, since: datetime | None) -> Loss | None:
    """By the truth where it has come, else as estimated."""
    for is_estimated in (False, True):
        first, last = first_and_last_windows(
            connection, champion.name, champion.version, WINDOWS, estimated=is_estimated
        )
        if since is not None:
            last = [window for window in last if window.end > since]
        now = _mean(last, is_estimated) if len(last) == WINDOWS else None
        if now is None:
            continue
        before = _of(champion.metrics, is_estimated) if first[-1].end >= last[0].end else _mean(first, is_estimated)
        return None if before is None else Loss(now, before, is_estimated)
    return None


def _mean(windows: Sequence[ModelPerformance], is_estimated: bool) -> float | None:
    """A row counts as much in each; None where a window has no such measure."""
    values = [_of(window.measures, is_estimated) for window in windows]
    known = [value for value in values if value is not None]
    return None if len(known) < len(values) else fmean(known, weights=[window.rows for window in windows])


def _of(measures: Mapping[str, float], is_estimated: bool) -> float | None:
    """The log loss; the share of wrong answers of an estimate, which has no log loss."""
    if not is_estimated:
        return measures.get("log_loss")
    return 1 - measures["accuracy"] if "accuracy" in measures else None
