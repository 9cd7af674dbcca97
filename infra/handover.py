"""What was decided in this process's memory while Redis was away, kept until Redis is told."""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence

from redis.asyncio import Redis

from infra.charging import ADMITTED, DENIED, EXPIRED, WAIVED, Asked
from infra.token_bucket import Terms

MOST = 1_000_000
"""Of a long outage the newest million refusals are kept, in 16 MB: older ones end as admitted where they come again
once Redis is back."""

SLICE = 4000
"""Refusals told in one pipeline: a few milliseconds of the event loop, and more than are decided meanwhile."""

CHUNK, WORDS = 2048, 1000
"""As in token_bucket.lua: offsets in a string of two bits each, and words of one BITFIELD, four for each refusal."""

CODES = {DENIED: 1, EXPIRED: 2, WAIVED: 3}
NOT_REFUSED = 0

FORWARD = """
for n, name in ipairs(KEYS) do
  if tonumber(ARGV[n + 1]) > tonumber(redis.call('GET', name) or -1) then
    redis.call('SET', name, ARGV[n + 1], 'EX', ARGV[1])
  end
end
"""


class Handover:
    """True while it holds anything that Redis is not told yet."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._partitions: list[tuple[str, int]] = []
        # Of each decision the place in `_partitions`, and four times the offset plus the code.
        self._places = array("l")
        self._decisions = array("q")
        self._seen: dict[tuple[str, int], int] = {}

    def __bool__(self) -> bool:
        return bool(self._decisions or self._seen)

    def __len__(self) -> int:
        """How many decisions are held."""
        return len(self._decisions)

    def note(self, asked: Asked, letters: str) -> None:
        """Keeps what was decided of a batch: where it ends in each partition, and whom it refused."""
        if asked.log:
            for partition, offset in asked.ends().items():
                self._see(partition, offset)
            if letters.strip(ADMITTED):
                self._keep(asked, [CODES.get(letter) for letter in letters])

    def doubt(self, asked: Asked) -> None:
        """Keeps that Redis may have decided a batch whose answer did not come, and that its decisions do not hold."""
        if asked.log:
            self._keep(asked, [NOT_REFUSED] * len(asked.offsets))

    async def give(self, redis: Redis, most: int = MOST) -> None:
        """Tells Redis of the oldest so many, and after the last of all how far each partition is decided.

        What Redis does not confirm is kept. To be told twice is harmless.
        """
        places, decisions, seen = self._places[:most], self._decisions[:most], self._seen
        del self._places[:most], self._decisions[:most]
        if self._decisions:
            seen = {}
        else:
            self._seen = {}
        try:
            pipeline = redis.pipeline(transaction=False)
            for command in [*self._refusals(places, decisions), *self._ends(seen)]:
                pipeline.execute_command(*command)
            await pipeline.execute()
        except BaseException:
            self._places[:0], self._decisions[:0] = places, decisions
            for partition, offset in seen.items():
                self._see(partition, offset)
            raise

    def _see(self, partition: tuple[str, int], offset: int) -> None:
        self._seen[partition] = max(offset, self._seen.get(partition, -1))

    def _keep(self, asked: Asked, codes: Sequence[int | None]) -> None:
        places = [self._place((asked.log, partition)) for partition in asked.partitions]
        for index, offset, code in zip(asked.of_partition, asked.offsets, codes, strict=True):
            if code is not None:
                self._places.append(places[index])
                self._decisions.append(offset * 4 + code)
        # A tenth more at times: each cut moves all the rest.
        if len(self._decisions) > MOST * 1.1:
            del self._places[:-MOST], self._decisions[:-MOST]

    def _place(self, partition: tuple[str, int]) -> int:
        if partition not in self._partitions:
            self._partitions.append(partition)
        return self._partitions.index(partition)

    def _refusals(self, places: Sequence[int], decisions: Sequence[int]) -> Iterator[Sequence[str | int]]:
        chunks: defaultdict[tuple[int, int], list[str | int]] = defaultdict(list)
        for place, decision in zip(places, decisions, strict=True):
            offset, code = divmod(decision, 4)
            chunks[place, offset // CHUNK] += ("SET", "u2", offset % CHUNK * 2, code)
        for (place, chunk), words in chunks.items():
            log, partition = self._partitions[place]
            name = f"{self._terms.prefix}:refused:{log}:{partition}:{chunk}"
            for first in range(0, len(words), WORDS):
                yield "BITFIELD", name, *words[first : first + WORDS]
            yield "EXPIRE", name, self._terms.keep

    def _ends(self, seen: dict[tuple[str, int], int]) -> Iterator[Sequence[str | int]]:
        if seen:
            names = [f"{self._terms.prefix}:seen:{log}:{partition}" for log, partition in seen]
            yield "EVAL", FORWARD, len(names), *names, self._terms.keep, *seen.values()
