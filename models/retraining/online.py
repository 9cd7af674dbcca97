"""An online learner as a candidate: judged by what it answered before it learned, and made a bundle like any other."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from msgspec.json import encode

from models.bundle import Bundle, read_bundle
from models.online import OnlineLearner, graph
from models.prequential import Prequential
from models.retraining.choice import Tried
from models.retraining.curves import curves
from models.retraining.gate import judge
from models.retraining.retrain import Order, Report, Retrained
from models.retraining.rows import LabelledRows, by_time, fitting, moment, refuse_one_sided
from models.retraining.sureness import sureness
from models.training import Fitted, Recipe, sealed
from schemas.errors import InvalidRequest

ALGORITHM = "online_logistic_regression"


@dataclass(frozen=True)
class Learned:
    """How far a learner has come.

    latest: of its rows, and what the champion answered to them. window: when the first and the last row that it learned
    were scored. until: when the last truth was told.
    """

    learner: OnlineLearner
    latest: Prequential
    champion_version: str
    window: tuple[datetime, datetime]
    until: datetime

    @property
    def since(self) -> datetime:
        """When the first of the latest rows was scored."""
        return moment(min(self.latest.scored_ms))

    @property
    def digest(self) -> str:
        """SHA-256 of what it has come to, in which every row that it learned has a part."""
        return hashlib.sha256(encode(self.learner.kept())).hexdigest()


def candidate_of(
    learned: Learned,
    rows: LabelledRows,
    champion: Bundle,
    order: Order,
    progress: Callable[[str], None] = lambda step: None,
) -> Retrained:
    """The learner's bundle and its report. rows: late ones, for profile and outlier detector.

    The older half of the latest rows chooses the threshold, the gate is put to the later half. Raises InvalidRequest
    for rows that tell nothing, and where the champion is another one than it was held against.
    """
    if champion.version != learned.champion_version:
        raise InvalidRequest(
            f"the champion is {champion.version} by now, the learner was held against {learned.champion_version}: "
            "wait until it has been held against the new one"
        )
    progress("encode")
    fit, matrix = fitting(rows.frame, champion.signature)
    parts = by_time(rows.truth[fit], rows.scored_ms[fit])
    progress("evaluate")
    choosing, measured = learned.latest.choosing, learned.latest.measured
    refuse_one_sided("threshold", choosing.truth)
    refuse_one_sided("held_out", measured.truth)
    assert champion.threshold is not None  # it is binary
    threshold = choosing.threshold()
    figures = measured.quality(threshold, champion.threshold)
    fitted = Fitted(graph(learned.learner), threshold, figures[0], learned.learner.rows)
    early, late = matrix[parts.fitting], matrix[len(parts.fitting) :]
    files = sealed(_recipe(learned, champion, order), fitted, early, late, progress)
    return Retrained(files, _report(learned, champion, read_bundle(files), figures, order.least_f1))


def _recipe(learned: Learned, champion: Bundle, order: Order) -> Recipe:
    first, last = learned.window
    query, times = {"model": champion.name, "online": True}, {"first": first.isoformat(), "last": last.isoformat()}
    return Recipe(
        signature=champion.signature,
        name=champion.name,
        trained_at=last,
        algorithm=ALGORITHM,
        seed=order.seed,
        window=learned.window,
        wanted=order.wanted,
        source={"query": query, "rows": learned.learner.rows, "digest": learned.digest, **times},
    )


def _report(
    learned: Learned,
    champion: Bundle,
    candidate: Bundle,
    figures: tuple[dict[str, float], dict[str, float]],
    least_f1: float,
) -> Report:
    own, champions = figures
    measured = learned.latest.measured
    profile = candidate.manifest.profile or {}
    return Report(
        model=champion.name,
        version=candidate.version,
        champion_version=champion.version,
        tried=[Tried(ALGORITHM, (own["log_loss"],), (own["roc_auc"],))],
        candidate=own,
        champion=champions,
        verdict=judge(own, champions, least_f1),
        sureness=sureness(
            measured.truth,
            measured.scores >= (candidate.threshold or 0.0),
            measured.champion >= (champion.threshold or 0.0),
        ),
        slices=(),
        curves=(curves(measured.truth, measured.scores), curves(measured.truth, measured.champion)),
        importance={name: said.get("importance", 0.0) for name, said in profile.items()},
        rows=learned.learner.rows,
        digest=learned.digest,
        window=learned.window,
        measured_on=f"the latest {own['rows']} rows, each answered before it was learned",
    )
