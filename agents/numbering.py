"""Which of a version's labelled predictions have come already: a sender that was killed sends some again."""

from msgspec import Struct, field

from schemas.labelled import LabelledPrediction

MOST_SKIPPED = 10_000


class Numbering(Struct):
    """Of one version. following: the number that comes next; skipped: lower ones that did not come yet."""

    series: str = ""
    following: int = 0
    skipped: set[int] = field(default_factory=set)

    def is_new(self, row: LabelledPrediction) -> bool:
        """Whether this row did not come before, perhaps ahead of earlier ones."""
        if row.series != self.series:  # the database was made anew, and its numbers begin again
            self.series, self.following, self.skipped = row.series, 1, set()
        if row.number < self.following:
            known = row.number in self.skipped
            self.skipped.discard(row.number)
            return known
        if row.number - self.following <= MOST_SKIPPED:
            self.skipped.update(range(self.following, row.number))
        self.following = row.number + 1
        return True
