"""The SQL of the batch writes. Rows travel as one JSON array: one parameter, parsed by the server."""

from sqlalchemy import text

_COLUMNS = {
    "request_id": "text",
    "row": "integer",
    "status": "text",
    "entity": "text",
    "key_id": "text",
    "model": "text",
    "model_version": "text",
    "routing_strategy": "text",
    "arm": "text",
    "route_epoch": "bigint",
    "features": "jsonb",
    "predicted_probability": "double precision",
    "predicted_label": "integer",
    "risk_score": "double precision",
    "error": "jsonb",
    "degraded": "boolean",
    "latency_ms": "double precision",
    "requested_at": "timestamptz",
    "scored_at": "timestamptz",
    "metadata": "jsonb",
}
_LABEL = ("actual_label", "label_source", "labelled_at")
_TYPED = ", ".join(f'"{name}" {kind}' for name, kind in _COLUMNS.items())
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
_REPLACED = [*(name for name in _COLUMNS if name not in ("request_id", "row")), *_LABEL]

# What came later counts: by the time of receipt, in a partition by the offset, though its clock was set back or the
# sink read an older one last. A label written directly has no place, and comes after those of the same instant.
_HEARD_AT = """
    max(received_at) OVER (
        PARTITION BY request_id, "row", log, "partition", CASE WHEN log IS NULL THEN id END ORDER BY "offset"
    ) AS heard_at
"""
_NEWEST_LABEL = f"""
    SELECT label, source, received_at FROM (
        SELECT label_revisions.*, {_HEARD_AT} FROM label_revisions
        WHERE request_id = given.request_id AND "row" = given."row"
    ) AS said ORDER BY heard_at DESC, log DESC, "partition" DESC, "offset" DESC, id DESC LIMIT 1
"""  # noqa: S608 - no name is from outside

# Labels are 0 and 1 so far: beside the answer of a model of several classes or of a number they would say nothing.
_OF_NO_PAIR = "COALESCE(jsonb_exists({}.metadata, 'predictions'), false)"

# Every transaction takes its locks in one order, whatever the database's collation.
UPSERT_PREDICTIONS = text(
    f"""
    INSERT INTO prediction_feedback ({_NAMES}, {", ".join(_LABEL)})
    SELECT {", ".join(f'given."{name}"' for name in _COLUMNS)}, truth.label, truth.source, truth.received_at
    FROM json_to_recordset(CAST(:rows AS json)) AS given({_TYPED})
    LEFT JOIN LATERAL ({_NEWEST_LABEL}) AS truth ON NOT {_OF_NO_PAIR.format("given")}
    ORDER BY given.request_id COLLATE "C", given."row"
    ON CONFLICT (request_id, "row") DO UPDATE
    SET {", ".join(f'"{name}" = excluded."{name}"' for name in _REPLACED)}
    WHERE prediction_feedback.status <> 'ok' AND (
        excluded.status = 'ok' OR (prediction_feedback.key_id IS NULL AND excluded.key_id IS NOT NULL)
    )
    RETURNING request_id
    """  # noqa: S608 - the names are the ones above
)

OWNERS = text(
    """
    SELECT request_id, key_id FROM prediction_feedback
    WHERE request_id = ANY(:request_ids) AND "row" = 0 AND key_id IS NOT NULL
    """
)

LINES = text("SELECT key_id, family FROM api_keys WHERE key_id = ANY(:key_ids) AND family IS NOT NULL")

_GIVEN_LABELS = """
    json_to_recordset(CAST(:labels AS json)) AS given(
        request_id text, "row" integer, label integer, source text, observed_at timestamptz,
        received_at timestamptz, log text, "partition" integer, "offset" bigint
    )
"""

# A label that repeats the one before it, in the batch or in the table, is no revision.
INSERT_REVISIONS = text(
    f"""
    WITH given AS (SELECT * FROM {_GIVEN_LABELS}),
    said AS (
        SELECT request_id, "row", label, source, observed_at, received_at, log, "partition", "offset", id
        FROM label_revisions WHERE (request_id, "row") IN (SELECT request_id, "row" FROM given)
        UNION ALL
        SELECT given.*, NULL FROM given WHERE NOT EXISTS (
            SELECT 1 FROM label_revisions AS stored WHERE (stored.log, stored."partition", stored."offset")
                = (given.log, given."partition", given."offset")
        )
    ),
    heard AS (SELECT said.*, {_HEARD_AT} FROM said),
    compared AS (
        SELECT heard.*, lag(label) OVER (
            PARTITION BY request_id, "row" ORDER BY heard_at, log, "partition", "offset", id
        ) AS before FROM heard
    )
    INSERT INTO label_revisions
        (request_id, "row", label, source, observed_at, received_at, log, "partition", "offset")
    SELECT request_id, "row", label, source, observed_at, received_at, log, "partition", "offset"
    FROM compared WHERE id IS NULL AND label IS DISTINCT FROM before
    ORDER BY log, "partition", "offset"
    """  # noqa: S608
)

APPLY_LABELS = text(
    f"""
    UPDATE prediction_feedback AS stored
    SET actual_label = newest.label, label_source = newest.source, labelled_at = newest.received_at
    FROM (SELECT DISTINCT request_id, "row" FROM {_GIVEN_LABELS}) AS given, LATERAL ({_NEWEST_LABEL}) AS newest
    WHERE stored.request_id = given.request_id AND stored."row" = given."row"
        AND NOT {_OF_NO_PAIR.format("stored")}
        AND (stored.actual_label, stored.labelled_at) IS DISTINCT FROM (newest.label, newest.received_at)
    """  # noqa: S608
)

# Predictions share this lock, labels hold it alone: else each could miss the other's uncommitted row, and a
# label that came in the same instant as its prediction would never be joined.
_JOIN_LOCK = 0x6C6162656C
SHARE_JOIN = text(f"SELECT pg_advisory_xact_lock_shared({_JOIN_LOCK})")
OWN_JOIN = text(f"SELECT pg_advisory_xact_lock({_JOIN_LOCK})")

# The update that changes nothing takes the row's lock and lets RETURNING see it.
LOCK_POSITIONS = text(
    """
    INSERT INTO sink_offsets (log, "partition", next_offset)
    SELECT log, "partition", 0 FROM json_to_recordset(CAST(:positions AS json))
        AS given(log text, "partition" integer) ORDER BY log, "partition"
    ON CONFLICT (log, "partition") DO UPDATE SET next_offset = sink_offsets.next_offset
    RETURNING log, "partition", next_offset
    """
)

MOVE_POSITIONS = text(
    """
    UPDATE sink_offsets AS stored
    SET next_offset = greatest(stored.next_offset, given.next_offset), moved_at = now()
    FROM json_to_recordset(CAST(:positions AS json))
        AS given(log text, "partition" integer, next_offset bigint)
    WHERE stored.log = given.log AND stored."partition" = given."partition"
    """
)

_KEY_COLUMNS = {
    "key_id": "text",
    "name": "text",
    "key_hash": "text",
    "sealed_signing_key": "text",
    "permissions": "text[]",
    "rate_limit": "integer",
    "burst": "integer",
    "tier": "text",
    "created_at": "timestamptz",
    "expires_at": "timestamptz",
    "revoked_at": "timestamptz",
    "owner": "text",
    "pooled": "boolean",
    "family": "text",
    "rotated_to": "text",
    "test": "boolean",
}

# As ApiKey.after has it: of one key an end that was set stands, whoever wrote it afterwards without knowing of it.
_ENDS = {
    "expires_at": "least(api_keys.expires_at, excluded.expires_at)",
    "revoked_at": "least(api_keys.revoked_at, excluded.revoked_at)",
    "rotated_to": "coalesce(excluded.rotated_to, api_keys.rotated_to)",
}
_SAME_KEY = "api_keys.key_hash = excluded.key_hash"
_KEY_AFTER = {
    name: f"CASE WHEN {_SAME_KEY} THEN {_ENDS[name]} ELSE excluded.{name} END" if name in _ENDS else f"excluded.{name}"
    for name in _KEY_COLUMNS
    if name != "key_id"
}

UPSERT_KEYS = text(
    f"""
    INSERT INTO api_keys ({", ".join(_KEY_COLUMNS)}) SELECT {", ".join(_KEY_COLUMNS)}
    FROM json_to_recordset(CAST(:keys AS json)) AS given({", ".join(map(" ".join, _KEY_COLUMNS.items()))})
    ON CONFLICT (key_id) DO UPDATE
    SET {", ".join(f"{name} = {value}" for name, value in _KEY_AFTER.items())}
    """  # noqa: S608
)

DELETE_KEYS = text("DELETE FROM api_keys WHERE key_id = ANY(:ids)")
