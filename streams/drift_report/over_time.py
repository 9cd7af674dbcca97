"""PSI over time: of one feature with its episodes, and of all at one look."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from math import sqrt

from streams.drift_report.shown import Shown
from streams.drift_report.svg import Scale, box, element, line, number, picture, scale, stamp, text, time_ticks
from streams.drift_report.told import Key, Point, Span

WIDTH, HEIGHT = 520, 200
LEFT, RIGHT, TOP, BOTTOM = 40, 24, 26, 24
MOST_POINTS, DOTS = 240, 60
MODERATE, LARGE = 0.1, 0.25
"""What PSI is commonly taken for, from there on."""
TICKS = (0.0, MODERATE, LARGE, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
NAMES, CELL, MOST_CELLS = 190, 16, 60
LEVELS = (0.05, MODERATE, LARGE, 0.5)
"""Ends of the overview's shades."""

_GLYPHS = {"opened": "M-5,4 L5,4 L0,-5 Z", "worsened": "M-5,0 L0,-5 L5,0 L0,5 Z", "resolved": "M-5,-4 L5,-4 L0,5 Z"}

Times = tuple[datetime, datetime]


def psi_over_time(one: Shown, times: Times | None) -> str:
    """times: of the first and the last window of the report; None where there is none."""
    if times is None or not one.psi:
        return '<p class="empty">no window has a PSI of it yet</p>'
    at = scale(times[0].timestamp(), times[1].timestamp(), LEFT, WIDTH - RIGHT)
    up = _up(max(psi for _, psi in one.psi))
    parts = [_shade(span, times, at) for span in one.spans]
    parts += _levels(up)
    parts += [text(label, at(moment.timestamp()), HEIGHT - 8, anchor="middle") for moment, label in _ticks(times)]
    points = _thinned(one.psi)
    places = [(at(moment.timestamp()), up(psi)) for moment, psi in points]
    parts.append(element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in places), class_="psi"))
    if len(points) <= DOTS:
        parts += [_dot(x, y, *point) for (x, y), point in zip(places, points, strict=True)]
    parts += [glyph for span in one.spans for glyph in _glyphs(span, times, at)]
    return picture(WIDTH, HEIGHT, f"PSI of {one.name} over time", parts)


def overview(features: Sequence[Shown], points: Sequence[Point]) -> str:
    """A row for each feature, a cell for each window or some together; a dot where it drifted."""
    columns = _together(points)
    if not columns:
        return '<p class="empty">no window yet</p>'
    cell = (WIDTH * 2 - NAMES - RIGHT) / max(len(columns), 5)
    parts = []
    for row, one in enumerate(features):
        y = row * CELL + 4
        parts.append(text(_short(one.name), NAMES - 8, y + 11, "label strong" if one.open else "label", "end"))
        for column, some in enumerate(columns):
            parts.append(_cell(one.key, some, NAMES + column * cell, y, cell))
    bottom = len(features) * CELL + 18
    for column in range(0, len(columns), max(round(120 / cell), 1)):
        label = columns[column][0].end.astimezone(UTC).strftime("%d %b %H:%M")
        parts.append(text(label, NAMES + column * cell, bottom))
    return picture(WIDTH * 2, bottom + 6, "PSI of all features over time", parts)


def key_to_levels() -> str:
    """What the overview's shades mean."""
    ends = (0.0, *LEVELS)
    names = [f"{number(low)}–{number(high)}" for low, high in zip(ends, LEVELS, strict=False)]
    shades = [f'<i class="swatch level{i}"></i>{name}' for i, name in enumerate([*names, f"≥ {number(LEVELS[-1])}"])]
    return " ".join(f"<span>{shade}</span>" for shade in shades)


def glyph(phase: str, x: float = 0, y: float = 0, title: str = "") -> str:
    inner = element("title", escape(title)) if title else ""
    return element("path", inner, d=_GLYPHS[phase], transform=f"translate({x:.1f},{y:.1f})", class_=f"mark {phase}")


def _up(most: float) -> Scale:
    """On square roots: an axis that reaches 10 shows 0.1 too."""
    roots = scale(0, sqrt(max(most * 1.05, LARGE * 1.3)), HEIGHT - BOTTOM, TOP)
    return lambda psi: roots(sqrt(max(psi, 0.0)))


def _levels(up: Scale) -> list[str]:
    """The ticks that have room; those that say how large a PSI is always have it."""
    styles = {0.0: "axis", MODERATE: "moderate", LARGE: "large"}
    parts, free = [], float(HEIGHT)
    for tick in TICKS:
        y = up(tick)
        if y < TOP or (free - y < 13 and tick not in styles):
            continue
        parts.append(line(LEFT, y, WIDTH - RIGHT, y, styles.get(tick, "grid")))
        if free - y >= 9:
            parts.append(text(number(tick), LEFT - 6, y + 3.5, anchor="end"))
            free = y
    return parts


def _cell(key: Key, some: Sequence[Point], x: float, y: float, width: float) -> str:
    found = [point.psi[key] for point in some if key in point.psi]
    if not found:
        return box(x, y, width - 1, CELL - 2, "none", "not measured")
    psi = max(found)
    level = sum(psi >= end for end in LEVELS)
    drifted = any(key in point.drifted for point in some)
    title = f"{key[1]}, window to {stamp(some[-1].end)} UTC: PSI {number(psi)}{', drifted' if drifted else ''}"
    dot = element("circle", cx=x + (width - 1) / 2, cy=y + CELL / 2 - 1, r=2.5, class_="drifted") if drifted else ""
    return box(x, y, width - 1, CELL - 2, f"level{level}", title) + dot


def _together(points: Sequence[Point]) -> list[Sequence[Point]]:
    size = -(-len(points) // MOST_CELLS) or 1
    return [points[first : first + size] for first in range(0, len(points), size)]


def _thinned(psi: Sequence[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    """The highest of every few."""
    size = -(-len(psi) // MOST_POINTS)
    return [max(psi[first : first + size], key=lambda point: point[1]) for first in range(0, len(psi), size)]


def _shade(span: Span, times: Times, at: Scale) -> str:
    first, last = max(span.opened, times[0]), min(span.resolved or times[1], times[1])
    if last < first:
        return ""
    x, end = at(first.timestamp()), at(last.timestamp())
    return box(x, TOP, max(end - x, 2.0), HEIGHT - BOTTOM - TOP, f"episode {span.severity}")


def _glyphs(span: Span, times: Times, at: Scale) -> list[str]:
    """The episode's steps above the picture, the first and the last with their times where there is room."""
    steps = [("opened", span.opened), *(("worsened", moment) for moment in span.worsened)]
    steps += [("resolved", span.resolved)] if span.resolved else []
    shown = [(phase, moment) for phase, moment in steps if times[0] <= moment <= times[1]]
    parts = []
    for phase, moment in shown:
        x = at(moment.timestamp())
        parts.append(line(x, TOP - 6, x, HEIGHT - BOTTOM, f"step {phase}"))
        parts.append(glyph(phase, x, TOP - 12, f"{phase} {stamp(moment)} UTC, {span.severity}"))
    return parts


def _dot(x: float, y: float, moment: datetime, psi: float) -> str:
    title = element("title", f"{stamp(moment)} UTC: PSI {number(psi)}")
    return element("circle", title, cx=x, cy=y, r=2.6, class_="dot")


def _ticks(times: Times) -> list[tuple[datetime, str]]:
    return time_ticks(*times) or [(times[0], stamp(times[0])[11:])]


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:27]}…"
