"""From running services to a running platform: topics, tables, a first model, the roles."""

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.local.process import tail, wait_until
from infra.local.stack import RunningStack, running
from infra.local.supervisor import Role, read_state, start_supervisor
from infra.local.wheel_kafka import ask_for_topics
from schemas.errors import Unavailable
from streams.settings import Settings

Report = Callable[[str], None]
READY_WITHIN = 60.0


def role_environment(stack: RunningStack, environ: Mapping[str, str]) -> dict[str, str]:
    """What the processes of the platform are given: the caller's environment, the services, our folders."""
    named = {name: value for name, value in environ.items() if value}
    return {**folders(stack.data_dir), **named, **stack.environment, "DATA_DIR": str(stack.data_dir)}


def local_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What the stack of DATA_DIR (default .weir) provides while it runs, for one-off verbs and for a trainer.

    What the given environment names itself wins.
    """
    data_dir = Path(environ.get("DATA_DIR") or ".weir").resolve()
    stack = running(data_dir, environ) if data_dir.is_dir() else None
    if stack is None:
        return dict(environ)
    named = {name: value for name, value in environ.items() if value}
    return {**stack.environment, **folders(stack.data_dir), **named}


def local_settings(environ: Mapping[str, str]) -> Settings:
    """The settings of one-off verbs: they find the running local stack by themselves."""
    return Settings.read(local_environment(environ))


def folders(data_dir: Path) -> dict[str, str]:
    return {
        "DATA_DIR": str(data_dir),
        "MODEL_STORE": f"file://{data_dir}/models",
        "PROMETHEUS_MULTIPROC_DIR": str(data_dir / "metrics"),
    }


def bring_up(stack: RunningStack, environ: Mapping[str, str], report: Report) -> None:
    """Make what is missing and start the roles, if they do not run already; each step is one reported line.

    Raises Unavailable when a role is not ready in time.
    """
    given = role_environment(stack, environ)
    settings = Settings.read(given)
    timed(report, "topics", lambda: made_topics(stack, settings))
    timed(report, "tables", lambda: made_tables(settings))
    timed(report, "model", lambda: made_model(settings))
    timed(report, "roles", lambda: started_roles(stack.data_dir, settings, given))
    timed(report, "gateway", lambda: ready_gateway(stack.data_dir, settings))
    timed(report, "workers", lambda: ready_workers(stack, settings, given["PROMETHEUS_MULTIPROC_DIR"]))


def timed(report: Report, name: str, step: Callable[[], str]) -> None:
    begun = time.monotonic()
    report(f"{name:<9} {step()} ({time.monotonic() - begun:.1f} s)")


def made_topics(stack: RunningStack, settings: Settings) -> str:
    from streams.topics import TOPICS, create_topics

    if stack.broker == "wheel":
        ask_for_topics(settings.kafka_bootstrap_servers, [settings.topic(topic.name) for topic in TOPICS])
    made = create_topics(settings)
    return f"{len(made)} created" if made else "all there"


def made_tables(settings: Settings) -> str:
    from infra.database import create_db_engine, init_db

    engine = create_db_engine(settings.database_url.get_secret_value())
    try:
        init_db(engine)
    finally:
        engine.dispose()
    return "migrated"


def made_model(settings: Settings) -> str:
    from infra import artifacts

    name, store = settings.model_name, settings.model_store
    if not artifacts.versions(store, name):
        train_model(name, store)
    return f"{name} {artifacts.latest(store, name)}"


def train_model(name: str, store: str) -> None:
    """Train on simulated customers, as `weir models train` does."""
    from datetime import UTC, datetime

    from rich.console import Console

    from infra import artifacts
    from models.bundle import read_bundle
    from streams.cli.training import ALGORITHM_NAMES, TrainingOrder, trained

    order = TrainingOrder(None, None, name, ALGORITHM_NAMES[0], rows=20_000, seed=7)
    files = trained(order, datetime.now(UTC), Console(quiet=True))
    artifacts.publish(store, name, read_bundle(files).manifest.version, files)


def started_roles(data_dir: Path, settings: Settings, given: Mapping[str, str]) -> str:
    from streams.topology import ROLES

    if read_state(data_dir) is not None:
        return "already running"
    # Files of processes that ended would count in the metrics for ever.
    shutil.rmtree(given["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
    Path(given["PROMETHEUS_MULTIPROC_DIR"]).mkdir(parents=True)
    addresses = {"gateway": gateway_url(settings)}
    command = (sys.executable, "-m", "streams.cli", "run")
    roles = [Role(name, (*command, name), addresses.get(name, "")) for name in ROLES]
    start_supervisor(data_dir, roles, given)
    return ", ".join(role.name for role in roles)


def gateway_url(settings: Settings) -> str:
    return f"http://{settings.host}:{settings.port}"


def ready_gateway(data_dir: Path, settings: Settings) -> str:
    import httpx

    url = gateway_url(settings)

    def ready() -> bool:
        try:
            return http.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    # One client: each reads the certificate authorities anew. No proxy: it is this machine.
    with httpx.Client(base_url=url, timeout=2, trust_env=False) as http:
        if not wait_until(ready, READY_WITHIN, every=0.1):
            log = data_dir / "log" / "gateway.log"
            raise Unavailable("gateway", f"not ready after {READY_WITHIN:.0f} s. The end of {log}:\n{tail(log)}")
    return url


def ready_workers(stack: RunningStack, settings: Settings, metrics_dir: str) -> str:
    """Wait until scorer and sink read their partitions."""
    from streams.topics import check_topics
    from streams.topology import WORKERS

    counts = check_topics(settings)
    read = {
        role: await_partitions(stack, role, sum(counts[settings.topic(topic.name)] for topic in topics), metrics_dir)
        for role, topics in WORKERS.items()
    }
    return ", ".join(f"{role} reads {partitions} partitions" for role, partitions in read.items())


def await_partitions(stack: RunningStack, role: str, every: int, metrics_dir: str) -> int:
    """How many partitions a role reads: every one, but on a named broker, where others may read too, any."""
    from streams.observe import partitions_read

    needed = 1 if stack.broker == "external" else every
    if not wait_until(lambda: partitions_read(metrics_dir, role) >= needed, READY_WITHIN):
        log = stack.data_dir / "log" / f"{role}.log"
        reads = f"reads {partitions_read(metrics_dir, role)} of {every} partitions after {READY_WITHIN:.0f} s"
        raise Unavailable(role, f"{reads}. The end of {log}:\n{tail(log)}")
    return partitions_read(metrics_dir, role)
