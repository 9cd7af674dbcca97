"""`weir up`, `down`, `status`, `doctor`: the whole platform on this machine."""

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from infra.local.doctor import DEFAULT_PORT, Finding, bindable, examine, examine_machine
from infra.local.ladder import choose, look_around
from infra.local.stack import RunningStack, running, start, stop_remembered
from infra.local.supervisor import read_state, stop_supervisor
from schemas.errors import BadSettings

DATA_DIR = click.option(
    "--data-dir",
    envvar="DATA_DIR",
    default=".weir",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where its data, logs and state lie.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
SLOWER = (
    "The broker inside librdkafka is used: everything works, but slower (a reply takes 0.1 s and more), and what "
    "is on Kafka is gone after `weir down`. Install Java 17 or newer and Maven for Apache Kafka."
)


@click.command()
@click.option("--services-only", is_flag=True, help="Kafka, Redis and Postgres, without the roles.")
@DATA_DIR
@AS_JSON
def up(services_only: bool, data_dir: Path, as_json: bool) -> None:
    """Start what the environment does not name, then topics, tables, a first model and all roles."""

    def report(line: str) -> None:
        click.echo(line, err=as_json)

    if not services_only and read_state(data_dir.resolve()) is None:
        refuse_taken_port(int(os.environ.get("PORT") or DEFAULT_PORT))
    stack = start(data_dir, os.environ, report=report)
    if stack.broker == "wheel":
        report(SLOWER)
    if not services_only:
        from streams.bring_up import bring_up

        bring_up(stack, os.environ, report)
    if as_json:
        click.echo(json.dumps(snapshot(data_dir)))
    else:
        click.echo("Weir is up. `weir status` shows it, `weir down` stops it.")


def refuse_taken_port(port: int) -> None:
    """Before anything is started: another platform's gateway would answer in place of ours."""
    if not bindable(port):
        raise BadSettings(f"port {port} is taken by another program: stop it, or set PORT to another, then `weir up`")


@click.command()
@DATA_DIR
@AS_JSON
def down(data_dir: Path, as_json: bool) -> None:
    """Stop exactly what `weir up` started; data stays."""
    roles = [role["name"] for role in (read_state(data_dir) or {"roles": []})["roles"]]
    stop_supervisor(data_dir)
    stopped = [*roles, *stop_remembered(data_dir)]
    if as_json:
        click.echo(json.dumps({"stopped": stopped}))
    else:
        click.echo(f"stopped {', '.join(stopped)}" if stopped else f"nothing was running on {data_dir}")


@click.command()
@DATA_DIR
@AS_JSON
def status(data_dir: Path, as_json: bool) -> None:
    """Show services and roles; exit code 1 when nothing runs."""
    state = snapshot(data_dir)
    if as_json:
        click.echo(json.dumps(state))
    else:
        Console().print(status_table(state))
    if not state["up"]:
        sys.exit(1)


def snapshot(data_dir: Path) -> dict[str, Any]:
    """What runs on this directory, without secrets."""
    stack = running(data_dir.resolve(), os.environ) if data_dir.is_dir() else None
    supervised = read_state(data_dir)
    return {
        "up": stack is not None,
        "data_dir": str(data_dir.resolve()),
        "broker": stack.broker if stack else None,
        "services": services(stack) if stack else [],
        "roles": [{**role, "up_s": age(role["created"])} for role in supervised["roles"]] if supervised else [],
    }


def services(stack: RunningStack) -> list[dict[str, Any]]:
    return [
        {
            "name": service.name,
            "how": service.how,
            "version": service.version,
            "address": service.address,
            "pid": service.process.pid if service.process else None,
            "up_s": age(service.process.created if service.process else None),
        }
        for service in stack.services
    ]


def age(created: float | None) -> int | None:
    return None if created is None else max(0, int(time.time() - created))


def status_table(state: dict[str, Any]) -> Table:
    table = Table(
        "name",
        "kind",
        "pid",
        "up for",
        "restarts",
        Column("address", overflow="fold"),
        title=f"Weir on {state['data_dir']}",
    )
    for service in state["services"]:
        kind = f"{service['how']} {service['version']}".strip()
        table.add_row(service["name"], kind, *life(service), "", service["address"])
    for role in state["roles"]:
        table.add_row(role["name"], f"role, {role['state']}", *life(role), str(role["restarts"]), role["address"])
    if not state["up"]:
        table.caption = "Nothing runs here: start it with `weir up`."
    return table


def life(row: dict[str, Any]) -> tuple[str, str]:
    if row["pid"] is None:
        return "", ""
    minutes, seconds = divmod(row["up_s"], 60)
    return str(row["pid"]), f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


@click.command()
@DATA_DIR
@AS_JSON
def doctor(data_dir: Path, as_json: bool) -> None:
    """Say what was found, what is used and what to install; exit code 1 when something needed is missing."""
    found = look_around(os.environ)
    choice = choose(found)
    findings = [
        *examine_machine(data_dir, os.environ, up=read_state(data_dir) is not None),
        *examine(found, choice),
    ]
    healthy = all(finding.ok for finding in findings)
    if as_json:
        rows = [asdict(finding) for finding in findings]
        click.echo(json.dumps({"ok": healthy, "choice": asdict(choice), "findings": rows}))
    else:
        print_findings(findings, slower=choice.kafka == "wheel")
    if not healthy:
        sys.exit(1)


def print_findings(findings: Sequence[Finding], *, slower: bool) -> None:
    """What to do stands below the table, uncut: it is there to be copied."""
    table = Table("", Column("component", no_wrap=True), Column("found", overflow="fold"), "used")
    for finding in findings:
        mark = "[red]needed[/]" if not finding.ok else "[yellow]better[/]" if finding.advice else "[green]ok[/]"
        table.add_row(mark, finding.component, escape(finding.found), "yes" if finding.used else "")
    Console().print(table)
    for finding in findings:
        if finding.advice:
            click.echo(f"{finding.component}: {finding.advice}")
    if slower:
        click.echo(SLOWER)
