"""What was measured between labels and a new model: joins in the sink, and one retraining."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Column, Table

from tests.bench.joining import EARLIER, LATER, Joined
from tests.bench.relearning import Relearned
from tests.bench.spread import Spread, spread

JOINED_PER_S, RETRAINING_S = 10_000, 60.0


@dataclass
class LearningResults:
    joined: list[Joined] = field(default_factory=list)
    relearned: Relearned | None = None

    def rates(self) -> dict[str, Spread]:
        """When labels came -> rows a second of the sink's own core."""
        found = {when: [one.rate for one in self.joined if one.when == when] for when in (LATER, EARLIER)}
        return {when: spread(rates) for when, rates in found.items() if rates}

    def walls(self) -> dict[str, Spread]:
        """The same by the clock, where broker, Postgres and sink share the machine."""
        return {
            when: spread([one.rows / one.seconds for one in self.joined if one.when == when]) for when in self.rates()
        }

    def as_json(self) -> dict[str, Any]:
        walls = self.walls()
        labels = {
            when: {**rates.as_json(), "target": JOINED_PER_S, "by_the_clock": walls[when].as_json()}
            for when, rates in self.rates().items()
        }
        retraining = {} if self.relearned is None else {**asdict(self.relearned), "target": RETRAINING_S}
        return {"labels": labels, "retraining": retraining}


def learning_tables(results: LearningResults) -> Iterator[Table]:
    if results.joined:
        yield _labels(results)
    if results.relearned is not None:
        yield _retraining(results.relearned)


def _labels(results: LearningResults) -> Table:
    named = ("rows/s of its own core", "least - most", "target", "by the clock")
    table = Table("label join in the sink", *(Column(name, justify="right") for name in named))
    walls = results.walls()
    for when, rates in results.rates().items():
        least_most = f"{rates.least:,.0f} - {rates.most:,.0f}"
        table.add_row(
            f"label {when}", f"{rates.median:,.0f}", least_most, f">= {JOINED_PER_S:,}", f"{walls[when].median:,.0f}"
        )
    return table


def _retraining(found: Relearned) -> Table:
    named = ("rows", "algorithm chosen", "seconds", "target", "processor seconds")
    table = Table("one retraining", *(Column(name, justify="right") for name in named))
    seconds = f"{found.seconds:.1f}"
    table.add_row("", f"{found.rows:,}", found.algorithm, seconds, f"<= {RETRAINING_S:g}", f"{found.cpu_s:.1f}")
    return table
