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
      coalesce(
        sum(coalesce(power(predicted_probability - actual_label, 2), 1)) FILTER (WHERE actual_label IS NOT NULL), 0
      ) AS loss,
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
    than the asked milliseconds. labels: answers whose truth is known; loss: the sum of their Brier losses, an
    error's the greatest there is; correct: how many of them were right. p50_ms, p99_ms: from the broker's receipt to
    the scoring.
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
    p50_ms: float | None = None
    p99_ms: float | None = None


def count_arms(connection: Connection, model: str, first: int, epoch: int, slow_ms: float) -> Sequence[ArmCounts]:
    """The arms that answered anything in the route's epochs from `first` to `epoch`."""
    asked = {"model": model, "first": first, "epoch": epoch, "slow_ms": slow_ms}
    return [ArmCounts(**row._mapping) for row in connection.execute(SERVED, asked)]


SHADOWED = text(
    """
    SELECT version,
      count(*) FILTER (WHERE "row" = 0) AS evaluated,
      count(*) FILTER (WHERE "row" = 0 AND error IS NULL) AS compared,
      count(*) FILTER (WHERE "row" = 0 AND error IS NOT NULL) AS errors,
      count(*) FILTER (WHERE "row" = 0 AND latency_ms > :slow_ms) AS slow,
      count(DISTINCT request_id) FILTER (WHERE NOT agrees) AS disagreements,
      count(*) FILTER (WHERE NOT agrees) AS flips,
      count(excess) AS labels,
      coalesce(sum(loss), 0) AS loss,
      coalesce(sum(champion_loss) FILTER (WHERE excess IS NOT NULL), 0) AS champion_loss,
      coalesce(sum(excess * excess), 0) AS squares,
      percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ms) AS p99_ms
    FROM (
      SELECT *, loss - champion_loss AS excess FROM (
        SELECT shadow_predictions.*,
          power(probability - actual_label, 2) AS loss,
          power(champion_probability - actual_label, 2) AS champion_loss
        FROM shadow_predictions
        LEFT JOIN (SELECT request_id, "row", actual_label FROM prediction_feedback) AS truth USING (request_id, "row")
        WHERE model = :model AND route_epoch BETWEEN :first AND :epoch
          AND (error IS NULL OR error NOT IN ('skipped', 'unavailable'))
      ) AS asked
    ) AS judged
    GROUP BY version
    """
)


@dataclass(frozen=True, slots=True)
class ShadowCounts:
    """A challenger since its plan was set, beside the champion on the same requests.

    evaluated: copies that it tried. compared: of these the ones it answered; disagreements: with another label in some
    row; flips: rows with another label. slow: its own time for scoring. labels: rows that both answered and whose truth
    is known; loss, champion_loss: sums of their Brier losses; squares: of the differences' squares.
    """

    version: str
    evaluated: int = 0
    compared: int = 0
    errors: int = 0
    slow: int = 0
    disagreements: int = 0
    flips: int = 0
    labels: int = 0
    loss: float = 0.0
    champion_loss: float = 0.0
    squares: float = 0.0
    p99_ms: float | None = None


def count_shadows(connection: Connection, model: str, first: int, epoch: int, slow_ms: float) -> Sequence[ShadowCounts]:
    """The challengers that tried anything in the route's epochs from `first` to `epoch`; skipped ones not."""
    asked = {"model": model, "first": first, "epoch": epoch, "slow_ms": slow_ms}
    return [ShadowCounts(**row._mapping) for row in connection.execute(SHADOWED, asked)]
