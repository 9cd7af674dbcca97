"""A learner and its place on the topic are one, whoever is killed, overtaken or cut off when."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import Engine

from infra.kafka import client_options
from models.bundle import Bundle, read_bundle
from schemas.errors import Unavailable
from streams.learning import Pace
from streams.settings import Settings
from streams.topics import LABELLED_PREDICTIONS
from tests.agents.lessons import Log
from tests.e2e.platform import wait_for
from tests.infra.database.migrated import migrated
from tests.kafka import POLL_S, WAIT_S, make_topic
from tests.models.conftest import trained
from tests.streams.learners import Bench, Champions, Learners

pytestmark = [pytest.mark.real_broker, pytest.mark.contract("F4")]


@pytest.fixture(scope="module")
def champion() -> Bundle:
    return read_bundle(trained()["logistic_regression"])


@pytest.fixture(scope="module")
def engine(new_database: Callable[[], str]) -> Iterator[Engine]:
    with migrated(new_database()) as engine:
        yield engine


@pytest.fixture
def bench(bootstrap: str, engine: Engine, champion: Bundle, unique: Callable[..., str]) -> Iterator[Bench]:
    prefix = f"{unique('learn')}-"
    environment = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "TOPIC_PREFIX": prefix, "RETRAIN_LOOK_S": "0.1"}
    settings = Settings.read(environment)
    make_topic(bootstrap, settings.topic(LABELLED_PREDICTIONS.name), 1)
    log = Log(seed=3, rows=300, model=unique("churn"))
    named = replace(champion, manifest=replace(champion.manifest, name=log.model))
    made = Bench(settings, Learners(engine, log.features), Champions(named), log)
    yield made
    made.stop()


@pytest.mark.parametrize("seed", range(2))
def test_however_often_it_is_killed_it_is_as_one_that_never_was(bench: Bench, seed: int) -> None:
    bench.learners.deaths, bench.learners.risk = Random(seed), 0.4
    values = bench.log.repeated()
    bench.tell(values)
    thread = bench.start()
    while not ((kept := bench.kept()) and kept.next_offset == len(values)):
        thread.join(POLL_S)
        thread = thread if thread.is_alive() else bench.start()
    assert len(bench.ends) > 2
    assert kept.state == bench.expected()


def test_two_trainers_at_once_teach_no_row_twice(bench: Bench) -> None:
    bench.start()
    bench.start()
    for part in (bench.log.values[:150], bench.log.values[150:]):
        bench.tell(part)
    assert bench.until(len(bench.log.values)).state == bench.expected()


def test_what_is_away_interrupts_and_loses_nothing(bench: Bench) -> None:
    bench.learners.failures = [Unavailable("postgres", "is away")] * 3
    bench.tell(bench.log.values)
    bench.start()
    kept = bench.until(len(bench.log.values))
    assert (kept.rows, kept.state) == (300, bench.expected())
    model = {"model": bench.log.model}
    assert bench.registry.get_sample_value("online_interruptions_total", model) == 3
    assert bench.counted("learned") == 300
    wait_for(lambda: bench.registry.get_sample_value("online_lag", model) == 0, "no lag")


def test_a_learner_that_is_told_to_stop_is_kept_first(bench: Bench) -> None:
    bench.tell(bench.log.values[:20])
    bench.start(Pace(kept_s=WAIT_S))
    wait_for(lambda: bench.counted("learned"), "something is learned")
    assert bench.kept() is None
    bench.stop()
    kept = bench.kept()
    assert kept is not None
    assert kept.next_offset == 20


def test_another_champion_is_compared_with_while_learning_goes_on(bench: Bench) -> None:
    bench.tell(bench.log.values[:200])
    bench.start()
    before = bench.until(200)
    first = bench.champions.now
    bench.champions.now = replace(first, manifest=replace(first.manifest, version="promoted"))
    bench.tell(bench.log.values[200:])
    after = bench.until(len(bench.log.values))
    assert (before.champion_version, before.compared) == (first.version, before.rows)
    bench.stop()
    bench.start()
    assert after.rows == 300
    wait_for(lambda: (kept := bench.kept()) and kept.champion_version == "promoted", "the new one is known")


def test_what_retention_has_removed_is_told_and_the_rest_is_learned(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.tell(bench.log.values[:100])
    bench.start()
    bench.until(100)
    bench.stop()
    bench.tell(bench.log.values[100:])
    admin = AdminClient(client_options(bench.settings))
    for future in admin.delete_records([TopicPartition(bench.topic, 0, 150)]).values():
        future.result(WAIT_S)
    with caplog.at_level(logging.WARNING, "weir.learn"):
        bench.start()
        kept = bench.until(len(bench.log.values))
    assert kept.state == bench.expected([*bench.log.values[:100], *bench.log.values[150:]])
    [record] = caplog.records
    assert "is on the topic no more" in record.getMessage()
    assert record.__dict__["data"] == {"model": bench.log.model, "offset": 100, "first": 150}


def test_a_topic_that_is_made_anew_is_told_and_learned_from_its_beginning(
    bench: Bench, bootstrap: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench.tell(bench.log.values[:100])
    bench.start()
    bench.until(100)
    admin = AdminClient(client_options(bench.settings))
    for future in admin.delete_topics([bench.topic]).values():
        future.result(WAIT_S)
    with caplog.at_level(logging.WARNING, "weir.learn"):
        wait_for(lambda: _is_made(bootstrap, bench), "the topic is there again")
        bench.tell(bench.log.values[50:])  # some of them a second time
        kept = bench.until(len(bench.log.values) - 50)
    assert (kept.rows, kept.state) == (300, bench.expected())
    assert "the topic was made anew: learning goes on at its beginning" in caplog.text


def _is_made(bootstrap: str, bench: Bench) -> bool:
    make_topic(bootstrap, bench.topic, 1)
    return bench.topic in AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=WAIT_S).topics
