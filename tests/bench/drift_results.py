"""What was measured of the monitor: rates beside the scorer's, delays of detection, false alarms, merging, memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.table import Column, Table

from tests.bench.drifting import SHARED, SHIFT, WINDOW, Found
from tests.bench.spread import Spread, spread

TO_SCORER, MERGING_MS, THOUSAND_MIB = 1.0, 50.0, 200.0
WITHIN_WINDOWS, LEAST_FOUND = 2, 0.95


@dataclass
class DriftResults:
    """rates: of each turn, stage -> rows a second of one core."""

    rates: list[Mapping[str, float]] = field(default_factory=list)
    merging_ms: list[float] = field(default_factory=list)
    thousand_mib: list[float] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)

    def add(self, what: str, value: Any) -> None:
        lists = {"rates": self.rates, "merging": self.merging_ms, "thousand": self.thousand_mib, "found": self.found}
        lists[what].append(value)

    def to_scorer(self) -> Spread:
        """The rate of both stages together, of the scorer's in the same turn."""
        return spread(
            [1 / (turn["scorer"] / turn["sketching"] + turn["scorer"] / turn["watching"]) for turn in self.rates]
        )

    def delays(self) -> list[int]:
        """In rows, of those that were found."""
        return [one.rows for one in self.found if one.rows is not None]

    def found_within(self) -> float:
        """The share of the onsets that were found within two windows."""
        return sum(rows <= WITHIN_WINDOWS * WINDOW for rows in self.delays()) / len(self.found)

    def false_alarms_per_million(self) -> float:
        rows = sum(one.quiet_rows + (one.rows or 0) for one in self.found)
        return sum(one.false_alarms for one in self.found) / rows * 1_000_000

    def as_json(self) -> dict[str, Any]:
        if not self.found:
            return {}
        delays = self.delays()
        return {
            "rows_per_s": {name: spread([turn[name] for turn in self.rates]).as_json() for name in SHARED},
            "to_scorer": {**self.to_scorer().as_json(), "target": TO_SCORER},
            "merging_ms": {**spread(self.merging_ms).as_json(), "target": MERGING_MS},
            "thousand_mib": {**spread(self.thousand_mib).as_json(), "target": THOUSAND_MIB},
            "onsets": len(self.found),
            "found": len(delays),
            "found_within_2_windows": {"share": self.found_within(), "target": LEAST_FOUND},
            "delay_rows": spread(delays).as_json() if delays else None,
            "delay_windows": spread([rows / WINDOW for rows in delays]).as_json() if delays else None,
            "false_alarms_per_million": round(self.false_alarms_per_million(), 2),
        }


def drift_tables(results: DriftResults) -> Iterator[Table]:
    if results.rates:
        yield _rates(results)
    if results.found:
        yield _detection(results)


def shown_drift(what: str, value: Any) -> str:
    """A line about what was measured last."""
    if isinstance(value, Found):
        when = "not found" if value.rows is None else f"found after {value.rows:,} rows"
        return f"{value.feature} {when}, {value.false_alarms} false alarms"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {rate:,.0f} rows/s" for name, rate in value.items())
    return f"{what} {value:.1f}"


def _rates(results: DriftResults) -> Table:
    table = Table(
        "monitor, one core", *(Column(name, justify="right") for name in ("median", "least - most", "target"))
    )
    for name in SHARED:
        rates = spread([turn[name] for turn in results.rates])
        table.add_row(f"{name}, rows/s", f"{rates.median:,.0f}", f"{rates.least:,.0f} - {rates.most:,.0f}", "")
    lines = [("both stages / scorer", results.to_scorer(), f">= {TO_SCORER:g}")]
    if results.merging_ms:
        lines.append(("64 sketches read and merged, ms", spread(results.merging_ms), f"<= {MERGING_MS:g}"))
    if results.thousand_mib:
        lines.append(("1000 features, MiB beside libraries", spread(results.thousand_mib), f"<= {THOUSAND_MIB:g}"))
    for name, found, target in lines:
        table.add_row(name, f"{found.median:.2f}", f"{found.least:.2f} - {found.most:.2f}", target)
    return table


def _detection(results: DriftResults) -> Table:
    title = f"{SHIFT:g} deviation in one of 21 features, {len(results.found)} onsets"
    table = Table(title, *(Column(name, justify="right") for name in ("median", "least - most", "target")))
    if delays := results.delays():
        rows, windows = spread(delays), spread([rows / WINDOW for rows in delays])
        table.add_row("delay, rows", f"{rows.median:,.0f}", f"{rows.least:,.0f} - {rows.most:,.0f}", "")
        table.add_row("delay, windows", f"{windows.median:.2f}", f"{windows.least:.2f} - {windows.most:.2f}", "")
    table.add_row("found within 2 windows", f"{results.found_within():.0%}", "", f">= {LEAST_FOUND:.0%}")
    table.add_row("false alarms per million rows", f"{results.false_alarms_per_million():.1f}", "", "")
    return table
