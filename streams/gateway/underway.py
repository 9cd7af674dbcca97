"""Requests that were accepted here and whose result the store may not have yet."""

from collections import OrderedDict


class Underway:
    """Who was promised which result; the oldest promises are forgotten first.

    owner: the id that all keys of a rotated line share.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._owners: OrderedDict[tuple[str, str], None] = OrderedDict()

    def add(self, request_id: str, owner: str) -> None:
        self._owners[request_id, owner] = None
        self._owners.move_to_end((request_id, owner))
        while len(self._owners) > self._limit:
            self._owners.popitem(last=False)

    def holds(self, request_id: str, owner: str) -> bool:
        return (request_id, owner) in self._owners

    def remove(self, request_id: str, owner: str) -> None:
        self._owners.pop((request_id, owner), None)
