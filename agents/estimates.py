"""How good answers probably are before anybody knows the truth: told with each window of what was answered."""

from agents.drift_messages import HEADERS, Version, version_key
from models.drift import Verdict, Window
from models.quality import estimate
from models.quality.binned import answered_between
from schemas.message import Emission
from schemas.performance import ModelPerformance, encode_performance


def estimate_records(
    topic: str | None, version: Version, window: Window, verdict: Verdict, threshold: float | None
) -> list[Emission]:
    """The estimate for a window of a binary model; none for others. threshold: from which score on it answers yes."""
    found = [one.distribution for one in verdict.all if one.subject == "prediction" and one.state != "no_reference"]
    if topic is None or threshold is None or not found:
        return []
    [answers] = found
    edges, counts = answers.reference.edges.astype(float), answers.counts.astype(float)
    said = answered_between(edges, counts, threshold, answers.below, answers.above)
    measures = estimate(said)
    message = ModelPerformance(
        model=version[0],
        model_version=version[1],
        role="served",
        estimated=True,
        window=window.id,
        start=window.start,
        end=window.end,
        rows=measures.rows,
        unusable=answers.missing,
        revised=0,
        measures=measures.values,
        missing=measures.missing,
    )
    return [Emission(topic, version_key(version), encode_performance(message), HEADERS)]
