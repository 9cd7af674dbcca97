"""`weir run ROLE`: one process of one role, as the Procfile starts it."""

import os
import sys

import click

from streams.settings import Settings


@click.command()
@click.argument("role", type=click.Choice(["gateway", "scorer", "sink"]))
def run(role: str) -> None:
    """Run one role until SIGTERM; exits non-zero when it crashed, and a restart then loses nothing."""
    from streams.worker import run_role

    sys.exit(run_role(role, Settings.read(os.environ)))
