"""How far an online learner has come, as it is kept."""

from msgspec import Struct


class Checkpoint(Struct, frozen=True):
    """A model's learner and the place that it goes on from, which belong together.

    log, next_offset: of the labelled predictions. rows: learned. compared: rows on which it was held against
    `champion_version` lately. state: all that the learner is, JSON. edition: how often it was kept; 0 is never.
    """

    model: str
    log: str
    next_offset: int
    rows: int
    compared: int
    champion_version: str
    state: str
    edition: int = 0
