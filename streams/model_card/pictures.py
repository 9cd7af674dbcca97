"""The pictures of a model card: how two models rank, how right their probabilities are, and what answers hang on."""

from collections.abc import Mapping, Sequence

from models.retraining.curves import Curves
from streams.drift_report.svg import box, element, line, number, picture, scale, text

SIZE, MARGIN = 380, 44
NAMES, BARS, BAR = 190, 780, 20
MOST_FEATURES = 15
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)

Pair = tuple[Curves, Curves]
"""The candidate's and the champion's."""


def roc(both: Pair) -> str:
    """True against false positive rate."""
    lines = [_line(one.roc, kind) for one, kind in zip(both, ("candidate", "champion"), strict=True)]
    return _square("ROC curves", "false positive rate", "true positive rate", lines)


def reliability(both: Pair) -> str:
    """The share of rows that was true, by the score they had."""
    parts = []
    for one, kind in zip(both, ("candidate", "champion"), strict=True):
        points = [(mean, share) for mean, share, _ in one.reliability]
        parts.append(_line(points, kind))
        parts += [_dot(*point, rows, kind) for point, (*_, rows) in zip(points, one.reliability, strict=True)]
    return _square("Calibration", "score", "share that was true", parts)


def importance(weights: Mapping[str, float]) -> str:
    """The features that answers hang on most."""
    named = sorted(((name, weight) for name, weight in weights.items() if weight > 0), key=lambda one: -one[1])
    if not named:
        return '<p class="empty">answers hang on no feature</p>'
    along = scale(0.0, named[0][1], 0.0, BARS)
    parts = []
    for row, (name, weight) in enumerate(named[:MOST_FEATURES]):
        y = row * BAR + 4
        parts.append(text(name if len(name) <= 28 else f"{name[:27]}…", NAMES - 8, y + 11, "label", "end"))
        parts.append(box(NAMES, y, along(weight), BAR - 6, "current", f"{name}: {number(weight)}"))
        parts.append(text(number(weight), NAMES + along(weight) + 6, y + 11))
    return picture(NAMES + BARS + 60, min(len(named), MOST_FEATURES) * BAR + 8, "Importance of features", parts)


def _square(title: str, across: str, up: str, parts: Sequence[str]) -> str:
    frame = [line(*_at(0.0, 0.0), *_at(1.0, 1.0), "moderate")]
    for tick in TICKS:
        (x, bottom), (left, y) = _at(tick, 0.0), _at(0.0, tick)
        frame += [line(x, bottom, x, _at(tick, 1.0)[1], "grid"), line(left, y, _at(1.0, tick)[0], y, "grid")]
        frame += [
            text(number(tick), x, bottom + 16, anchor="middle"),
            text(number(tick), left - 6, y + 4, anchor="end"),
        ]
    names = [text(across, SIZE / 2, SIZE - 6, "label", "middle"), text(up, 6, 14, "label")]
    return picture(SIZE, SIZE, title, [*frame, *names, *parts])


def _line(points: Sequence[tuple[float, float]], kind: str) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_at(*point) for point in points))
    return element("polyline", points=places, class_=f"curve {kind}")


def _dot(mean: float, share: float, rows: int, kind: str) -> str:
    x, y = _at(mean, share)
    title = element("title", f"{kind}: {rows} rows scored {number(mean)} on average, of {number(share)} it was true")
    return element("circle", title, cx=x, cy=y, r=3.0, class_=f"point {kind}")


def _at(x: float, y: float) -> tuple[float, float]:
    across, up = scale(0.0, 1.0, MARGIN, SIZE - 14), scale(0.0, 1.0, SIZE - MARGIN, 24)
    return across(x), up(y)
