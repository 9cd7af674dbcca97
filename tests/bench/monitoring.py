"""What is measured of the monitor, one after the other."""

from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from time import thread_time

from agents.sketching import Watched
from models.bundle import Bundle
from models.churn import CHURN
from models.drift import Sketch, merged, read_sketch, sketch_bytes
from models.features import encode
from models.simulate import customer_rows
from streams.bundles import BundleStore
from streams.memory import settle
from streams.references import watched
from tests.bench.drifting import onsets, rates
from tests.bench.options import Options
from tests.bench.thousand import thousand_mib

MERGED, TRIES = 64, 20


def merging_ms(known: Watched) -> float:
    """Milliseconds for 64 sketches of the features, read from their bytes and merged; the median of some tries."""
    matrix = encode(CHURN, customer_rows(256, 5)).matrix
    sketch = Sketch(known.reference)
    sketch.add(matrix)
    content = [sketch_bytes(sketch)] * MERGED
    took = []
    for _ in range(TRIES):
        began = thread_time()
        merged(known.reference, [read_sketch(known.reference, one) for one in content])
        took.append((thread_time() - began) * 1000)
    return median(took)


def bundle_of(store: str) -> tuple[Bundle, Watched]:
    bundles = BundleStore(store)
    bundle = bundles.load("churn", bundles.latest("churn"))
    known = watched(bundle.manifest)
    assert known is not None
    return bundle, replace(known, detector=bundles.detector(bundle.manifest))


def measured(store: str, options: Options) -> Iterator[tuple[str, object]]:
    """("rates", of a turn), ("merging", ms), ("thousand", MiB), ("found", an onset), one after the other."""
    bundle, known = bundle_of(store)
    settle()  # as every worker does
    for _ in range(options.repeats):
        yield "rates", rates(bundle, known, options.drift_rows)
        yield "merging", merging_ms(known)
    yield "thousand", thousand_mib(options.thousand_rows)
    for found in onsets(bundle, known, options.drift_seeds):
        yield "found", found
