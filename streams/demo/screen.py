"""The live table, and the same facts as plain lines where nobody watches a terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.demo.cast import SMALL_LIMIT
from streams.demo.figures import WAYS, best_second, by_way, dead_letters, drained, rows
from streams.demo.ledger import Ledger

BAR = 28
STYLES = {"ok": "green", "rate_limited": "yellow", "error": "red"}
Fact = tuple[str, Text]


def screen(ledger: Ledger) -> RenderableType:
    """Everything at a glance, in 80 columns and 24 lines."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True, min_width=12)
    facts.add_column()
    for label, text in [*status_facts(ledger), ("", Text()), *other_facts(ledger)]:
        facts.add_row(label, text)
    return Group("", ways(ledger), "", facts)


def ways(ledger: Ledger) -> Table:
    """Requests and latency by way."""
    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="dim")
    table.add_column("requests", style="bold", min_width=12)
    for name in ("sent", "ended", "p50", "p95", "p99"):
        table.add_column(name, justify="right", min_width=8)
    for way, figures in by_way(ledger).items():
        latencies = [_ms(value) for value in figures.latency_ms.values()]
        table.add_row(WAYS[way], f"{figures.sent:,}", f"{figures.ended:,}", *latencies)
    return table


def status_facts(ledger: Ledger) -> Iterator[Fact]:
    """Terminal events by status, as the observer's own consumer saw them."""
    counts = ledger.counts()
    most = max(counts.values(), default=0)
    if not counts:
        yield "results", Text("none yet", style="dim")
    for status, count in counts.most_common():
        bar = "█" * max(1, round(BAR * count / most))
        yield status, Text(f"{count:>6,}  ") + Text(bar, style=STYLES.get(status, "magenta"))


def other_facts(ledger: Ledger) -> Iterator[Fact]:
    yield "small key", small_key(ledger)
    yield "revoked key", revoked_key(ledger)
    letters = dead_letters(ledger)
    if not letters:
        yield "dead letter", Text("none yet", style="dim")
    for letter in letters:
        yield "dead letter", Text("{reason} at {topic}[{partition}]@{offset}".format(**letter), style="magenta")
    stored, labelled = rows(ledger)
    yield "Postgres", Text(f"{stored:,} rows, {labelled:,} with their ground truth")
    burst, took = drained(ledger)
    fast = f"; burst of {burst:,} in {took:.1f} s: {burst / took:,.0f}/s" if took else ""
    yield "throughput", Text(f"best second: {best_second(ledger):,} results{fast}")
    yield "ledger", account(ledger)


def small_key(ledger: Ledger) -> Text:
    counts = ledger.counts(role="small")
    by_http = ledger.counts(role="small", way="http")["rate_limited"]
    refused = f"{counts['ok']} answered, {counts['rate_limited']} refused for their rate ({by_http} by HTTP 429)"
    return Text(f"{refused}; {SMALL_LIMIT}/hour", style="yellow" if counts["rate_limited"] else "")


def revoked_key(ledger: Ledger) -> Text:
    by_kafka = ledger.counts(role="revoked")
    return Text(f"{len(ledger.turned_away)} turned away with 401, {by_kafka['unauthorized']} unauthorized on Kafka")


def account(ledger: Ledger) -> Text:
    sent, missing, doubled = len(ledger.requests), len(ledger.missing), len(ledger.doubled)
    stored = sum(request_id in ledger.rows for request_id in ledger.requests)
    text = Text(f"{sent:,} sent, {sent - missing:,} ended, {doubled} twice, {stored:,} stored: ")
    if sent and not missing and not doubled and stored == sent:
        return text.append("each once", style="bold green")
    return text.append("under way", style="dim")


def plain(ledger: Ledger) -> Iterator[str]:
    """The same as lines."""
    for way, figures in by_way(ledger).items():
        latencies = "  ".join(f"{name} {_ms(value)}" for name, value in figures.latency_ms.items())
        yield f"{WAYS[way]:<13} {figures.sent} sent, {figures.ended} ended  {latencies}"
    for status, count in ledger.counts().most_common():
        yield f"{status:<13} {count}"
    for label, text in other_facts(ledger):
        yield f"{label:<13} {text.plain}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"
