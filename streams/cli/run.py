"""`weir run ROLE`: one process of one role, as the Procfile starts it, or several of them."""

import logging
import os
import sys
from typing import Any

import click

from schemas.errors import BadSettings
from streams import memory
from streams.settings import Settings
from streams.topics import PREDICTION_REQUESTS

MOST, AUTO = 64, "auto"
ALONE = {
    "gateway": "a gateway listens on a port of its own, start each with its PORT",
    "trainer": "a trainer retrains one model at a time, and one is enough",
}
"""Roles of one process each, and why."""
MOST_READERS = PREDICTION_REQUESTS.partitions
"""Processes of a role beyond the partitions that it reads would only stand by."""


class Processes(click.IntRange):
    """A number, or `auto`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == AUTO:
            return value
        if not str(value).removeprefix("-").isdecimal():
            self.fail(f"{value!r} is neither a number nor {AUTO}", param, ctx)
        return super().convert(value, param, ctx)


@click.command()
@click.argument("role", type=click.Choice(["gateway", "scorer", "shadow", "sink", "control", "monitor", "trainer"]))
@click.option(
    "--processes",
    type=Processes(1, MOST),
    default=1,
    show_default=True,
    metavar="COUNT",
    help="Of this role, in one consumer group; auto: one for each core that it may use, or partition that it reads.",
)
def run(role: str, processes: int | str) -> None:
    """Run one role until SIGTERM; exits non-zero when it crashed, and a restart then loses nothing."""
    if role != "trainer":  # whose children compute as `weir retrain` does elsewhere
        # Numpy, scikit-learn and onnxruntime read it as they load: more threads would starve the event loop.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    else:  # `weir up` starts none: one that is started beside it finds its services as other verbs do
        from streams.bring_up import local_environment

        os.environ.update(local_environment(os.environ))
    settings = Settings.read(os.environ)
    if role in ALONE and processes != 1:
        raise BadSettings(f"--processes: {ALONE[role]}")
    count = cores() if isinstance(processes, str) else processes
    code = _run_one(role, settings) if count == 1 else _run_several(role, settings, count)
    if code:  # a crash can leave a library's thread behind for which the interpreter would wait for ever
        logging.shutdown()
        os._exit(code)


def cores() -> int:
    """How many this process may use, by its affinity and its container's limit, and MOST_READERS at most."""
    from joblib import cpu_count

    return min(MOST_READERS, int(cpu_count()))


def _run_one(role: str, settings: Settings) -> int:
    with memory.loading():
        from streams.worker import run_role

    return run_role(role, settings)


def _run_several(role: str, settings: Settings, processes: int) -> int:
    from streams.fleet import Fleet
    from streams.log_lines import configure_logging

    configure_logging(role, settings.log_level)
    return Fleet([sys.executable, "-m", "streams.cli", "run", role], processes).run()
