"""`weir drift`: what the monitor tells of drift, for people."""

import click

from streams.cli.drift_report import report


@click.group()
def drift() -> None:
    """Look at what drifted."""


drift.add_command(report)
