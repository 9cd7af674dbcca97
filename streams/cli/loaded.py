"""What became of a file of labels, as a table and as JSON."""

from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape
from rich.table import Table

from streams.cli.printable import printable
from streams.cli.sent import KEPT_BAD, SHOWN_BAD
from streams.labels import RefusedLine

INTERRUPTED = "interrupted"


@dataclass
class Loaded:
    """Counts of one run.

    failed: not confirmed by the broker, so possibly sent or not. through_line: the last line of the file that is dealt
    with. stopped: why the run ended before the file did.
    """

    sent: int = 0
    delivered: int = 0
    failed: int = 0
    refused: int = 0
    refused_lines: list[RefusedLine] = field(default_factory=list)
    through_line: int = 0
    stopped: str | None = None

    def refuse(self, line: RefusedLine) -> None:
        self.refused += 1
        if len(self.refused_lines) < KEPT_BAD:
            self.refused_lines.append(line)

    def exit_code(self) -> int:
        """0 where every line of the file is on the topic, 130 after Ctrl-C as shells have it."""
        if self.stopped == INTERRUPTED:
            return 130
        return 1 if self.refused or self.failed or self.stopped else 0

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "sent": self.sent,
            "delivered": self.delivered,
            "failed": self.failed,
            "refused": self.refused,
            "refused_lines": [line.as_json() for line in self.refused_lines],
            "through_line": self.through_line,
        }
        return body if self.stopped is None else {**body, "stopped": self.stopped}

    def table(self) -> Table:
        table = Table("what", "count", "why", title="weir feedback load")
        for name in ("sent", "delivered", "failed"):
            table.add_row(name, str(getattr(self, name)))
        table.add_row("refused lines", str(self.refused))
        for line in self.refused_lines[:SHOWN_BAD]:
            for wrong in line.fields:
                got = f", got {wrong.got}" if wrong.got else ""
                why = f"{wrong.field}: {wrong.reason}{got}"
                table.add_row(f"  line {line.line}", "", escape(printable(why)))
        if self.refused > SHOWN_BAD:
            table.add_row("  …", "", f"{self.refused - SHOWN_BAD} more; --rejected FILE lists all of them")
        if self.stopped is not None:
            after = f"after line {self.through_line}; run it again: what was sent already changes nothing"
            table.add_row("stopped", "", escape(printable(f"{self.stopped} {after}")))
        return table
