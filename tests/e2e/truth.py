"""Answers whose truth is told, odd rows, and what the monitor tells of both."""

import json
from collections.abc import Sequence
from typing import Any

from schemas.alerts import Alert, read_alert
from schemas.drift_events import DriftEvent, read_drift
from schemas.labelled import LabelledPrediction, read_labelled
from schemas.outlier_events import OutlierEvent, OutlierRateEvent, read_outlier
from schemas.performance import ModelPerformance, read_performance
from schemas.shadow import Reply, ServedBy, ShadowResult, TriedBy, compared, encode_shadow
from tests.e2e.platform import Platform
from tests.e2e.upstream import Key, now_ms, signed_headers

ROWS = 20
CHALLENGER = "v2"
_FAR = ("total_revenue", "avg_order_value", "order_frequency")
_MANY = ("website_visits_30d", "total_orders", "returns_count", "refunds_count")


class Truth:
    """Asks, tells the truth of each row, and has a challenger answer beside the champion."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.key: Key = platform.create_key(rate_limit=10_000_000, burst=1_000_000)

    def ask(self, rows: Sequence[Any]) -> list[Any]:
        """The results, in requests of ROWS rows."""
        parts = [list(rows[first : first + ROWS]) for first in range(0, len(rows), ROWS)]
        asked = [self.platform.upstream.ask(self.key, part, entity=f"c-{i}") for i, part in enumerate(parts)]
        self.platform.upstream.flush()
        return [self.platform.result(request_id) for request_id in asked]

    def tell(self, result: Any, seed: int, wrong: int = 1) -> None:
        """Labels of every row; of seven answers so many are wrong."""
        for row, answer in enumerate(result["rows"]):
            label = int(answer["label"] != ((row + seed) % 7 < wrong))
            body = json.dumps({"request_id": result["request_id"], "row": row, "label": label}).encode()
            topic, request_id = self.platform.topic("feedback"), result["request_id"]
            headers = signed_headers(self.key, topic, request_id, request_id, body, now_ms())
            self.platform.upstream.send("feedback", request_id.encode(), body, headers)

    def try_beside(self, result: Any) -> None:
        """A copy, as the shadow agent writes it."""
        rows = tuple(
            compared(i, Reply(tuple(row["predictions"]), row["label"]), Reply((0.4, 0.6), 1))
            for i, row in enumerate(result["rows"])
        )
        told = {name: result[name] for name in ("request_id", "entity", "model", "route_epoch")}
        moments = {name: result[name] for name in ("requested_at", "scored_at")}
        champion = ServedBy(result["model_version"], result["arm"], 1.0)
        copy = ShadowResult(**told, champion=champion, challenger=TriedBy(CHALLENGER, 0.5), rows=rows, **moments)
        self.platform.upstream.send("shadow-results", result["entity"].encode(), encode_shadow(copy), {})


def labelled(platform: Platform) -> list[LabelledPrediction]:
    return [read_labelled(event.value) for event in platform.tap("labelled-predictions").to_end()]


def distinct(platform: Platform) -> dict[tuple[str, int, str], LabelledPrediction]:
    return {(one.request_id, one.row, one.model_version): one for one in labelled(platform)}


def windows(platform: Platform) -> list[ModelPerformance]:
    read = [read_performance(event.value) for event in platform.tap("model-performance").to_end()]
    return sorted({one.window + one.role: one for one in read if not one.estimated}.values(), key=place)


def place(one: ModelPerformance) -> tuple[str, int]:
    return one.role, int(one.window.split("/")[1])


def odd(row: dict[str, Any]) -> dict[str, Any]:
    """As no customer is."""
    far = {name: 1e6 if name in _FAR else 1.0 for name, value in row.items() if isinstance(value, float)}
    return row | far | dict.fromkeys(_MANY, 9000)


def told_of_outliers(platform: Platform) -> list[OutlierEvent | OutlierRateEvent]:
    """Each event once."""
    told = [read_outlier(event.value) for event in platform.tap("outlier-events").to_end()]
    return list({one.event_id: one for one in told}.values())


def outliers(platform: Platform) -> list[OutlierEvent]:
    return [one for one in told_of_outliers(platform) if isinstance(one, OutlierEvent)]


def high_rates(platform: Platform) -> list[OutlierRateEvent]:
    return [one for one in told_of_outliers(platform) if isinstance(one, OutlierRateEvent)]


def steps(platform: Platform, subject: str) -> list[DriftEvent]:
    told = [read_drift(event.value) for event in platform.tap("drift-events").to_end()]
    return [one for one in told if one.subject == subject]


def alerts(platform: Platform, event_id: str) -> list[Alert]:
    told = [read_alert(event.value) for event in platform.tap("alerts").to_end()]
    return [one for one in told if one.event_id == event_id]
