"""The parts, one after the other: each told as it comes, and added to the results."""

from collections.abc import Callable, Sequence, Set

from tests.bench.admission import admission
from tests.bench.drain import drains
from tests.bench.drift_results import shown_drift
from tests.bench.joining import joins
from tests.bench.memory import memory
from tests.bench.monitoring import measured
from tests.bench.options import Options
from tests.bench.place import Place
from tests.bench.relearning import relearned
from tests.bench.results import Results
from tests.bench.roundtrip import roundtrips
from tests.bench.routed import routed
from tests.bench.routing import routings, score_us
from tests.bench.routing_results import pause_batches
from tests.bench.shadowing import shadowings
from tests.bench.sink import sink_drain
from tests.bench.switching import switches


def measure_drains(place: Place, options: Options, results: Results) -> None:
    """Of each turn the contenders, and the sink on what the pipeline made."""
    for turn in range(options.repeats):
        lane, shown = place.lane(), f"{turn + 1}/{options.repeats}"
        for name, drain in drains(place, lane, options, turn):
            results.drains.setdefault(name, []).append(drain)
            place.report(f"drain {shown}: {name} {drain.rate:,.0f} records/s")
        if "sink" in options.parts:
            results.sink.append(sink_drain(place, lane, options.requests))
            place.report(f"sink {shown}: {results.sink[-1].rate:,.0f} rows/s")


def measure_labels(place: Place, options: Options, results: Results) -> None:
    for turn in range(options.repeats):
        for joined in joins(place, options.labels):
            results.learning.joined.append(joined)
            place.report(f"labels {turn + 1}/{options.repeats}: {joined.rate:,.0f} rows/s of a core, {joined.when}")


def measure_retraining(place: Place, options: Options, results: Results) -> None:
    """Once: it takes a minute, and most of that is its own processor time."""
    found = results.learning.relearned = relearned(place, options.retraining_rows)
    place.report(f"retraining on {found.rows:,} rows: {found.seconds:.1f} s, {found.algorithm}")


def measure_admission(place: Place, options: Options, results: Results) -> None:
    for turn in range(options.repeats):
        rounds = admission(place.stack.environment["REDIS_URL"], options.admission_batches)
        results.admission += rounds
        fastest = {what: max(one.rate for one in rounds if one.what == what) for what in ("limiter", "stage")}
        shown = "at most {limiter:,.0f}/s by the limiter alone, {stage:,.0f}/s by the admit stage".format(**fastest)
        place.report(f"admission {turn + 1}/{options.repeats}: {shown}")


def measure_roundtrips(place: Place, options: Options, results: Results) -> None:
    for way, callers, loops in roundtrips(place, options):
        results.loops.setdefault((way, callers), []).append(loops)
        place.report(f"round trip over {way}, {callers} callers: p50 {loops.p50:.1f} ms, {loops.rate:,.0f}/s")


def measure_memory(place: Place, options: Options, results: Results) -> None:
    for sample in memory(place, options):
        results.memory.append(sample)
        resident = ", ".join(f"{name} {mib:.0f}" for name, mib in sample.resident.items())
        place.report(f"memory after {sample.requests:,}: {resident} MiB")


def measure_routed(place: Place, options: Options, found: Results) -> None:
    """Shadows first: their agent would begin with the copies that drains leave."""
    results = found.routed
    with routed(place, options) as scorer:
        if "shadow" in options.parts:
            for name, trips in shadowings(place, scorer, options):
                results.trips.setdefault(name, []).append(trips)
                place.report(f"{name}: p50 {trips.p50:.1f} ms, p99 {trips.p99:.1f} ms")
        if "switch" in options.parts:
            for each in switches(scorer, options):
                results.switches.append(each)
                place.report(f"switch, {each.kind}: at most {pause_batches(each):.2f} full batches' time")
        if "routing" in options.parts:
            results.score_us |= score_us(scorer.lane.settings.model_store)
            for name, drain in routings(scorer, options):
                results.drains.setdefault(name, []).append(drain)
                place.report(f"routing: {name} {drain.rate:,.0f} records/s")


def measure_drift(place: Place, options: Options, results: Results) -> None:
    for what, value in measured(place.store, options):
        results.drift.add(what, value)
        place.report(f"drift: {shown_drift(what, value)}")


MEASURES: Sequence[tuple[Set[str], Callable[[Place, Options, Results], None]]] = (
    ({"drain", "sink"}, measure_drains),
    ({"labels"}, measure_labels),
    ({"retraining"}, measure_retraining),
    ({"roundtrip"}, measure_roundtrips),
    ({"admission"}, measure_admission),
    ({"memory"}, measure_memory),
    ({"drift"}, measure_drift),
    ({"routing", "switch", "shadow"}, measure_routed),
)
"""Parts, and what measures one or several of them."""


def measure(place: Place, options: Options, results: Results) -> None:
    """The parts that are asked for."""
    place.train(options.model)
    for parts, measured_by in MEASURES:
        if parts & set(options.parts):
            measured_by(place, options, results)
