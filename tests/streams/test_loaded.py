"""What a role's process loads, seen in a fresh interpreter: no library that only other roles need."""

import subprocess
import sys

import pytest

SCORER = "from streams import worker; from streams.roles import scorer"
SHADOW = "from streams import worker; from streams.roles import shadow"
SINK = "from streams import worker; from streams.roles import sink"
GATEWAY = "from streams import worker; from streams.gateway import serve"
HOST = "from streams.host import make_host; make_host(Settings(weir_host={!r}), 'scorer', [])"
TRAINING = {"pandas", "sklearn", "skl2onnx"}
DATABASE = {"sqlalchemy", "psycopg", "alembic"}
WEB = {"starlette", "uvicorn"}
AWS = {"boto3", "botocore"}
FOLDER = "from infra import artifacts; artifacts.names('file:///dev/null/none')"


def loaded(statements: str) -> set[str]:
    """The packages that are in memory after these statements."""
    lines = ["import sys", "from streams.settings import Settings", statements, "print(*sys.modules)"]
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    ("statements", "own", "foreign"),
    [
        (SCORER, {"numpy", "redis"}, DATABASE | TRAINING | WEB | {"faust"}),
        (f"{SCORER}; {FOLDER}", {"infra"}, AWS),
        (SHADOW, {"numpy"}, DATABASE | TRAINING | WEB | {"faust"}),
        (SINK, {"sqlalchemy"}, TRAINING | WEB | {"faust"}),
        (GATEWAY, {"starlette", "sqlalchemy"}, TRAINING | {"alembic", "faust", "onnxruntime"}),
        (HOST.format("bare"), {"aiokafka"}, DATABASE | TRAINING | WEB | {"faust", "mode"}),
        (HOST.format("faust"), {"faust"}, DATABASE | TRAINING | WEB),
    ],
    ids=["scorer", "scorer with a folder of models", "shadow", "sink", "gateway", "bare host", "faust host"],
)
def test_a_process_loads_what_it_needs_and_no_more(statements: str, own: set[str], foreign: set[str]) -> None:
    found = loaded(statements)
    assert found >= own
    assert found & foreign == set()
