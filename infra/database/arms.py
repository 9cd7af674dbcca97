"""What was counted on the arms of a route."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

SERVED = text(
    """
    SELECT arm, model_version AS version,
      count(*) FILTER (WHERE "row" = 0) AS served,
      count(DISTINCT entity) FILTER (WHERE route_epoch = :epoch) AS entities,
      count(*) FILTER (WHERE status = 'error' AND "row" = 0) AS errors,
      count(*) FILTER (WHERE latency_ms > :slow_ms AND "row" = 0) AS slow,
      count(actual_label) AS labels,
      coalesce(sum(power(predicted_probability - actual_label, 2)), 0) AS loss,
      count(*) FILTER (WHERE predicted_label = actual_label) AS correct,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) AS p50_ms,
      percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ms) AS p99_ms
    FROM prediction_feedback
    WHERE model = :model AND route_epoch BETWEEN :first AND :epoch AND status IN ('ok', 'error') AND arm IS NOT NULL
    GROUP BY arm, model_version
    """
)


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """One arm of a route since its plan was set.

    served: requests that it answered, errors among them. entities: whom it answered since the last step. slow: of more
    than the asked milliseconds. labels: answers whose truth is known; loss: the sum of their Brier losses; correct:
    how many of them were right. p50_ms, p99_ms: from the broker's receipt to the scoring.
    """

    arm: str
    version: str
    served: int = 0
    entities: int = 0
    errors: int = 0
    slow: int = 0
    labels: int = 0
    loss: float = 0.0
    correct: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0


def count_arms(connection: Connection, model: str, first: int, epoch: int, slow_ms: float) -> Sequence[ArmCounts]:
    """The arms that answered anything in the route's epochs from `first` to `epoch`."""
    asked = {"model": model, "first": first, "epoch": epoch, "slow_ms": slow_ms}
    return [ArmCounts(**row._mapping) for row in connection.execute(SERVED, asked)]
