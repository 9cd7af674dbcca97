"""`weir feedback`: ground truth, on its way in."""

import click

from streams.cli.feedback_load import load


@click.group()
def feedback() -> None:
    """Ground truth: what really happened to what was predicted."""


feedback.add_command(load)
