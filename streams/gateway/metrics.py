"""What the gateway counts."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from streams.observe import staleness_gauge

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class GatewayMetrics:
    """The metrics of one gateway."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._responses = Counter("http_responses", "Responses sent.", ["route", "status"], registry=registry)
        self._seconds = Histogram(
            "http_seconds",
            "From a request's headers to its response's.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self._late = Counter(
            "late_replies", "Replies for which nobody waited any more, repeated ones too.", registry=registry
        )
        self.pending = Gauge(
            "pending_requests",
            "Requests waiting for a reply.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.staleness = staleness_gauge(registry)

    def response(self, route: str, status: int, seconds: float) -> None:
        self._responses.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def late_reply(self) -> None:
        self._late.inc()
