"""A feature's histogram: shares of the training data and of the window, side by side."""

from collections.abc import Sequence

from schemas.drift_windows import Bins
from streams.drift_report.svg import Scale, box, line, nice_top, number, percent, picture, scale, text

WIDTH, HEIGHT = 520, 200
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 12, 34
ROW = 18
LABELS = 150


def histogram(bins: Bins | None, name: str) -> str:
    """A picture; a sentence where there is nothing to draw."""
    if bins is None:
        return '<p class="empty">no reference: the profile of its training does not tell of this one</p>'
    return _rows(bins, name) if bins.labels else _columns(bins, name)


def _columns(bins: Bins, name: str) -> str:
    """Of a number: its bins have about as many rows of the training data, so their widths are not drawn."""
    before, now = _shares(bins.reference), _shares(bins.current)
    outside = {0, len(before) - 1}
    kept = [i for i in range(len(before)) if i not in outside or before[i] or now[i]]
    top = nice_top(max([*before, *now, 0.1]))
    height = scale(0, top, HEIGHT - BOTTOM, TOP)
    place = scale(0, len(kept), LEFT, WIDTH - RIGHT)
    parts = [_grid(top, height)]
    for slot, i in enumerate(kept):
        where = _where(bins.edges, i)
        for share, class_, inset in ((before[i], "reference", 0.08), (now[i], "current", 0.26)):
            x, end, y = place(slot + inset), place(slot + 1 - inset), height(share)
            title = f"{where}: {percent(share)} of {'the training data' if class_ == 'reference' else 'the window'}"
            parts.append(box(x, y, end - x, height(0) - y, class_, title))
    parts += _whole(bins.edges, kept, place) or _edges(bins.edges, kept, place)
    return picture(WIDTH, HEIGHT, f"histogram of {name}", parts)


def _grid(top: float, height: Scale) -> str:
    parts, steps = [], 5 if f"{top:.0e}"[0] == "5" or f"{top:.1e}".startswith("2.5") else 4
    for step in range(steps + 1):
        share = top * step / steps
        y = height(share)
        parts.append(line(LEFT, y, WIDTH - RIGHT, y, "grid" if step else "axis"))
        parts.append(text(percent(share), LEFT - 6, y + 3.5, anchor="end"))
    return "".join(parts)


def _whole(edges: Sequence[float], kept: Sequence[int], place: Scale) -> list[str]:
    """The integers of each bin below it; none where they have no room or are no integers."""
    if not all(edge.is_integer() for edge in edges):
        return []
    ends = [(edges[i - 1] + 1 if i else None, edges[i] if i < len(edges) else None) for i in kept]
    labels = [_span(low, high) for low, high in ends]
    if max(map(len, labels)) * 6.4 > place(1) - place(0):
        return []
    y = HEIGHT - BOTTOM + 14
    return [text(label, place(slot + 0.5), y, anchor="middle") for slot, label in enumerate(labels)]


def _span(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"≤ {number(high or 0.0)}" if low is None else f"≥ {number(low)}"
    return number(low) if low >= high else f"{number(low)}–{number(high)}"


def _edges(edges: Sequence[float], kept: Sequence[int], place: Scale) -> list[str]:
    """The numbers between bins, as many as can be read beside each other; words where there is no end."""
    y = HEIGHT - BOTTOM + 14
    parts, free = [], 0.0
    for slot, i in enumerate(kept):
        if i == 0:
            parts.append(text("below", place(slot + 0.5), y, anchor="middle"))
            free = place(slot + 0.5) + 18
            continue
        label = _low(edges, i - 1)
        x, half = place(slot), 3.2 * len(label) + 2
        if x - half >= free:
            parts.append(text(label, x, y, anchor="middle"))
            free = x + half
        if i == len(edges):
            parts.append(text("above", place(slot + 0.5), y + 12, anchor="middle"))
    if kept and kept[-1] < len(edges):
        label = number(edges[kept[-1]])
        if place(len(kept)) - 6.4 * len(label) >= free:
            parts.append(text(label, place(len(kept)), y, anchor="end"))
    return parts


def _where(edges: Sequence[float], i: int) -> str:
    if i == 0:
        return f"{number(edges[0])} or less, below the training data"
    return f"above {number(edges[-1])}" if i == len(edges) else f"{_low(edges, i - 1)} to {number(edges[i])}"


def _low(edges: Sequence[float], i: int) -> str:
    """Where a bin begins; the first edge of integers lies one below their minimum."""
    return number(edges[i] + 1 if i == 0 and all(edge.is_integer() for edge in edges) else edges[i])


def _rows(bins: Bins, name: str) -> str:
    """Of a text: a row for each category."""
    before, now = _shares(bins.reference), _shares(bins.current)
    labels = [*bins.labels, "(others)", "(not in training)"]
    known = len(bins.labels)
    kept = [i for i in range(len(labels)) if i < known or before[i] or now[i]]
    width = scale(0, max([*before, *now, 0.01]), 0, WIDTH - LABELS - 90)
    parts = []
    for row, i in enumerate(kept):
        y = TOP + row * (ROW + 6)
        parts.append(text(labels[i], LABELS - 8, y + 12, "label", "end"))
        parts.append(box(LABELS, y, width(before[i]), 8, "reference", f"{labels[i]}: {percent(before[i])} trained"))
        parts.append(box(LABELS, y + 9, width(now[i]), 8, "current", f"{labels[i]}: {percent(now[i])} of the window"))
        told = f"{percent(before[i])} → {percent(now[i])}" if sum(bins.current) else percent(before[i])
        parts.append(text(told, LABELS + max(width(before[i]), width(now[i])) + 6, y + 12))
    return picture(WIDTH, TOP + len(kept) * (ROW + 6) + 4, f"shares of the categories of {name}", parts)


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]
