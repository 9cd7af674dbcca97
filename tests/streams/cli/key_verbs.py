"""`weir keys` as it is run on topics of a test's own."""

import json
from typing import Any

from click.testing import CliRunner, Result

from schemas.events import AuditEvent
from streams.cli.keys import keys
from tests.kafka import read_all

SECRET, NEXT = "a master secret of more than 32 characters", "the next master secret, no shorter than that"
Environ = dict[str, str]


def ran(*arguments: str) -> Result:
    return CliRunner().invoke(keys, arguments, catch_exceptions=False)


def run(*arguments: str) -> str:
    result = ran(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def created(*options: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(run("create", "--name", "client", "--json", *options))
    return made


def shown(key_id: str) -> dict[str, Any]:
    key: dict[str, Any] = json.loads(run("show", key_id, "--json"))
    return key


def events(environ: Environ) -> list[AuditEvent]:
    records = read_all(environ["KAFKA_BOOTSTRAP_SERVERS"], environ["TOPIC_PREFIX"] + "audit-events")
    return [AuditEvent.model_validate_json(record.value() or b"") for record in records]
