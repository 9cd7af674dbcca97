"""A topic's partitions and settings on the broker beside the declared ones: what differs, and how to put it right."""

from collections.abc import Mapping, Sequence

MAX_MESSAGE = "max.message.bytes"
RELIED_ON = ("cleanup.policy", "message.timestamp.type")
"""What of a topic's declaration must hold on the broker too; the rest is the operator's to tune."""

Config = Mapping[str, str]


def scattered(name: str, partitions: int) -> list[str]:
    """That a topic whose order counts has several partitions: one line, or none."""
    advice = "delete it, run `weir topics create`, and write what lay on it again or make it anew"
    reason = "it must have one, as the order of all its records counts"
    return [f"{name} has {partitions} partitions: {reason}: {advice}"] if partitions > 1 else []


def differing(name: str, found: Config, declared: Config) -> list[str]:
    """What is relied on and is not as declared: one line, or none."""
    wrong = [key for key in RELIED_ON if key in declared and found[key] != declared[key]]
    return [_advice(name, wrong, found, declared)] if wrong else []


def smaller(name: str, found: Config, declared: Config) -> list[str]:
    """That it takes smaller records than declared: one line, or none."""
    is_smaller = int(found[MAX_MESSAGE]) < int(declared[MAX_MESSAGE])
    return [_advice(name, [MAX_MESSAGE], found, declared)] if is_smaller else []


def _advice(name: str, keys: Sequence[str], found: Config, declared: Config) -> str:
    wrong, right = (",".join(f"{key}={config[key]}" for key in keys) for config in (found, declared))
    alter = "kafka-configs.sh --bootstrap-server $KAFKA_BOOTSTRAP_SERVERS --alter"
    return f"{name} has {wrong}: run `{alter} --topic {name} --add-config {right}`"
