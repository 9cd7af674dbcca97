import psycopg
import pytest
from confluent_kafka.admin import AdminClient

from infra.local.stack import RunningStack


def test_every_service_of_the_stack_answers(stack: RunningStack, bootstrap: str, database_url: str) -> None:
    assert AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=10).brokers
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


async def test_redis_client_fixture_talks_to_the_stack(redis, unique) -> None:
    key = unique("key")
    await redis.set(key, "value", ex=60)
    assert await redis.get(key) == b"value"


@pytest.mark.real_broker
def test_unknown_topics_are_not_created_by_asking_for_them(bootstrap: str, unique) -> None:
    topic = unique("absent")
    AdminClient({"bootstrap.servers": bootstrap}).list_topics(topic, timeout=10)
    assert topic not in AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=10).topics
