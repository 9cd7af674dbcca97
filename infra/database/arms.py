"""What was counted on the arms of a route: totals that triggers keep, not the answers themselves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, text

from infra.database.latencies import NOTHING, Latencies

# Losses that are revised are taken off again, which may leave a last bit below 0.
TOTALS = text(
    """
    SELECT arm, version,
      sum(requests)::bigint AS requests,
      sum(compared)::bigint AS compared,
      coalesce(sum(entities) FILTER (WHERE route_epoch = :epoch), 0)::bigint AS entities,
      sum(errors)::bigint AS errors,
      sum(disagreements)::bigint AS disagreements,
      sum(flips)::bigint AS flips,
      sum(labels)::bigint AS labels,
      sum(correct)::bigint AS correct,
      greatest(sum(loss), 0) AS loss,
      greatest(sum(champion_loss), 0) AS champion_loss,
      greatest(sum(squares), 0) AS squares,
      jsonb_agg(latencies) AS latencies
    FROM arm_deltas
    WHERE model = :model AND route_epoch BETWEEN :first AND :epoch AND (arm IS NULL) = :copies
    GROUP BY arm, version
    """
)


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """One arm of a route since its plan was set.

    served: requests that it answered, errors among them. entities: whom it answered since the last step. slow: of more
    than the asked milliseconds, or of up to 2 % more. labels: answers whose truth is known; loss: the sum of their
    Brier losses, an error's the greatest there is; correct: how many of them were right. latencies: of requests, from
    the broker's receipt to the scoring; p50_ms, p99_ms: theirs, within 1 %.
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
    latencies: Latencies = field(default=NOTHING, compare=False)


def count_arms(connection: Connection, model: str, first: int, epoch: int, slow_ms: float) -> Sequence[ArmCounts]:
    """The arms that answered anything in the route's epochs from `first` to `epoch`."""
    return [
        ArmCounts(
            arm=total.arm,
            version=total.version,
            served=total.requests,
            entities=total.entities,
            errors=total.errors,
            slow=latencies.slower(slow_ms),
            labels=total.labels,
            loss=total.loss,
            correct=total.correct,
            p50_ms=latencies.percentile(0.5),
            p99_ms=latencies.percentile(0.99),
            latencies=latencies,
        )
        for total, latencies in _totals(connection, model, first, epoch, copies=False)
    ]


@dataclass(frozen=True, slots=True)
class ShadowCounts:
    """A challenger since its plan was set, beside the champion on the same requests.

    evaluated: copies that it tried. compared: of these the ones it answered with a label; disagreements: with another
    one in some row; flips: rows with another label. slow: its own time for scoring, as of an arm. labels: rows that
    both answered and whose truth is known; loss, champion_loss: sums of their Brier losses; squares: of the
    differences' squares. latencies: of its own scoring, by request; p99_ms: theirs, within 1 %.
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
    latencies: Latencies = field(default=NOTHING, compare=False)


def count_shadows(connection: Connection, model: str, first: int, epoch: int, slow_ms: float) -> Sequence[ShadowCounts]:
    """The challengers that tried anything in the route's epochs from `first` to `epoch`; skipped ones not."""
    return [
        ShadowCounts(
            version=total.version,
            evaluated=total.requests,
            compared=total.compared,
            errors=total.errors,
            slow=latencies.slower(slow_ms),
            disagreements=total.disagreements,
            flips=total.flips,
            labels=total.labels,
            loss=total.loss,
            champion_loss=total.champion_loss,
            squares=total.squares,
            p99_ms=latencies.percentile(0.99),
            latencies=latencies,
        )
        for total, latencies in _totals(connection, model, first, epoch, copies=True)
    ]


def _totals(
    connection: Connection, model: str, first: int, epoch: int, *, copies: bool
) -> Iterator[tuple[Row[Any], Latencies]]:
    asked = {"model": model, "first": first, "epoch": epoch, "copies": copies}
    for total in connection.execute(TOTALS, asked):
        yield total, Latencies(total.latencies)
