"""Metrics that exist."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from infra.local.stack import RunningStack
from streams.observe import Metrics, forget_the_dead, metrics_text


def test_every_count_is_a_metric() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.results("v1", "ok", [0.002, 0.0025, 0.2, 60])
    metrics.rate_limited(3)
    metrics.would_refuse(7)
    metrics.unseen_categories({"payment_method": 4})
    metrics.dead_letters("not_json", 5)
    metrics.unauthorized("stale", 2)
    metrics.batch("requests", 100, 0.01)
    metrics.delivery("requests", 0.01)
    metrics.waiting("redis")
    metrics.lag.labels("scorer").set(6)
    metrics.partitions.labels("scorer").set(4)
    text = generate_latest(registry).decode()
    for line in (
        'predictions_total{model_version="v1",status="ok"} 4.0',
        'prediction_latency_seconds_bucket{le="0.001",model_version="v1"} 0.0',
        'prediction_latency_seconds_bucket{le="0.0025",model_version="v1"} 2.0',
        'prediction_latency_seconds_bucket{le="10.0",model_version="v1"} 3.0',
        'prediction_latency_seconds_bucket{le="+Inf",model_version="v1"} 4.0',
        'prediction_latency_seconds_sum{model_version="v1"} 60.2045',
        "rate_limit_exceeded_total 3.0",
        "rate_limit_would_refuse_total 7.0",
        'unseen_category_total{feature="payment_method"} 4.0',
        'dead_letters_total{reason="not_json"} 5.0',
        'unauthorized_total{reason="stale"} 2.0',
        'batch_records_count{topic="requests"} 1.0',
        'delivery_seconds_count{topic="requests"} 1.0',
        'dependency_unavailable_total{dependency="redis"} 1.0',
        'consumer_lag_records{group="scorer"} 6.0',
        'consumer_partitions{group="scorer"} 4.0',
        "rate_limiter_degraded 0.0",
    ):
        assert line in text


OWNER = """
import sys
from infra.local.stack import RunningStack
from streams.observe import Metrics
metrics = Metrics()
metrics.lag.labels("scorer").set(6)
metrics.rate_limited(3)
print("set", flush=True)
sys.stdin.read()
"""
LAG, REFUSED = 'consumer_lag_records{group="scorer"} 6.0', "rate_limit_exceeded_total 3.0"


@contextmanager
def owner(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has set its metrics."""
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    command = [sys.executable, "-c", OWNER]
    with subprocess.Popen(command, env=environ, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "set\n"
        try:
            yield process
        finally:
            process.kill()


def test_what_a_killed_process_counted_stays_and_its_gauges_go(tmp_path: Path) -> None:
    with owner(tmp_path):
        text = metrics_text(str(tmp_path)).decode()
        assert LAG in text
        assert REFUSED in text
    text = metrics_text(str(tmp_path)).decode()
    assert LAG not in text
    assert REFUSED in text


def test_a_process_does_not_go_on_with_the_gauges_of_a_dead_one_of_its_pid(tmp_path: Path) -> None:
    with owner(tmp_path) as process:
        [file] = tmp_path.glob(f"gauge_livesum_{process.pid}.db")
    inherited = file.rename(tmp_path / f"gauge_livesum_{os.getpid()}.db")
    forget_the_dead(str(tmp_path))
    assert inherited.exists()  # written in this process' life
    os.utime(inherited, (0, 0))
    forget_the_dead(str(tmp_path))
    assert not inherited.exists()


def test_a_role_forgets_the_dead_before_it_sets_metrics(
    stack: RunningStack, unique: Callable[[], str], tmp_path: Path
) -> None:
    old = tmp_path / "gauge_livesum_999999999.db"
    old.touch()
    given = {"TOPIC_PREFIX": f"{unique()}-", "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "streams.cli", "run", "sink"]
    ended = subprocess.run(command, env={**os.environ, **stack.environment, **given}, stderr=PIPE, timeout=60)
    assert b"topics are missing" in ended.stderr
    assert not old.exists()


def test_without_a_shared_directory_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "gauge_livesum_999999999.db"
    file.touch()
    forget_the_dead("")
    forget_the_dead(str(tmp_path / "missing"))
    assert file.exists()
