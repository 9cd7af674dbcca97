"""The broker inside librdkafka, in a process of its own: wheels only, memory only, good for a first look.

Run as a program it prints its bootstrap address and lives until it is ended.
"""

import re
import signal
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from infra.local.process import Process, await_ready, spawn, stop
from infra.local.service import Service, Surroundings

ROOT = Path(__file__).parents[2]
BANNER = re.compile(r"^bootstrap (\S+)$", re.MULTILINE)


def start_wheel(place: Surroundings) -> Service:
    """Start it and wait for its address; raises Unavailable with its log."""
    from confluent_kafka import libversion

    log = place.log("kafka-wheel")
    log.unlink(missing_ok=True)
    process = spawn(
        "kafka",
        [sys.executable, "-m", "infra.local.wheel_kafka"],
        log=log,
        environ=importable(place.environ),
        leash=place.leash,
    )
    return Service("kafka", "wheel", f"librdkafka {libversion()[0]}", address(process, log), process)


def importable(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with our packages on the import path, installed or not."""
    paths = [str(ROOT), environ.get("PYTHONPATH", "")]
    return {**environ, "PYTHONPATH": ":".join(filter(None, paths))}


def address(process: Process, log: Path) -> str:
    try:
        await_ready(process, log, lambda: BANNER.search(log.read_text()) is not None, within=30.0)
    except BaseException:
        stop(process)
        raise
    banner = BANNER.search(log.read_text())
    assert banner is not None
    return banner.group(1)


def ask_for_topics(bootstrap: str, names: Iterable[str]) -> None:
    """Make topics on this broker, which knows no creation: each one asked for comes to be, with 4 partitions."""
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    for name in names:
        admin.list_topics(name, timeout=10)


def main() -> None:
    from confluent_kafka import Producer

    keeper = Producer({"test.mock.num.brokers": 1, "log_level": 3})
    brokers = keeper.list_topics(timeout=10).brokers.values()
    print("bootstrap", ",".join(f"{broker.host}:{broker.port}" for broker in brokers), flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
