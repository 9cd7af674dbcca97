"""`weir run ROLE`: one process of one role, as the Procfile starts it."""

import logging
import os

import click

from streams.settings import Settings


@click.command()
@click.argument("role", type=click.Choice(["gateway", "scorer", "sink"]))
def run(role: str) -> None:
    """Run one role until SIGTERM; exits non-zero when it crashed, and a restart then loses nothing."""
    from streams.worker import run_role

    code = run_role(role, Settings.read(os.environ))
    if code:  # a crash can leave a library's thread behind for which the interpreter would wait for ever
        logging.shutdown()
        os._exit(code)
