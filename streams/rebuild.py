"""The sink's tables made again from the topics, as far as those reach back."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

from infra.compacted import read_records
from infra.database.told import leave_told
from infra.group_offsets import Span, take_back
from infra.kafka import ADVICE, client_options
from schemas.errors import Unavailable, Undecodable
from schemas.labelled import read_labelled
from schemas.message import Batch, Emission, Record
from streams.bare_host import BareHost
from streams.loops import Pipeline
from streams.roles.sink import storing
from streams.settings import Settings
from streams.tasks import first_failure
from streams.topics import LABELLED_PREDICTIONS
from streams.worker import sharing

LOOK_S = 0.2
STALL_S = 60.0
"""Without a record, and with no dependency to wait for."""
TOLD_S = 3600.0
TOLD = ("request_id", "row", "model", "model_version", "role", "label", "number")
"""What is asked of a truth on its topic."""

Progressed = Callable[[int], object]
"""Told how many more of the records have been stored."""


@dataclass
class Reading:
    """How far the stages have come: it stands around each of them.

    records: by topic. told: truths that their topic had already.
    """

    spans: Sequence[Span]
    records: Counter[str] = field(default_factory=Counter)
    dead_letters: int = 0
    told: int = 0

    def __post_init__(self) -> None:
        self._stored: dict[tuple[str, int], int] = {}
        self._ends = {(span.topic, span.partition): span.end for span in self.spans if span.start < span.end}

    def watch(self, pipeline: Pipeline) -> None:
        """Notice what the pipeline stores and what it gives up."""
        stage, give_up = pipeline.stage, pipeline.give_up

        async def watched(batch: Batch) -> Sequence[Emission]:
            emissions = await stage(batch)
            self._note(batch.records, batch.topic, emissions)
            return emissions

        def given_up(record: Record, attempts: int) -> Sequence[Emission]:
            emissions = give_up(record, attempts)
            self._note([record], record.topic, emissions)
            return emissions

        pipeline.stage, pipeline.give_up = watched, given_up

    def _note(self, records: Sequence[Record], topic: str, emissions: Sequence[Emission]) -> None:
        self.records[topic] += len(records)
        self.dead_letters += len(emissions)
        for record in records:
            place = topic, record.partition
            self._stored[place] = max(self._stored.get(place, 0), record.offset + 1)

    @property
    def done(self) -> int:
        """Offsets of the spans that are stored."""
        return sum(max(0, min(self._stored.get((s.topic, s.partition), 0), s.end) - s.start) for s in self.spans)

    def is_over(self, host: BareHost) -> bool:
        """Whether all is read. What lies last in a partition may be compacted away: it is only passed."""
        passed = host.positions() if host.progress().unfinished == 0 else {}
        return all(max(self._stored.get(p, 0), passed.get(p, 0)) >= end for p, end in self._ends.items())


async def rebuild(settings: Settings, spans: Sequence[Span], progressed: Progressed) -> Reading:
    """Take the sinks' group back and store what the spans hold by the sink's own stages; truths that their topic has
    already are not told again.

    Raises BadSettings where a sink runs, Unavailable. Whoever is interrupted has lost nothing, as the group stands
    where the storing ended; but a sink that starts then tells again what its topic has.
    """
    reading = Reading(spans)
    async with sharing("sink", settings) as shared:
        made = await storing(shared)
        for pipeline in made.pipelines:
            reading.watch(pipeline)
        await asyncio.to_thread(take_back, client_options(settings), settings.topic("sink"), spans)
        host, stop = BareHost(settings, "sink", made.pipelines), asyncio.Event()
        follow = _follow(reading, host, stop, progressed)
        runs = [host.run(stop), follow, shared.producer.failed(), made.keys.failed()]
        await first_failure(*map(asyncio.ensure_future, runs))
        reading.told = await asyncio.to_thread(leave_told, made.engine, partial(_told, settings))
    return reading


async def _follow(reading: Reading, host: BareHost, stop: asyncio.Event, progressed: Progressed) -> None:
    """Stop the host once all is read; returns never."""
    done, moved_at = 0, monotonic()
    while not reading.is_over(host):
        await asyncio.sleep(LOOK_S)
        progressed(reading.done - done)
        if reading.done != done or host.progress().excused:
            done, moved_at = reading.done, monotonic()
        if monotonic() - moved_at > STALL_S:
            reason = f"nothing came in {STALL_S:.0f} s, and the ends are not reached"
            raise Unavailable("kafka", f"{reason}: is a sink running beside this? {ADVICE}")
    progressed(reading.done - done)
    stop.set()
    await asyncio.Event().wait()


def _told(settings: Settings, add: Callable[[dict[str, Any]], None]) -> None:
    """What lies on the topic of labelled predictions."""
    lives: dict[str, int] = {}

    def on_record(_: bytes, value: bytes | None) -> None:
        with suppress(Undecodable):
            row = read_labelled(value)
            life = lives.setdefault(row.series, len(lives))
            add({"life": life, **{name: getattr(row, name) for name in TOLD}})

    read_records(client_options(settings), settings.topic(LABELLED_PREDICTIONS.name), on_record, TOLD_S)
