"""`weir feedback`: ground truth, on its way in."""

import click

from streams.cli.feedback_load import load
from streams.cli.feedback_orphans import orphans


@click.group()
def feedback() -> None:
    """Ground truth: what really happened to what was predicted."""


feedback.add_command(load)
feedback.add_command(orphans)
