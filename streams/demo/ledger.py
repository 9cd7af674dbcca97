"""What the demo sent and what became of it, kept from outside the pipeline."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from time import monotonic
from typing import Any, NamedTuple

NAMED = 5
"""Request ids that one problem names."""


class Request(NamedTuple):
    """One request as it was sent. way: http, kafka or burst. role: which of the demo's senders it plays."""

    way: str
    role: str
    sent_at: float


class Rows(NamedTuple):
    """What Postgres holds of one request."""

    rows: int
    labelled: int


@dataclass(slots=True)
class Ledger:
    """Requests by id, and the terminal events, rows and dead letters seen for each.

    turned_away: ids that the gateway refused at the door, which must not turn up anywhere.
    labels: ids whose ground truth was accepted. unreadable: ids that must end in a dead letter.
    failures: what went wrong while sending.
    """

    requests: dict[str, Request] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    statuses: dict[str, list[str]] = field(default_factory=dict)
    seen_at: dict[str, float] = field(default_factory=dict)
    rows: Mapping[str, Rows] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    dead_letters: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    turned_away: set[str] = field(default_factory=set)
    codes: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def sent(self, request_ids: Iterable[str], way: str, role: str) -> None:
        """Note requests, before they are sent."""
        now = monotonic()
        self.requests.update((request_id, Request(way, role, now)) for request_id in request_ids)

    def turn_away(self, request_id: str) -> None:
        """Note that the gateway refused a request at the door: it never became one."""
        del self.requests[request_id]
        self.turned_away.add(request_id)

    def answer(self, request_id: str) -> None:
        """Note that the caller has its answer."""
        self.answered[request_id] = 1000 * (monotonic() - self.requests[request_id].sent_at)

    def event(self, request_id: str, status: str) -> bool:
        """Note a terminal event; whether the request is one of ours."""
        if request_id not in self.requests and request_id not in self.turned_away:
            return False
        self.statuses.setdefault(request_id, []).append(status)
        self.seen_at[request_id] = monotonic()
        return True

    def dead_letter(self, letter: Mapping[str, Any]) -> None:
        """Note a dead letter, if it is one of ours."""
        request_id = letter.get("headers", {}).get("request-id")
        if request_id in self.requests:
            self.dead_letters.setdefault(request_id, []).append(letter)

    def counts(self, *, role: str | None = None, way: str | None = None) -> Counter[str]:
        """Terminal events by status."""
        chosen = (
            self.statuses.get(request_id, ())
            for request_id, request in self.requests.items()
            if role in (None, request.role) and way in (None, request.way)
        )
        return Counter(status for statuses in chosen for status in statuses)

    def of_way(self, way: str) -> list[str]:
        """The ids sent this way."""
        return [request_id for request_id, request in self.requests.items() if request.way == way]

    def latencies(self, way: str) -> list[float]:
        """Milliseconds from call to answer, ascending."""
        return sorted(self.answered[request_id] for request_id in self.of_way(way) if request_id in self.answered)

    @property
    def missing(self) -> list[str]:
        return [request_id for request_id in self.requests if request_id not in self.statuses]

    @property
    def doubled(self) -> list[str]:
        return [request_id for request_id, statuses in self.statuses.items() if len(statuses) > 1]

    def problems(self) -> list[str]:
        """Everything that is not as it should be; empty where each request ended exactly once."""
        rows = {request_id: self.rows.get(request_id, Rows(0, 0)) for request_id in self.requests}
        unburied = [request_id for request_id in self.unreadable if len(self.dead_letters.get(request_id, ())) != 1]
        found = [
            ("without a terminal event", self.missing),
            ("with more than one terminal event", self.doubled),
            ("without a row in Postgres", [name for name, row in rows.items() if row.rows == 0]),
            ("with more than one row in Postgres", [name for name, row in rows.items() if row.rows > 1]),
            ("whose label is not in Postgres", [name for name in self.labels if not rows[name].labelled]),
            ("that should have exactly one dead letter", unburied),
            ("turned away, yet processed", [name for name in self.turned_away if name in self.statuses]),
        ]
        return [*self.failures, *(_named(what, names) for what, names in found if names)]


def _named(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} {what}: {', '.join(names[:NAMED])}{more}"


def percentile(ascending: Sequence[float], percent: float) -> float | None:
    """The value that so many percent do not exceed (nearest rank), None without any."""
    if not ascending:
        return None
    return ascending[max(0, ceil(len(ascending) * percent / 100) - 1)]
