"""Every metric that exists, in one place."""

import struct
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
CLOCK_S = 1.0
"""How much a process' birth and a file's time may disagree."""
BATCH = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000)


class Metrics:
    """The metrics of a process; `agents.ports.Counters` and `streams.ports.Observer` count here."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._predictions = Counter(
            "predictions", "Requests ended, by status.", ["model_version", "status"], registry=registry
        )
        self._latency = Histogram(
            "prediction_latency_seconds",
            "From the broker's receipt of a request to its scoring.",
            ["model_version"],
            buckets=LATENCY_S,
            registry=registry,
        )
        self._rate_limited = Counter(
            "rate_limit_exceeded", "Requests refused for their key's limit.", registry=registry
        )
        self._would_refuse = Counter(
            "rate_limit_would_refuse", "Requests past their key's limit that a dry run let pass.", registry=registry
        )
        self._unseen = Counter("unseen_category", "Values no model saw in training.", ["feature"], registry=registry)
        self._dead = Counter("dead_letters", "Records that could not be processed.", ["reason"], registry=registry)
        self._unauthorized = Counter(
            "unauthorized", "Records whose sender is in doubt, by why.", ["reason"], registry=registry
        )
        self._shadowed = Counter(
            "shadow_answers",
            "Mirrored requests, by how a challenger did.",
            ["model_version", "ended"],
            registry=registry,
        )
        self._shadow_latency = Histogram(
            "shadow_latency_seconds",
            "A challenger's time for a request.",
            ["model_version"],
            buckets=LATENCY_S,
            registry=registry,
        )
        self._batches = Histogram("batch_records", "Records in a batch.", ["topic"], buckets=BATCH, registry=registry)
        self._stage = Histogram(
            "stage_seconds", "A stage's time for a batch.", ["topic"], buckets=LATENCY_S, registry=registry
        )
        self._delivery = Histogram(
            "delivery_seconds",
            "Until a batch's results are delivered.",
            ["topic"],
            buckets=LATENCY_S,
            registry=registry,
        )
        self._waits = Counter(
            "dependency_unavailable",
            "Times a stage waited for a dependency.",
            ["dependency"],
            registry=registry,
        )
        self.lag = Gauge(
            "consumer_lag_records",
            "Records not read yet.",
            ["group"],
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.partitions = Gauge(
            "consumer_partitions",
            "Partitions that are read.",
            ["group"],
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.degraded = Gauge(
            "rate_limiter_degraded",
            "1 while the local buckets decide as Redis is away.",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.staleness = staleness_gauge(registry)

    def results(self, model_version: str, status: str, latencies_s: Sequence[float]) -> None:
        self._predictions.labels(model_version, status).inc(len(latencies_s))
        observe_all(self._latency.labels(model_version), latencies_s)

    def rate_limited(self, count: int) -> None:
        self._rate_limited.inc(count)

    def would_refuse(self, count: int) -> None:
        self._would_refuse.inc(count)

    def unseen_categories(self, counts: Mapping[str, int]) -> None:
        for feature, count in counts.items():
            self._unseen.labels(feature).inc(count)

    def dead_letters(self, reason: str, count: int) -> None:
        self._dead.labels(reason).inc(count)

    def unauthorized(self, doubt: str, count: int) -> None:
        self._unauthorized.labels(doubt).inc(count)

    def shadowed(self, model_version: str, ended: str, latencies_s: Sequence[float]) -> None:
        self._shadowed.labels(model_version, ended).inc(len(latencies_s))
        if ended == "ok":
            observe_all(self._shadow_latency.labels(model_version), latencies_s)

    def batch(self, topic: str, records: int, seconds: float) -> None:
        self._batches.labels(topic).observe(records)
        self._stage.labels(topic).observe(seconds)

    def delivery(self, topic: str, seconds: float) -> None:
        self._delivery.labels(topic).observe(seconds)

    def waiting(self, dependency: str) -> None:
        self._waits.labels(dependency).inc()


def staleness_gauge(registry: CollectorRegistry) -> Gauge:
    """Of every role that follows a compacted topic."""
    return Gauge(
        "view_staleness_seconds",
        "Since a view last heard from its topic.",
        ["topic"],
        multiprocess_mode="livemax",
        registry=registry,
    )


def observe_all(histogram: Histogram, values: Sequence[float]) -> None:
    """What `observe` does for each value, at the price of one for each that differs: the library has no such call."""
    bounds = histogram._upper_bounds
    for value, count in Counts(values).items():
        histogram._buckets[bisect_left(bounds, value)].inc(count)
    histogram._sum.inc(sum(values))


def metrics_text(multiprocess_dir: str = "") -> bytes:
    """All metrics in Prometheus' text form: this process's, or those of every role that shares the directory."""
    if not multiprocess_dir:
        return generate_latest(REGISTRY)
    return generate_latest(_shared(multiprocess_dir))


def partitions_read(multiprocess_dir: str, role: str) -> int:
    """How many partitions the living processes of a role read, as they say in the shared directory."""
    registry = _shared(multiprocess_dir)
    try:
        return int(registry.get_sample_value("consumer_partitions", {"group": role}) or 0)
    except struct.error:  # a process is making its file at this moment
        return 0


def _shared(multiprocess_dir: str) -> CollectorRegistry:
    forget_the_dead(multiprocess_dir)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=multiprocess_dir)  # type: ignore[no-untyped-call]
    return registry


def forget_the_dead(multiprocess_dir: str) -> None:
    """Remove the gauges of processes that ended, however they did; what they counted stays.

    Also at a process' start: one with a dead one's pid would go on with its gauges.
    """
    for file in Path(multiprocess_dir).glob("gauge_live*_*.db") if multiprocess_dir else ():
        with suppress(FileNotFoundError):
            if not _owner_lives(file):
                file.unlink()


def _owner_lives(file: Path) -> bool:
    """Whether the process that a metrics file is named after lives, and is not a later one with the same pid."""
    written = file.stat().st_mtime
    try:
        return bool(psutil.Process(int(file.stem.rpartition("_")[2])).create_time() <= written + CLOCK_S)
    except psutil.NoSuchProcess:
        return False
