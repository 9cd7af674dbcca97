"""What a check of the topics says of settings that are not the declared ones."""

import logging
from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.local.process import wait_until
from streams.settings import Settings
from streams.topics import PREDICTION_RESULTS, check_topics


@pytest.mark.real_broker
@pytest.mark.parametrize(("most_bytes", "warned"), [(1_048_588, True), (8 * 1024 * 1024, False)])
def test_a_topic_that_takes_smaller_records_than_results_may_be_is_warned_of(
    bootstrap: str, unique: Callable[[str], str], caplog: pytest.LogCaptureFixture, most_bytes: int, warned: bool
) -> None:
    settings = Settings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"{unique('topics')}-")
    name = settings.topic(PREDICTION_RESULTS.name)
    admin = AdminClient({"bootstrap.servers": bootstrap})
    [made] = admin.create_topics([NewTopic(name, 2, 1, config={"max.message.bytes": str(most_bytes)})]).values()
    made.result(30)
    assert wait_until(lambda: name in admin.list_topics(timeout=10).topics, 20)
    with caplog.at_level(logging.WARNING):
        assert check_topics(settings, [PREDICTION_RESULTS]) == {name: 2}
    said = f"{name} has max.message.bytes={most_bytes}: run"
    assert [record.getMessage().startswith(said) for record in caplog.records] == ([True] if warned else [])
