"""The demo's figures: as plain numbers for the JSON file and the screen alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.local.stack import RunningStack
from streams.demo.cast import SMALL_BURST, SMALL_LIMIT
from streams.demo.ledger import Ledger, percentile

WAYS = {"http": "HTTP", "kafka": "Kafka", "burst": "Kafka, burst"}
PERCENTS = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class WayFigures:
    """One way in. latency_ms: p50, p95 and p99 of what was answered; None without answers."""

    sent: int
    ended: int
    latency_ms: Mapping[str, float | None]


def by_way(ledger: Ledger) -> dict[str, WayFigures]:
    """Figures of each way."""
    figures = {}
    for way in WAYS:
        ids, ascending = ledger.of_way(way), ledger.latencies(way)
        ended = sum(request_id in ledger.statuses for request_id in ids)
        latency = {f"p{percent}": _rounded(percentile(ascending, percent)) for percent in PERCENTS}
        figures[way] = WayFigures(len(ids), ended, latency)
    return figures


def drained(ledger: Ledger) -> tuple[int, float]:
    """How much of the burst has ended, and the seconds from its first record to its last result."""
    ids = [request_id for request_id in ledger.of_way("burst") if request_id in ledger.seen_at]
    if not ids:
        return 0, 0.0
    begun = min(ledger.requests[request_id].sent_at for request_id in ids)
    return len(ids), max(ledger.seen_at[request_id] for request_id in ids) - begun


def best_second(ledger: Ledger) -> int:
    """The most results that were seen within one second."""
    seen, first, most = sorted(ledger.seen_at.values()), 0, 0
    for last, moment in enumerate(seen):
        while seen[first] <= moment - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def rows(ledger: Ledger) -> tuple[int, int]:
    """Rows in Postgres of this run's requests, and how many have their label."""
    return sum(row.rows for row in ledger.rows.values()), sum(row.labelled for row in ledger.rows.values())


def dead_letters(ledger: Ledger) -> list[dict[str, Any]]:
    """Reason and position of each dead letter of this run."""
    shown = ("reason", "message", "topic", "partition", "offset")
    return [{name: letter[name] for name in shown} for some in ledger.dead_letters.values() for letter in some]


def as_json(
    ledger: Ledger, stack: RunningStack, seconds: Mapping[str, float], problems: Sequence[str]
) -> dict[str, Any]:
    """Everything that the run showed; no key is in it."""
    stored, labelled = rows(ledger)
    burst, took = drained(ledger)
    return {
        "ok": not problems,
        "problems": list(problems),
        "stack": {service.name: f"{service.how} {service.version}".strip() for service in stack.services},
        "broker": stack.broker,
        "seconds": {**seconds, "total": round(sum(seconds.values()), 2)},
        "requests": {
            way: {"sent": f.sent, "ended": f.ended, "latency_ms": dict(f.latency_ms)}
            for way, f in by_way(ledger).items()
        },
        "statuses": dict(ledger.counts()),
        "http_codes": {str(code): count for code, count in sorted(ledger.codes.items())},
        "small_key": {"per_hour": SMALL_LIMIT, "burst": SMALL_BURST, "statuses": dict(ledger.counts(role="small"))},
        "turned_away": len(ledger.turned_away),
        "burst": {"records": burst, "seconds": round(took, 3), "per_second": round(burst / took) if took else None},
        "dead_letters": dead_letters(ledger),
        "postgres": {"rows": stored, "labelled": labelled},
        "ledger": {
            "sent": len(ledger.requests),
            "terminal_events": sum(map(len, ledger.statuses.values())),
            "missing": len(ledger.missing),
            "doubled": len(ledger.doubled),
            "rows_missing": len(ledger.requests.keys() - ledger.rows.keys()),
            "rows_doubled": sum(row.rows > 1 for row in ledger.rows.values()),
            "labels_sent": len(ledger.labels),
        },
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
