"""Postgres is lost: what the topics hold makes the same tables again, by the sink's own stages."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import Engine

from infra.database import create_db_engine
from schemas.drift_events import encode_drift
from schemas.drift_windows import encode_window
from schemas.outlier_events import encode_outlier
from tests.e2e.cases import Customers
from tests.e2e.platform import Platform, wait_for
from tests.e2e.tap import Event
from tests.e2e.truth import Truth
from tests.e2e.upstream import Key, now_ms, signed_headers
from tests.infra.database.digests import digests
from tests.infra.database.rows import stored
from tests.infra.database.told import outlier, rate, step, window

pytestmark = pytest.mark.real_broker

OF_THE_MOMENT = ("created_at", "moved_at", "id")
"""When a row was stored, and the number that it then got."""
OF_KEYS = ("api_keys",)
"""There `created_at` is the key's own."""
BY_BATCH = ("arm_deltas",)
"""A row for each statement that counted: their sums are compared."""
OF_THE_OUTBOX = ("labelled_numbers", "labelled_relay", "labelled_outbox")
"""Numbers of a new series, who sends, and what is not told yet."""
SUMS = """SELECT concat_ws(
      ' ', model, route_epoch, arm, version, sum(requests), sum(compared), sum(entities), sum(errors),
      sum(disagreements), sum(flips), sum(labels), sum(correct), round(sum(loss)::numeric, 9),
      round(sum(champion_loss)::numeric, 9), round(sum(squares)::numeric, 9))
    FROM arm_deltas GROUP BY model, route_epoch, arm, version ORDER BY 1"""
LATENCIES = """SELECT concat_ws(' ', model, route_epoch, arm, version, key, sum(value::bigint))
    FROM arm_deltas CROSS JOIN LATERAL jsonb_each_text(latencies) GROUP BY model, route_epoch, arm, version, key
    ORDER BY 1"""


def tell(platform: Platform, key: Key | None, request_id: str, label: Any, row: int = 0) -> None:
    """Queue a label: signed, or with no header at all."""
    body = json.dumps({"request_id": request_id, "row": row, "label": label}).encode()
    topic = platform.topic("feedback")
    headers = signed_headers(key, topic, request_id, request_id, body, now_ms()) if key else {}
    platform.upstream.send("feedback", request_id.encode(), body, headers)


def traffic(platform: Platform, customers: Customers) -> None:
    """Answers and refusals, of one row and of several, copies, labels on either side of them, and the monitor's."""
    ask, truth = platform.upstream.ask, Truth(platform)
    stranger, own = Key("sk_live_" + "S" * 43, "SSSSSSSSSSS"), truth.key
    for number in range(12):  # the truth comes first, and some of it never meets an answer
        tell(platform, own, f"early-{number}", number % 2)
    platform.upstream.flush()
    platform.settle("sink")
    for number in range(10):
        ask(own, customers(number), request_id=f"early-{number}", entity=f"c-{number}")
    ask(stranger, customers(1))
    ask(own, {**customers(1), "total_orders": -1})
    ask(own, [customers(2), {}])
    ask(own, customers(3), deadline_ms=1)
    ask(own, customers(4), request_id="early-1", entity="c-1")
    ask(platform.create_key(), customers(4), request_id="early-1", entity="c-1")
    results = truth.ask([customers(number) for number in range(60)])
    for seed, result in enumerate(results):
        truth.try_beside(result)
        truth.tell(result, seed)
    platform.upstream.flush()
    platform.settle()
    for result in results[:2]:
        truth.tell(result, 3, wrong=4)  # another truth than before
        truth.try_beside(result)
    tell(platform, own, "early-2", 1)
    tell(platform, None, "early-3", 0)
    tell(platform, own, "early-4", "seven")
    send = platform.upstream.send
    send("prediction-results", b"c-1", b"no result", {})
    for event in (step("e"), step("e", "resolved", 5)):
        send("drift-events", b"m:spent", encode_drift(event), {})
    send("drift-windows", b"m/v1", encode_window(window("w")), {})
    for told in (outlier("o"), rate("r")):
        send("outlier-events", b"c-42", encode_outlier(told), {})
    platform.keys.revoke_key(platform.create_key().key_id)
    platform.upstream.flush()
    platform.settle()
    wait_for(lambda: platform.stored("SELECT count(*) FROM labelled_outbox") == [(0,)], "every truth is told")


def drop_first(platform: Platform, name: str) -> None:
    """The broker forgets the first record of the partition that has any."""
    partition = max(platform.tap(name).ends().items(), key=lambda item: item[1])[0]
    admin = AdminClient({"bootstrap.servers": platform.bootstrap})
    for future in admin.delete_records([TopicPartition(platform.topic(name), partition, 1)]).values():
        future.result(30)


def contents(engine: Engine) -> dict[str, Any]:
    """What the tables hold, but for what is of the moment."""
    skipped = {*BY_BATCH, *OF_THE_OUTBOX}
    found: dict[str, Any] = {name: one for name, one in digests(engine, OF_THE_MOMENT, OF_KEYS).items()}
    found = {name: one for name, one in found.items() if name not in skipped}
    return {**found, "sums": stored(engine, SUMS), "latencies": stored(engine, LATENCIES)}


def letters(events: list[Event]) -> list[tuple[Any, ...]]:
    named = ("reason", "topic", "partition", "offset")
    return sorted(tuple(event.body[name] for name in named) for event in events if event.body["topic"].endswith(READ))


READ = ("prediction-results", "feedback")


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.contract("F1", "F3", "R7")
@pytest.mark.parametrize("platform", ["faust"], indirect=True)
def test_a_database_that_is_rebuilt_from_the_topics_holds_what_the_lost_one_held(
    platform: Platform, customers: Customers, new_database: Callable[[], str], bootstrap: str
) -> None:
    _, sink = platform.up("scorer", "sink")
    traffic(platform, customers)
    refused = platform.cli("sink", "rebuild", "--json")
    assert (refused.returncode, "end every sink first" in refused.stderr) == (1, True), refused.stderr
    sink.stop()
    refused = platform.cli("sink", "rebuild", "--json")
    assert (refused.returncode, "the tables hold rows" in refused.stderr) == (1, True), refused.stderr
    lost, again = create_db_engine(platform.environment["DATABASE_URL"]), create_db_engine(new_database())
    told, buried = len(platform.tap("labelled-predictions").to_end()), letters(platform.tap("dead-letters").to_end())
    expected = contents(lost)

    platform.environment["DATABASE_URL"] = again.url.render_as_string(hide_password=False)
    platform.disconnect()
    made = platform.cli("sink", "rebuild", "--from", "earliest", "--json")
    assert made.returncode == 0, made.stderr
    report = json.loads(made.stdout)
    assert contents(again) == expected
    assert len({name for name, one in expected.items() if not str(one).startswith("0 ")}) > 9, expected
    assert stored(again, "SELECT count(*) FROM labelled_outbox") == [0]
    topics = {name.removeprefix(platform.prefix): found for name, found in report["topics"].items()}
    assert {name: found["records"] for name, found in topics.items()} == {
        name: sum(platform.tap(name).ends().values()) for name in topics
    }
    assert {found["not_kept"] for found in topics.values()} == {0}
    assert letters(platform.tap("dead-letters").to_end()) == sorted([*buried, *buried])
    assert platform.uncommitted("sink") == 0

    drop_first(platform, "drift-events")
    once_more = platform.cli("sink", "rebuild", "--into-existing", "--from", "1d")
    assert once_more.returncode == 0, once_more.stderr
    assert contents(again) == expected
    assert f"{platform.topic('drift-events')} no longer keeps its first 1 records" in once_more.stdout

    platform.up("sink")
    platform.settle("sink")
    assert len(platform.tap("labelled-predictions").to_end()) == told
    lost.dispose()
    again.dispose()
