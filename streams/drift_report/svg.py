"""Pictures as text: elements, scales, numbers and times as people read them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from math import floor, log10

Scale = Callable[[float], float]

_STEPS = [timedelta(**step) for step in (
    {"seconds": 10}, {"seconds": 30}, {"minutes": 1}, {"minutes": 2}, {"minutes": 5}, {"minutes": 10}, {"minutes": 15},
    {"minutes": 30}, {"hours": 1}, {"hours": 2}, {"hours": 3}, {"hours": 6}, {"hours": 12}, {"days": 1}, {"days": 2},
    {"days": 5}, {"days": 10},
)]  # fmt: skip


def element(tag: str, content: str = "", /, **attributes: object) -> str:
    """An element whose content is markup already; `class_` and `text_anchor` are class and text-anchor."""
    given = "".join(f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"' for name, value in attributes.items())
    return f"<{tag}{given}>{content}</{tag}>"


def text(content: str, x: float, y: float, class_: str = "", anchor: str = "start") -> str:
    return element("text", escape(content), x=x, y=y, class_=class_ or "tick", text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def box(x: float, y: float, width: float, height: float, class_: str, title: str = "") -> str:
    inner = element("title", escape(title)) if title else ""
    return element("rect", inner, x=x, y=y, width=max(width, 0.0), height=max(height, 0.0), class_=class_)


def picture(width: int, height: int, label: str, parts: Sequence[str]) -> str:
    content = "".join(parts)
    return element("svg", content, viewBox=f"0 0 {width} {height}", role="img", aria_label=label, class_="picture")


def scale(low: float, high: float, first: float, last: float) -> Scale:
    """Maps [low, high] to [first, last]; one value alone lies in the middle."""
    width = high - low
    if width <= 0:
        return lambda _: (first + last) / 2
    return lambda value: first + (value - low) / width * (last - first)


def number(value: float) -> str:
    """In three digits: 0.0123, 12.3, 1.23k, 4.5M."""
    if abs(value) < 1e-12:
        return "0"
    size = abs(value)
    for least, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= least:
            return f"{_digits(value / float({'G': 1e9, 'M': 1e6, 'k': 1e3}[sign]))}{sign}"
    return _digits(value) if size >= 9.995e-5 else f"{value:.1e}"


def percent(share: float) -> str:
    return f"{share * 100:.0f}%" if share >= 0.1 else f"{share * 100:.1f}".removesuffix(".0") + "%"


def stamp(moment: datetime) -> str:
    """To the second, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def time_ticks(first: datetime, last: datetime, most: int = 5) -> list[tuple[datetime, str]]:
    """Round moments between both, and how they are written there."""
    width = last - first
    step = next((step for step in _STEPS if width / step <= most), max(_STEPS[-1], width / most))
    form = "%H:%M:%S" if step < timedelta(minutes=1) else "%H:%M" if width <= timedelta(days=1) else "%d %b %H:%M"
    form = "%d %b" if step >= timedelta(days=1) else form
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    moment = epoch + -((epoch - first.astimezone(UTC)) // step) * step
    ticks = []
    while moment <= last:
        ticks.append((moment, moment.strftime(form)))
        moment += step
    return ticks


def nice_top(value: float) -> float:
    """The end of an axis that begins at 0: 1, 2, 2.5 or 5 times a power of ten, not below the value."""
    power: float = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * 0.999)


def _digits(value: float) -> str:
    decimals = max(2 - floor(log10(abs(value))), 0)
    written = f"{value:.{decimals}f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else escape(str(value))
