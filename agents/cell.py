"""What was counted of one place of the results."""

from collections import Counter
from dataclasses import dataclass, field

from agents.drift_messages import Version
from models.drift import Sketch


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows of one version, from the offset `first` on. rows: by the key that sent them.

    times: how many by the slot that they were asked for in. flagged: how many are outliers, and how many are none.
    """

    first: int
    rows: dict[str, Sketch] = field(default_factory=dict)
    times: Counter[int] = field(default_factory=Counter)
    flagged: Counter[bool] = field(default_factory=Counter)

    def add(self, other: "Counted") -> None:
        for key_id, sketch in other.rows.items():
            if key_id in self.rows:
                self.rows[key_id].merge(sketch)
            else:
                self.rows[key_id] = sketch
        self.times.update(other.times)
        self.flagged.update(other.flagged)


@dataclass(slots=True)
class Cell:
    """What was counted of one place, up to the offset `last`."""

    number: int
    last: int = -1
    versions: dict[Version, Counted] = field(default_factory=dict)
