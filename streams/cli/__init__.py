"""The `weir` command: one module per group of verbs, imported only when its verb is called."""

import importlib
import sys
from typing import Any

import click

from schemas.errors import WeirError
from schemas.masked import masked

VERBS = {
    "up": "streams.cli.local:up",
    "down": "streams.cli.local:down",
    "status": "streams.cli.local:status",
    "doctor": "streams.cli.local:doctor",
    "demo": "streams.cli.demo:demo",
    "run": "streams.cli.run:run",
    "topics": "streams.cli.topics:topics",
    "models": "streams.cli.models:models",
    "route": "streams.cli.route:route",
    "replay": "streams.cli.replay:replay",
    "retrain": "streams.cli.retrain:retrain",
    "keys": "streams.cli.keys:keys",
    "limits": "streams.cli.limits:limits",
    "simulate": "streams.cli.simulate:simulate",
    "produce": "streams.cli.produce:produce",
    "feedback": "streams.cli.feedback:feedback",
    "drift": "streams.cli.drift:drift",
    "db": "streams.cli.db:db",
    "sink": "streams.cli.sink:sink",
    "contract": "streams.cli.contract:contract",
}


class Verbs(click.Group):
    """Looks a verb up in VERBS and imports its module then."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module, _, attribute = VERBS[name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """An argument that is refused may be a key in the wrong place: it is not repeated."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.message = masked(error.message)
            raise


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="weir-ml", prog_name="weir")
def weir() -> None:
    """Machine-learning predictions served on Kafka."""


def main() -> None:
    """Entry point: our own errors end as one line and exit code 1, never as a traceback."""
    try:
        weir.main(prog_name="weir")
    except WeirError as error:
        click.echo(f"weir: {error}", err=True)
        sys.exit(1)
