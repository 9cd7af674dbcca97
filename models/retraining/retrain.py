"""A new model from labelled rows, held against the champion on the latest of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from models import outliers
from models.bundle import Bundle, read_bundle
from models.metrics import quality
from models.pipelines import ALGORITHMS
from models.retraining.choice import Tried, choose
from models.retraining.curves import Curves, curves
from models.retraining.gate import DEFAULT_F1, Verdict, judge
from models.retraining.rows import LabelledRows, by_time, fitting
from models.retraining.slices import Slice, slices
from models.retraining.sureness import Answers, Sureness, sureness
from models.signature import FloatVector
from models.training import STEPS as TRAINING_STEPS
from models.training import Matrix, Recipe, Truth, bundled
from schemas.errors import InvalidRequest

STEPS = ("encode", *ALGORITHMS, *TRAINING_STEPS[2:], "compare")
"""What `progress` is told, in this order, where all algorithms are tried."""


@dataclass(frozen=True)
class Order:
    """What is asked of a retraining. least_f1: of the gate. algorithms: that may be chosen."""

    least_f1: float = DEFAULT_F1
    algorithms: Sequence[str] = tuple(ALGORITHMS)
    seed: int = 0
    wanted: outliers.Order = outliers.DEFAULT


@dataclass(frozen=True)
class Report:
    """How the candidate came about and what it is worth.

    tried: the algorithms, the chosen one first. candidate, champion: `models.metrics.quality` on the rows held out.
    measured_on: which those are, in words. rows, unfit: that were read, and those of them that break the signature.
    """

    model: str
    version: str
    champion_version: str
    tried: Sequence[Tried]
    candidate: dict[str, float]
    champion: dict[str, float]
    verdict: Verdict
    sureness: Sureness
    slices: Sequence[Slice]
    curves: tuple[Curves, Curves]
    importance: Mapping[str, float]
    rows: int
    digest: str
    window: tuple[datetime, datetime]
    measured_on: str = "the latest fifth of the rows"
    unfit: int = 0


@dataclass(frozen=True)
class Retrained:
    """The candidate's bundle by its files, whatever its verdict, and the report."""

    files: dict[str, bytes]
    report: Report


def retrain(
    rows: LabelledRows, champion: Bundle, order: Order = Order(), progress: Callable[[str], None] = lambda step: None
) -> Retrained:
    """Choose an algorithm, fit, put right, and compare with the champion on the latest fifth.

    The model is of the champion's signature. The same rows, champion, order and libraries give the same bytes: a model
    is as old as its latest row. Raises InvalidRequest for rows that nothing can be learned from, and for a champion
    that is not binary.
    """
    signature = champion.signature
    if champion.task != "binary":
        raise InvalidRequest(f"{champion.name} {champion.version} is of task {champion.task}: only binary is retrained")
    first, last = rows.window
    progress("encode")
    fit, matrix = fitting(rows.frame, signature)
    truth, unfit = rows.truth[fit], len(rows) - len(fit)
    parts = by_time(truth, rows.scored_ms[fit])
    learned = parts.fitting
    tried = choose(signature, matrix[learned], truth[learned], order.algorithms, order.seed, progress)
    recipe = Recipe(
        signature=signature,
        name=champion.name,
        trained_at=last,
        algorithm=tried[0].algorithm,
        seed=order.seed,
        window=(first, last),
        wanted=order.wanted,
        calibrate=True,
        source=rows.source() | ({"unfit": unfit} if unfit else {}),
    )
    files = bundled(recipe, matrix, truth, parts, progress)
    progress("compare")
    held_out = parts.held_out
    both = Both(read_bundle(files), champion, matrix[held_out], truth[held_out])
    return Retrained(files, replace(_report(rows, both, tried, order.least_f1), unfit=unfit))


@dataclass(frozen=True)
class Both:
    """The two models, and the rows held out from the one."""

    candidate: Bundle
    champion: Bundle
    matrix: Matrix
    truth: Truth


def _report(rows: LabelledRows, both: Both, tried: Sequence[Tried], least_f1: float) -> Report:
    candidate, champion = both.candidate, both.champion
    scores, champion_scores = candidate.score(both.matrix), champion.score(both.matrix)
    figures, champion_figures = _quality(candidate, both.truth, scores), _quality(champion, both.truth, champion_scores)
    importance = {name: said.get("importance", 0.0) for name, said in (candidate.manifest.profile or {}).items()}
    return Report(
        model=candidate.name,
        version=candidate.version,
        champion_version=champion.version,
        tried=tried,
        candidate=figures,
        champion=champion_figures,
        verdict=judge(figures, champion_figures, least_f1),
        sureness=sureness(both.truth, _answers(candidate, scores), _answers(champion, champion_scores)),
        slices=slices(candidate.signature, both.matrix, both.truth, scores, champion_scores, importance),
        curves=(curves(both.truth, scores), curves(both.truth, champion_scores)),
        importance=importance,
        rows=len(rows),
        digest=rows.digest,
        window=rows.window,
    )


def _quality(bundle: Bundle, truth: Truth, scores: FloatVector) -> dict[str, float]:
    assert bundle.threshold is not None  # it is binary
    return quality(truth, scores, bundle.threshold)


def _answers(bundle: Bundle, scores: FloatVector) -> Answers:
    return scores >= (bundle.threshold or 0.0)
