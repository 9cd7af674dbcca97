"""The monitor's metrics."""

from collections.abc import Sequence

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge


class MonitorMetrics:
    """`agents.ports.MonitorCounters` count here."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._rows = Counter(
            "monitored_rows", "Rows whose features were counted.", ["model_version"], registry=registry
        )
        self._left_out = Counter("unmonitored_rows", "Rows that were not, by why.", ["reason"], registry=registry)
        self._scored = Counter(
            "outlier_scored_rows", "Rows that an outlier detector looked at.", ["model_version"], registry=registry
        )
        self._outliers = Counter("outliers", "Rows among them that it flags.", ["model_version"], registry=registry)
        self._unscored = Counter(
            "outlier_unscored_rows", "Rows that no outlier detector looked at, by why.", ["reason"], registry=registry
        )
        self._graded = Counter(
            "graded_rows", "Answers whose truth is known, counted.", ["model_version", "role"], registry=registry
        )
        self._ungraded = Counter("ungraded_rows", "Those that were not, by why.", ["reason"], registry=registry)
        self._fill = Gauge(
            "drift_window_fill_ratio",
            "How full the present window is; it is judged when it is full and old enough.",
            ["model", "model_version"],
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._windows = Counter("drift_windows", "Windows judged.", ["model", "model_version"], registry=registry)
        self._phases = Counter(
            "drift_events", "Drifts that opened, got worse and ended.", ["model", "phase"], registry=registry
        )
        self._detected = Counter("drift_detected", "Drifts that opened.", registry=registry)

        self._alerts = Counter("alerts", "Alerts that went out.", ["handler", "severity"], registry=registry)
        self._unalerted = Counter(
            "alerts_untold", "Alerts that did not, by why.", ["handler", "reason"], registry=registry
        )

    def alerted(self, handler: str, severity: str) -> None:
        self._alerts.labels(handler, severity).inc()

    def unalerted(self, handler: str, reason: str) -> None:
        self._unalerted.labels(handler, reason).inc()

    def sketched(self, model_version: str, count: int) -> None:
        self._rows.labels(model_version).inc(count)

    def unsketched(self, reason: str, count: int) -> None:
        self._left_out.labels(reason).inc(count)

    def scored(self, model_version: str, rows: int, outliers: int) -> None:
        self._scored.labels(model_version).inc(rows)
        self._outliers.labels(model_version).inc(outliers)

    def unscored(self, reason: str, count: int) -> None:
        self._unscored.labels(reason).inc(count)

    def filled(self, model: str, model_version: str, fill: float) -> None:
        self._fill.labels(model, model_version).set(fill)

    def judged(self, model: str, model_version: str, phases: Sequence[str]) -> None:
        self._windows.labels(model, model_version).inc()
        for phase in phases:
            self._phases.labels(model, phase).inc()
        self._detected.inc(phases.count("opened"))

    def graded(self, model_version: str, role: str, count: int) -> None:
        self._graded.labels(model_version, role).inc(count)

    def ungraded(self, reason: str, count: int) -> None:
        self._ungraded.labels(reason).inc(count)

    def concept(self, model: str, phases: Sequence[str]) -> None:
        for phase in phases:
            self._phases.labels(model, phase).inc()
        self._detected.inc(phases.count("opened"))
