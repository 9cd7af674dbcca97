"""What lies on `drift-windows`: what each window of a model version was judged to be, drift or none."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.json import Decoder, Encoder

from schemas.drift_events import Count, Severity, Share, Subject
from schemas.moment import Moment
from schemas.reading import read_as
from schemas.result import SCHEMA_VERSION


class Bins(Struct, frozen=True, gc=False, omit_defaults=True):
    """Rows of both samples by bin.

    edges: of a number, rising; bin i holds `edges[i-1] < x <= edges[i]`, the first what is below the reference's range,
    the last what is above it. labels: of a text, categories, shortened; then bins of all others and of unseen ones.
    """

    reference: tuple[Count, ...]
    current: tuple[Count, ...]
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()


class FeatureWindow(Struct, frozen=True, gc=False):
    """One feature of a window, or the predictions; what could not be measured is null.

    state: `tested`, `constant`, `all_missing` or `no_reference`. distances: by every test that compares such a feature.
    bins: null without a reference, and in windows that older monitors judged.
    """

    feature: str
    subject: Subject
    state: str
    test: str
    p_value: Share | None
    distance: float | None
    effect: Share
    distances: Mapping[str, float]
    drifted: bool
    bins: Bins | None = None


class DriftWindow(Struct, frozen=True, gc=False):
    """A window of one model version. window: its id, the same after a replay.

    outcome: `tested`; `no_reference` of a model whose training nobody here saw. late_rows: of them, asked for before
    the last window ended. threshold: the corrected one, p-values up to which are drift.
    """

    model: str
    model_version: str
    window: str
    start: Moment
    end: Moment
    outcome: str
    rows: Count
    late_rows: Count
    drift: bool
    severity: Severity | None
    correction: str
    alpha: float
    threshold: float | None
    smallest_p: Share | None
    features: tuple[FeatureWindow, ...]
    schema_version: int = SCHEMA_VERSION


encode_window = Encoder().encode
_decoder = Decoder(DriftWindow)


def read_window(value: bytes | None) -> DriftWindow:
    """The window in a record. Raises Undecodable."""
    return read_as(_decoder, "a drift window", value)
