"""The SQL of revision 0005, which stays as it is: what each row adds to the totals of its arm."""

KEY = "model, route_epoch, arm, version"
COUNTS = ("requests", "compared", "entities", "errors", "disagreements", "flips", "labels", "correct")
LOSSES = ("loss", "champion_loss", "squares")

# The number of a bucket of latencies, each 2 % wide; `infra.database.latencies` reads them.
BUCKET = """
    CREATE FUNCTION latency_bucket(latency_ms double precision) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
        SELECT CAST(floor(ln(least(greatest(latency_ms, 0.001), 1e9)) / ln(CAST(1.02 AS double precision))) AS integer)
    $$
"""

# sign: 1 for what stands there now, -1 for what stood there before. What an answer is no longer is taken off.
ANSWER = (
    'model, route_epoch, arm, model_version AS version, entity, "row" = 0 AS is_first, status, latency_ms, '
    "actual_label, predicted_label, predicted_probability"
)
INSERTED = "SELECT {}, 1 AS sign FROM new_rows"
UPDATED = f"{INSERTED} UNION ALL SELECT {{}}, -1 FROM old_rows"  # noqa: S608 - every name in this file is its own
STORED = "SELECT {}, 1 AS sign FROM prediction_feedback"
IN_NEWEST_EPOCH = "(model, route_epoch) IN (SELECT model, max(route_epoch) FROM prediction_feedback GROUP BY model)"

# Where the latency is known each bucket has a part of its own.
_HISTOGRAM = "coalesce(jsonb_object_agg(bucket, requests) FILTER (WHERE bucket IS NOT NULL AND requests <> 0), '{{}}')"
_OF_ARM = "hashtextextended(model, 0), route_epoch, hashtextextended(coalesce(version, ''), hashtextextended(arm, 0))"

# Entities are met in one order, as each is locked. Nothing of them stands there but a number.
ANSWERS = f"""
    WITH arms AS MATERIALIZED (
        SELECT * FROM ({{source}}) AS given
        WHERE model IS NOT NULL AND route_epoch IS NOT NULL AND arm IS NOT NULL AND status IN ('ok', 'error')
    ),
    met AS (
        INSERT INTO arm_entities (route, route_epoch, arm, entity)
        SELECT {_OF_ARM}, hashtextextended(entity, 0) FROM arms WHERE is_first AND entity IS NOT NULL AND {{is_met}}
        GROUP BY 1, 2, 3, 4 HAVING bool_and(sign = 1) ORDER BY 1, 2, 3, 4
        ON CONFLICT DO NOTHING RETURNING route, route_epoch, arm
    ),
    parts AS (
        SELECT {KEY}, CASE WHEN is_first THEN latency_bucket(latency_ms) END AS bucket,
            coalesce(sum(sign) FILTER (WHERE is_first), 0) AS requests,
            coalesce(sum(sign) FILTER (WHERE is_first AND status = 'error'), 0) AS errors,
            coalesce(sum(sign) FILTER (WHERE actual_label IS NOT NULL), 0) AS labels,
            coalesce(sum(sign) FILTER (WHERE predicted_label = actual_label), 0) AS correct,
            coalesce(
                sum(sign * coalesce(power(predicted_probability - actual_label, 2), 1))
                    FILTER (WHERE actual_label IS NOT NULL), 0
            ) AS loss
        FROM arms GROUP BY {KEY}, bucket
    ),
    counted AS (
        SELECT {KEY}, sum(requests) AS requests, sum(errors) AS errors, sum(labels) AS labels, sum(correct) AS correct,
            sum(loss) AS loss, {_HISTOGRAM} AS latencies
        FROM parts GROUP BY {KEY}
    )
    INSERT INTO arm_deltas ({KEY}, requests, errors, labels, correct, loss, latencies, entities)
    SELECT counted.*, coalesce(newly.entities, 0)
    FROM counted LEFT JOIN (
        SELECT route, route_epoch AS epoch, arm, count(*) AS entities FROM met GROUP BY 1, 2, 3
    ) AS newly (route, epoch, of_arm, entities) ON (route, epoch, of_arm) = ({_OF_ARM})
"""  # noqa: S608

COPIES = f"""
    INSERT INTO arm_deltas ({KEY}, requests, compared, errors, flips, latencies)
    SELECT model, route_epoch, NULL, version, sum(requests), sum(compared), sum(requests - compared), sum(flips),
        {_HISTOGRAM}
    FROM (
        SELECT model, route_epoch, version,
            CASE WHEN "row" = 0 AND latency_ms IS NOT NULL THEN latency_bucket(latency_ms) END AS bucket,
            count(*) FILTER (WHERE "row" = 0) AS requests,
            count(*) FILTER (WHERE "row" = 0 AND error IS NULL) AS compared,
            count(*) FILTER (WHERE NOT agrees) AS flips
        FROM {{copies}} WHERE error IS NULL OR error NOT IN ('skipped', 'unavailable')
        GROUP BY model, route_epoch, version, bucket
    ) AS parts GROUP BY model, route_epoch, version
"""  # noqa: S608

# A request disagrees once, though its rows come in several statements.
DISAGREEMENTS = f"""
    INSERT INTO arm_deltas ({KEY}, disagreements)
    SELECT model, route_epoch, NULL, version, count(*)
    FROM (
        SELECT max(model) AS model, max(route_epoch) AS route_epoch, version FROM {{copies}} AS given
        WHERE NOT agrees AND (error IS NULL OR error NOT IN ('skipped', 'unavailable')) GROUP BY request_id, version
        HAVING count(*) = (
            SELECT count(*) FROM shadow_predictions AS stored
            WHERE stored.request_id = given.request_id AND stored.version = given.version AND NOT stored.agrees
        )
    ) AS disagreeing GROUP BY model, route_epoch, version
"""  # noqa: S608

# Of copies whose truth is known: both came to be known in either order. OFFSET 0 has each looked up by its key: a plan
# that joins the tables whole, made while they were small, would be kept.
TRUTHS = f"""
    INSERT INTO arm_deltas ({KEY}, labels, loss, champion_loss, squares)
    SELECT model, route_epoch, NULL, version,
        coalesce(sum(sign) FILTER (WHERE loss - champion_loss IS NOT NULL), 0),
        coalesce(sum(sign * loss), 0),
        coalesce(sum(sign * champion_loss) FILTER (WHERE loss IS NOT NULL), 0),
        coalesce(sum(sign * power(loss - champion_loss, 2)), 0)
    FROM (
        SELECT copy.model, copy.route_epoch, version, sign, power(probability - actual_label, 2) AS loss,
            power(champion_probability - actual_label, 2) AS champion_loss
        FROM {{first}} CROSS JOIN LATERAL (
            SELECT * FROM {{second}} WHERE copy.request_id = truth.request_id AND copy."row" = truth."row" OFFSET 0
        ) AS {{found}}
        WHERE actual_label IS NOT NULL AND (error IS NULL OR error NOT IN ('skipped', 'unavailable'))
    ) AS judged GROUP BY model, route_epoch, version
"""  # noqa: S608
TRUTH = 'request_id, "row", actual_label'

# What others hold just now is folded another time: nobody waits for it.
FOLD = f"""
    WITH taken AS (
        DELETE FROM arm_deltas WHERE id = ANY(ARRAY(
            SELECT id FROM arm_deltas AS former WHERE EXISTS (
                SELECT FROM new_deltas AS latest
                WHERE (latest.model, latest.route_epoch) = (former.model, former.route_epoch)
                    AND (latest.arm, latest.version) IS NOT DISTINCT FROM (former.arm, former.version)
            ) FOR UPDATE SKIP LOCKED
        )) RETURNING *
    ),
    histograms AS (
        SELECT {KEY}, jsonb_object_agg(bucket, timed) AS latencies FROM (
            SELECT {KEY}, bucket, sum(CAST(timed AS bigint)) AS timed
            FROM taken, jsonb_each_text(latencies) AS bucketed(bucket, timed) GROUP BY {KEY}, bucket
        ) AS buckets WHERE timed <> 0 GROUP BY {KEY}
    ),
    parts AS (
        SELECT {KEY}, {", ".join((*COUNTS, *LOSSES))}, NULL AS latencies FROM taken
        UNION ALL SELECT {KEY}, {", ".join("0" for _ in (*COUNTS, *LOSSES))}, latencies FROM histograms
    )
    INSERT INTO arm_deltas ({KEY}, {", ".join((*COUNTS, *LOSSES))}, latencies)
    SELECT {KEY}, {", ".join(f"sum({name})" for name in (*COUNTS, *LOSSES))},
        coalesce((array_agg(latencies) FILTER (WHERE latencies IS NOT NULL))[1], '{{}}')
    FROM parts GROUP BY {KEY}
"""  # noqa: S608

# Nobody asks how many entities an arm had before the last step; that many at a time keep nobody waiting.
FORGET = """
    DELETE FROM arm_entities WHERE ctid = ANY(ARRAY(
        SELECT past.ctid FROM arm_entities AS past
        JOIN (
            SELECT hashtextextended(model, 0) AS route, max(route_epoch) AS newest FROM new_deltas GROUP BY model
        ) AS latest ON past.route = latest.route AND past.route_epoch < latest.newest
        LIMIT 10000 FOR UPDATE OF past SKIP LOCKED
    ))
"""
