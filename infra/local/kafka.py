"""Apache Kafka in KRaft mode: one node, on 127.0.0.1, data under the data directory."""

import base64
import subprocess
import uuid
from pathlib import Path

from infra.local.kafka_jars import HERE, VERSION, kafka_jars
from infra.local.ladder import Found
from infra.local.process import await_ready, free_port, listening, spawn, stop
from infra.local.service import Service, Surroundings
from schemas.errors import Unavailable

START_WITHIN = 60.0


def settings(logs: Path, broker: int, controller: int) -> dict[str, str]:
    return {
        "node.id": "1",
        "process.roles": "broker,controller",
        "listeners": f"PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{broker}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "log.dirs": str(logs),
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # 50 partitions each by default: seconds of start-up that one node does not need.
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.num.partitions": "4",
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    }


def start_apache(place: Surroundings, found: Found) -> Service:
    """Start the broker and wait until it answers a metadata request; raises Unavailable with its log."""
    assert found.java is not None
    assert found.maven is not None
    jars = kafka_jars(found.maven, place.environ)
    home = place.data_dir / "kafka"
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = home / "server.properties"
    lines = settings(home / "data", port, free_port()).items()
    config.write_text("".join(f"{name}={value}\n" for name, value in lines))
    java = java_command(found.java.path, jars, home, place.log("kafka"))
    if not (home / "data" / "meta.properties").exists():
        format_storage(java, config)
    out = place.log("kafka-out")
    process = spawn("kafka", [*java, "kafka.Kafka", config], log=out, environ=place.environ, leash=place.leash)
    try:
        await_ready(process, place.log("kafka"), lambda: listening(port) and answers(port), START_WITHIN)
    except BaseException:
        stop(process)
        raise
    return Service("kafka", "apache", VERSION, f"127.0.0.1:{port}", process)


def java_command(java: str, jars: Path, home: Path, log: Path) -> list[str]:
    log.parent.mkdir(parents=True, exist_ok=True)
    return [
        java,
        "-Xmx512m",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}",
        f"-Dweir.kafka.log={log}",
        # Unpacked native libraries stay with the data when the process is killed.
        f"-Djava.io.tmpdir={home}",
        "-cp",
        f"{jars}/*",
    ]


def format_storage(java: list[str], config: Path) -> None:
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # The tool reads a leading dash as an option.
    arguments = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config", str(config)]
    done = subprocess.run([*java, *arguments], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Unavailable("kafka", f"its storage could not be formatted:\n{done.stdout}{done.stderr}")


def answers(port: int) -> bool:
    """Whether the broker answers a metadata request with itself in it."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    quiet: dict[str, str | int | float | bool] = {"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0}
    try:
        return bool(AdminClient(quiet).list_topics(timeout=2).brokers)
    except KafkaException:
        return False
