"""Topics of keys of a test's own."""

from collections.abc import Callable

import pytest

from tests.kafka import make_topic
from tests.streams.cli.key_verbs import SECRET


@pytest.fixture
def environ(bootstrap: str, unique: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    given = {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "WEIR_MASTER_SECRET": SECRET,
        "TOPIC_PREFIX": unique() + ".",
        "COLUMNS": "200",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    for topic in ("api-keys", "audit-events"):
        make_topic(bootstrap, given["TOPIC_PREFIX"] + topic, 1)
    return given
