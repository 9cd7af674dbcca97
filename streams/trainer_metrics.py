"""The trainer's metrics."""

from collections.abc import Mapping

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
        """how: `passed`, `not_passed`, `failed`, `skipped`, `stopped` with the trainer, `overdue`, or `crashed`."""
        self._running.labels(model).set(0)
        self._ended.labels(model, trigger, how).inc()

    def failed_look(self) -> None:
        self._failed_looks.inc()


class OnlineMetrics:
    """What online learners take, and what they pass over."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._records = Counter(
            "online_records",
            "Labelled predictions that an online learner read: learned, or passed over by which reason.",
            ["model", "outcome"],
            registry=registry,
        )
        self._lag = Gauge(
            "online_lag",
            "Labelled predictions that an online learner has still to read.",
            ["model"],
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._interrupted = Counter(
            "online_interruptions",
            "Times an online learner went back to what is kept, as something was away.",
            ["model"],
            registry=registry,
        )

    def took(self, model: str, outcomes: Mapping[str, int]) -> None:
        """outcomes: `learned`, and the reasons of `agents.learn`."""
        for outcome, count in outcomes.items():
            self._records.labels(model, outcome).inc(count)

    def lag(self, model: str, records: int) -> None:
        self._lag.labels(model).set(records)

    def interrupted(self, model: str) -> None:
        self._interrupted.labels(model).inc()
