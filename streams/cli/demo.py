"""`weir demo`: the whole platform on this machine, sent real requests, live on one screen."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from infra.local.record import write_json
from streams.cli.local import DATA_DIR, SLOWER
from streams.demo.ledger import Ledger
from streams.demo.phases import Phases

if TYPE_CHECKING:
    from streams.demo.platform import Platform

INTERRUPTED = 130
INTRODUCTION = "Simulated customers ask by HTTP and straight to Kafka, a burst follows, some must be refused."
COME_BACK = "Paste it into another terminal: the result shows here. Ctrl-C stops everything."


@click.command()
@click.option("--exit", "leave", is_flag=True, help="Leave after the requests instead of staying up.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures to this file.")
@DATA_DIR
def demo(leave: bool, file: Path | None, data_dir: Path) -> None:
    """Bring everything up, send requests by HTTP and to Kafka, and watch what becomes of them.

    Exits with 1 where a request did not end in exactly one result and one row.
    """
    # A polite kill ends as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    act = Act(Console(highlight=False), data_dir.resolve(), file, stay=not leave)
    try:
        act.perform(os.environ)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED if act.verdict is None else act.verdict)
    sys.exit(act.verdict)


@dataclass(slots=True)
class Act:
    """One run. verdict: its exit code, once the requests have ended."""

    console: Console
    data_dir: Path
    file: Path | None
    stay: bool
    verdict: int | None = None

    def perform(self, environ: Mapping[str, str]) -> None:
        from streams.demo.platform import platform
        from streams.demo.show import show
        from streams.demo.traffic import Plan

        log_to_file(self.data_dir / "log" / "demo.log")
        phases = Phases(self.say)
        with platform(self.data_dir, environ, phases) as there:
            if there.stack.broker == "wheel":
                self.say(f"\n{SLOWER}")
            self.say(f"\n{INTRODUCTION}")
            conclude = partial(self.conclude, there, phases)
            asyncio.run(show(there, phases, self.console, Plan(), conclude, stay=self.stay))

    def conclude(self, there: "Platform", phases: Phases, ledger: Ledger) -> None:
        """The verdict, the figures' file, and how to go on."""
        from streams.demo.figures import as_json

        problems = ledger.problems()
        self.verdict = 1 if problems else 0
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.file, as_json(ledger, there.stack, phases.seconds, problems))
        self.say("")
        for problem in problems:
            self.say(f"NOT AS IT SHOULD BE: {problem}")
        if not problems:
            self.say(f"Each of {len(ledger.requests):,} requests ended in exactly one result and one row.")
        if self.stay:
            self.invite(there)

    def invite(self, there: "Platform") -> None:
        """A request with the demo's key: to the terminal, and nowhere else."""
        from models.simulate import customer_rows
        from streams.demo.curl import curl

        [features] = customer_rows(1, seed=42)
        command = curl(there.url, there.cast.generous.api_key, "c-42", features)
        self.console.print(f"\n{command}\n", soft_wrap=True, markup=False)
        self.say(COME_BACK)

    def say(self, line: str) -> None:
        """One line, wrapped between words on a terminal; paths are shown from the data directory on."""
        shown = line.replace(f"{self.data_dir}/", "")
        self.console.print(shown, soft_wrap=not self.console.is_terminal, markup=False)


def log_to_file(file: Path) -> None:
    """What the libraries have to say goes to a file: the screen stays clean."""
    file.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=file, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
