"""The trainer's metrics."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge


class TrainerMetrics:
    """What a trainer starts, and how it ends."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._ended = Counter(
            "retrainings",
            "Retrainings that a trainer started, by how they ended.",
            ["model", "trigger", "ended"],
            registry=registry,
        )
        self._running = Gauge(
            "retraining_running",
            "1 while a trainer retrains the model.",
            ["model"],
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._failed_looks = Counter(
            "retraining_failed_looks", "Looks for a cause that came to nothing.", registry=registry
        )

    def began(self, model: str) -> None:
        self._running.labels(model).set(1)

    def ended(self, model: str, trigger: str, how: str) -> None:
        """how: `passed`, `not_passed`, `failed`, `skipped`, `stopped` with the trainer, or `crashed`."""
        self._running.labels(model).set(0)
        self._ended.labels(model, trigger, how).inc()

    def failed_look(self) -> None:
        self._failed_looks.inc()
