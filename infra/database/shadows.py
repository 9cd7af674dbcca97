"""Challengers' answers beside the champion's: stored, and summed up."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from schemas.shadow import SHADOW_CODES

_COLUMNS = {
    "request_id": "text",
    "row": "integer",
    "version": "text",
    "entity": "text",
    "model": "text",
    "route_epoch": "bigint",
    "champion_version": "text",
    "champion_arm": "text",
    "champion_probability": "double precision",
    "champion_label": "text",
    "champion_latency_ms": "double precision",
    "probability": "double precision",
    "label": "text",
    "latency_ms": "double precision",
    "error": "text",
    "error_id": "text",
    "difference": "double precision",
    "agrees": "boolean",
    "predictions": "jsonb",
    "requested_at": "timestamptz",
    "scored_at": "timestamptz",
}
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)

# What is scored again after a crash may end otherwise: the first answer stands. Locks are taken in one order.
INSERT_SHADOWS = text(
    f"""
    INSERT INTO shadow_predictions ({_NAMES}) SELECT {_NAMES}
    FROM json_to_recordset(CAST(:rows AS json)) AS given({", ".join(f'"{n}" {t}' for n, t in _COLUMNS.items())})
    ORDER BY request_id COLLATE "C", "row", version COLLATE "C"
    ON CONFLICT (request_id, "row", version) DO NOTHING
    """  # noqa: S608 - the names are the ones above
)

MOST_ROWS = 100_000
"""What an analysis looks at: a second's work for the database, however many copies there are."""

_LATEST = """
    (SELECT * FROM shadow_predictions WHERE model = :model AND route_epoch >= :first
     ORDER BY route_epoch DESC, scored_at DESC LIMIT :most)
"""

# The truth stands beside the champion's row alone, as 0 or 1: of other classes it is not known who was right, and a
# Brier score is of two. avg() of doubles ends where their squares overflow, as one regression far off makes them.
ANALYSIS = text(
    f"""
    SELECT version,
      count(*) AS count,
      count(*) FILTER (WHERE "row" = 0) AS requests,
      count(*) FILTER (WHERE error IS NULL) AS compared,
      avg(difference::numeric)::float8 AS mean_difference,
      max(difference) AS max_difference,
      count(*) FILTER (WHERE agrees) AS agreed,
      count(*) FILTER (WHERE NOT agrees) AS flips,
      percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY champion_latency_ms) FILTER (WHERE "row" = 0)
        AS champion_ms,
      percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE "row" = 0)
        AS challenger_ms,
      count(actual_label) FILTER (WHERE error IS NULL) AS labels,
      avg((champion_label = actual_label::text)::int::float8)
        FILTER (WHERE champion_label IN ('0', '1') AND error IS NULL) AS champion_accuracy,
      avg((label = actual_label::text)::int::float8) FILTER (WHERE label IN ('0', '1')) AS challenger_accuracy,
      avg(power(champion_probability - actual_label, 2)) FILTER (WHERE is_binary) AS champion_brier,
      avg(power(probability - actual_label, 2)) FILTER (WHERE is_binary) AS challenger_brier
    FROM (
      SELECT *, predictions IS NULL AND difference IS NOT NULL AS is_binary FROM {_LATEST} AS latest
    ) AS tried
    LEFT JOIN (SELECT request_id, "row", actual_label FROM prediction_feedback) AS truth USING (request_id, "row")
    GROUP BY version ORDER BY version
    """  # noqa: S608 - all of it stands here
)

ERRORS = text(
    f"""
    SELECT version, error, count(*) AS answers FROM {_LATEST} AS latest WHERE error IS NOT NULL
    GROUP BY version, error ORDER BY version, error
    """  # noqa: S608
)

FLIPS = text(
    f"""
    SELECT version, champion_label, label, count(*) AS answers FROM {_LATEST} AS latest WHERE NOT agrees
    GROUP BY version, champion_label, label ORDER BY answers DESC, version, champion_label, label
    """  # noqa: S608
)


def shadow_analysis(connection: Connection, model: str, first_epoch: int, most: int = MOST_ROWS) -> dict[str, Any]:
    """How the challengers of a model did beside its champion since an epoch, as JSON values; see `analysis`.

    Of more than `most` rows the latest, which `latest_only` tells.
    """
    asked = {"model": model, "first": first_epoch, "most": most}
    found = [connection.execute(query, asked).all() for query in (ANALYSIS, ERRORS, FLIPS)]
    latest_only = sum(row._mapping["count"] for row in found[0]) >= most
    return {"since_epoch": first_epoch, "latest_only": latest_only, **analysis(*found)}


def analysis(sums: Sequence[Row[Any]], errors: Sequence[Row[Any]], flips: Sequence[Row[Any]]) -> dict[str, Any]:
    """`status` is `no_data` where no challenger was asked anything, else `ok`; what was counted stands by challenger.

    count: rows that it was to answer, of so many requests. compared: those that it answered. difference: mean and
    largest. agreement: the part of the compared rows with the same label; flips: the others, by label. All of these
    are null or 0 without rows, never NaN. latency_ms: the champion's from the broker's receipt on, the challenger's
    for scoring alone. truth: of the compared rows whose label is known.
    """
    challengers = [
        _challenger(
            row._asdict(),
            {error.error: error.answers for error in errors if error.version == row.version},
            [
                {"champion": flip.champion_label, "challenger": flip.label, "count": flip.answers}
                for flip in flips
                if flip.version == row.version
            ],
        )
        for row in sums
    ]
    return {"status": "ok" if challengers else "no_data", "challengers": challengers}


def _challenger(row: Mapping[str, Any], errors: Mapping[str, int], by_label: Sequence[Any]) -> dict[str, Any]:
    compared = row["agreed"] + row["flips"]
    return {
        "version": row["version"],
        "count": row["count"],
        "requests": row["requests"],
        "compared": row["compared"],
        "errors": {code: errors.get(code, 0) for code in SHADOW_CODES},
        "difference": {"mean": row["mean_difference"], "max": row["max_difference"]},
        "agreement": row["agreed"] / compared if compared else None,
        "flips": row["flips"],
        "flips_by_label": by_label,
        "latency_ms": {who: _percentiles(row[f"{who}_ms"]) for who in ("champion", "challenger")},
        "truth": {
            "labels": row["labels"],
            **{
                who: {"accuracy": row[f"{who}_accuracy"], "brier": row[f"{who}_brier"]}
                for who in ("champion", "challenger")
            },
        },
    }


def _percentiles(found: Sequence[float] | None) -> dict[str, float | None]:
    p50, p99 = found or (None, None)
    return {"p50": p50, "p99": p99}
