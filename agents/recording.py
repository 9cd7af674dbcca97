"""Results chosen to be answered again, in batches of a scorer's size."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from schemas.errors import Undecodable
from schemas.recorded import Recorded, read_recorded

BATCH_ROWS = 500
BATCH_BYTES = 4 * 1024 * 1024
MOST_NAMED = 20


@dataclass
class Recording:
    """Which results are chosen, and what was passed over.

    answered_by: only what this version answered. limit: of requests. unreadable: values that are no result.
    seen: how many answers there were of each model and version.
    """

    model: str
    answered_by: str | None = None
    limit: int | None = None
    results: int = 0
    chosen: int = 0
    unreadable: int = 0
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    def batches(self, values: Iterable[bytes | None]) -> Iterator[list[Recorded]]:
        """The chosen requests, those with one row many at a time. Stops reading at the limit."""
        batch: list[Recorded] = []
        rows = size = 0
        for request, length in self._chosen(values):
            more = len(request.answers())
            if batch and (rows + more > BATCH_ROWS or size + length > BATCH_BYTES):
                yield batch
                batch, rows, size = [], 0, 0
            batch.append(request)
            rows += more
            size += length
        if batch:
            yield batch

    def _chosen(self, values: Iterable[bytes | None]) -> Iterator[tuple[Recorded, int]]:
        for value in values:
            self.results += 1
            try:
                found = read_recorded(value)
            except Undecodable:
                self.unreadable += 1
                continue
            if self._is_wanted(found):
                self.chosen += 1
                yield found, len(value or b"")
            if self.chosen == self.limit:
                return

    def _is_wanted(self, result: Recorded) -> bool:
        if result.status != "ok":
            return False
        name = (result.model or "", result.model_version or "")
        self.seen[name] += 1
        return name[0] == self.model and self.answered_by in (None, name[1])

    def told(self) -> str:
        """Who answered what in all that was read."""
        answers = [f"{model} {version}: {count}" for (model, version), count in self.seen.most_common(MOST_NAMED)]
        return ", ".join(answers) or "none at all"
