"""What every strategy answers with."""

from dataclasses import dataclass

from models.bundle import Bundle


@dataclass(frozen=True, slots=True)
class Routed:
    """The model that answers a request, and why this one.

    strategy: the route's. arm: the part of the traffic that the request belongs to. epoch: counts the route's changes.
    """

    bundle: Bundle
    strategy: str
    arm: str
    epoch: int
