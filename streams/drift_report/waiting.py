"""How many rows have come of a version that no window was judged of."""

from dataclasses import dataclass, field

from schemas.errors import Undecodable
from schemas.sketches import CellSketch, read_sketched


@dataclass(slots=True)
class Waiting:
    """Counts what `feature-sketches` tells of one version: of each place what was said last."""

    model: str
    version: str
    _places: dict[tuple[str, int, int], CellSketch] = field(default_factory=dict)

    def add(self, value: bytes | None) -> None:
        try:
            said = read_sketched(value)
        except Undecodable:
            return
        if not isinstance(said, CellSketch) or (said.model, said.version) != (self.model, self.version):
            return
        place = said.topic, said.partition, said.cell
        if place not in self._places or said.last > self._places[place].last:
            self._places[place] = said

    @property
    def rows(self) -> int:
        return sum(sum(said.times.values()) for said in self._places.values())
