"""`weir drift`: what the monitor tells of drift, for people."""

import click

from streams.cli.drift_report import report
from streams.cli.drift_show import show
from streams.cli.drift_tail import tail


@click.group()
def drift() -> None:
    """Look at what drifted."""


for verb in (tail, show, report):
    drift.add_command(verb)
