"""The counts of a route's arms read from the answers themselves: what the totals are held against."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from infra.database.arms import ArmCounts, ShadowCounts, count_arms, count_shadows
from infra.database.latencies import RATIO

SLOW_MS = 40.0

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
      percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE "row" = 0) AS p50_ms,
      percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE "row" = 0) AS p99_ms
    FROM prediction_feedback
    WHERE model = :model AND route_epoch BETWEEN :first AND :epoch AND status IN ('ok', 'error') AND arm IS NOT NULL
    GROUP BY arm, model_version
    """
)

SHADOWED = text(
    """
    SELECT version,
      count(*) FILTER (WHERE "row" = 0) AS evaluated,
      count(*) FILTER (WHERE "row" = 0 AND error IS NULL AND agrees IS NOT NULL) AS compared,
      count(*) FILTER (WHERE "row" = 0 AND error IS NOT NULL) AS errors,
      count(*) FILTER (WHERE "row" = 0 AND latency_ms > :slow_ms) AS slow,
      count(DISTINCT request_id) FILTER (WHERE NOT agrees) AS disagreements,
      count(*) FILTER (WHERE NOT agrees) AS flips,
      count(excess) AS labels,
      coalesce(sum(loss), 0) AS loss,
      coalesce(sum(champion_loss) FILTER (WHERE excess IS NOT NULL), 0) AS champion_loss,
      coalesce(sum(excess * excess), 0) AS squares,
      percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE "row" = 0) AS p99_ms
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

Counts = dict[Any, ArmCounts | ShadowCounts]


def totals(engine: Engine, model: str, first: int, epoch: int, slow_ms: float = SLOW_MS) -> Counts:
    """By arm and version, and by version for a challenger; those that are left with nothing aside."""
    with engine.connect() as connection:
        arms = count_arms(connection, model, first, epoch, slow_ms)
        shadows = count_shadows(connection, model, first, epoch, slow_ms)
    return {(arm.arm, arm.version): arm for arm in arms if arm.served} | {
        shadow.version: shadow for shadow in shadows if shadow.evaluated
    }


def recount(engine: Engine, model: str, first: int, epoch: int, slow_ms: float = SLOW_MS) -> Counts:
    asked = {"model": model, "first": first, "epoch": epoch, "slow_ms": slow_ms}
    with engine.connect() as connection:
        arms = [ArmCounts(**row._mapping) for row in connection.execute(SERVED, asked)]
        shadows = [ShadowCounts(**row._mapping) for row in connection.execute(SHADOWED, asked)]
    return {(arm.arm, arm.version): arm for arm in arms} | {shadow.version: shadow for shadow in shadows}


def check(engine: Engine, model: str, first: int, epoch: int) -> Counts:
    """The totals, which are what the tables say: exactly but for latencies, which are so to a bucket's width."""
    found, exact = totals(engine, model, first, epoch), recount(engine, model, first, epoch)
    surely_slow = recount(engine, model, first, epoch, SLOW_MS * RATIO)
    assert found.keys() == exact.keys()
    for arm, counts in found.items():
        assert surely_slow[arm].slow <= counts.slow <= exact[arm].slow
        assert _numbers(counts) == pytest.approx(_numbers(exact[arm]), rel=1e-9, abs=1e-9), arm
        assert _percentiles(counts) == pytest.approx(_percentiles(exact[arm]), rel=RATIO - 1), arm
    return found


def _numbers(counts: ArmCounts | ShadowCounts) -> dict[str, float]:
    names = counts.__slots__
    others = ("arm", "version", "slow", "p50_ms", "p99_ms", "latencies")
    return {name: getattr(counts, name) for name in names if name not in others}


def _percentiles(counts: ArmCounts | ShadowCounts) -> list[float]:
    return [getattr(counts, name, None) or 0.0 for name in ("p50_ms", "p99_ms")]
