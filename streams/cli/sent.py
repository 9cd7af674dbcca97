"""What became of a file's lines, as a table and as JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape
from rich.table import Table

from schemas.result import STATUSES, PredictionResult
from streams.cli.files import Bad

SHOWN_BAD = 20
KEPT_BAD = 1000


@dataclass
class Sent:
    """Counts of one run.

    failed: not confirmed by the broker, so possibly sent or not. unanswered: sent, and no result came in time.
    reasons: the first error's message of each status. stopped: why the run ended before the file did.
    """

    sent: int = 0
    delivered: int = 0
    failed: int = 0
    bad: int = 0
    bad_lines: list[Bad] = field(default_factory=list)
    statuses: Counter[str] | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    unanswered: int = 0
    stopped: str | None = None

    def reject(self, line: Bad) -> None:
        self.bad += 1
        if len(self.bad_lines) < KEPT_BAD:
            self.bad_lines.append(line)

    def count_results(self, results: Sequence[PredictionResult | None]) -> None:
        self.statuses = self.statuses or Counter()
        for result in results:
            if result is None:
                self.unanswered += 1
                continue
            self.statuses[result.status] += 1
            if result.error is not None:
                self.reasons.setdefault(result.status, result.error.message)

    def is_whole(self) -> bool:
        """Whether every line was delivered, and ended `ok` where that was waited for."""
        refused = self.statuses is not None and self.statuses["ok"] < self.statuses.total()
        return not (self.failed or self.bad or self.unanswered or self.stopped or refused)

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "sent": self.sent,
            "delivered": self.delivered,
            "failed": self.failed,
            "bad": self.bad,
            "bad_lines": [line._asdict() for line in self.bad_lines],
        }
        if self.stopped is not None:
            body["stopped"] = self.stopped
        if self.statuses is not None:
            body |= {"results": dict(self.statuses), "reasons": self.reasons, "unanswered": self.unanswered}
        return body

    def table(self) -> Table:
        table = Table("what", "count", "why", title="weir produce")
        for name in ("sent", "delivered", "failed"):
            table.add_row(name, str(getattr(self, name)), (self.stopped or "") if name == "failed" else "")
        for status in STATUSES if self.statuses is not None else ():
            if self.statuses and self.statuses[status]:
                table.add_row(f"result {status}", str(self.statuses[status]), escape(self.reasons.get(status, "")))
        if self.unanswered:
            table.add_row("no result in time", str(self.unanswered))
        table.add_row("bad lines", str(self.bad))
        for line in self.bad_lines[:SHOWN_BAD]:
            table.add_row(f"  line {line.line}", "", escape(line.reason))
        if self.bad > SHOWN_BAD:
            table.add_row("  …", "", f"{self.bad - SHOWN_BAD} more; --json lists up to {KEPT_BAD}")
        return table
