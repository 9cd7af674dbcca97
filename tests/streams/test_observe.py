"""Metrics that exist, and log lines that machines read."""

import json
import logging
import sys

from prometheus_client import CollectorRegistry, generate_latest

from streams.observe import JsonLines, Metrics


def test_every_count_is_a_metric() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.results("v1", "ok", [0.002, 0.0025, 0.2, 60])
    metrics.rate_limited(3)
    metrics.unseen_categories({"payment_method": 4})
    metrics.dead_letters("not_json", 5)
    metrics.batch("requests", 100, 0.01)
    metrics.delivery("requests", 0.01)
    metrics.waiting("redis")
    metrics.lag.labels("scorer").set(6)
    text = generate_latest(registry).decode()
    for line in (
        'predictions_total{model_version="v1",status="ok"} 4.0',
        'prediction_latency_seconds_bucket{le="0.001",model_version="v1"} 0.0',
        'prediction_latency_seconds_bucket{le="0.0025",model_version="v1"} 2.0',
        'prediction_latency_seconds_bucket{le="10.0",model_version="v1"} 3.0',
        'prediction_latency_seconds_bucket{le="+Inf",model_version="v1"} 4.0',
        'prediction_latency_seconds_sum{model_version="v1"} 60.2045',
        "rate_limit_exceeded_total 3.0",
        'unseen_category_total{feature="payment_method"} 4.0',
        'dead_letters_total{reason="not_json"} 5.0',
        'batch_records_count{topic="requests"} 1.0',
        'delivery_seconds_count{topic="requests"} 1.0',
        'dependency_unavailable_total{dependency="redis"} 1.0',
        'consumer_lag_records{group="scorer"} 6.0',
        "rate_limiter_degraded 0.0",
    ):
        assert line in text


def test_a_log_line_is_one_json_object_with_role_data_and_exception() -> None:
    try:
        raise ZeroDivisionError("a\nb")
    except ZeroDivisionError:
        record = logging.LogRecord("weir", logging.ERROR, "", 0, "it %s", ("broke",), sys.exc_info())
    record.data = {"request_id": "r-1"}
    line = JsonLines("scorer").format(record)
    assert "\n" not in line
    parsed = json.loads(line)
    assert (parsed["role"], parsed["message"], parsed["request_id"]) == ("scorer", "it broke", "r-1")
    assert "ZeroDivisionError" in parsed["exception"]
