"""POST /feedback with many labels, over fakes."""

import asyncio

import httpx
import pytest

from agents.label import read_label
from schemas.message import Record
from streams.gateway.bulk import AT_ONCE, MAX_LINES
from streams.labels import MAX_LABEL_BYTES
from tests.agents.scorer import FakeCounters
from tests.streams.gateway.fakes import NOW, FakeKafka, Gateway
from tests.streams.test_client import ring_of

pytestmark = pytest.mark.contract("F1")
NDJSON = {"Content-Type": "application/x-ndjson"}


async def post(gateway: Gateway, body: bytes, permission: str = "predict", **headers: str) -> httpx.Response:
    async with gateway.client(gateway.keys.new(permission)) as client:
        return await client.post("/feedback", content=body, headers={**NDJSON, **headers})


def labels(count: int) -> bytes:
    return b"".join(b'{"request_id": "r-%d", "label": 1}\n' % number for number in range(count))


async def test_every_line_is_a_signed_record_under_its_request_id_in_the_order_of_the_lines() -> None:
    """As the sink reads them; two labels of one row are both sent, the later counts."""
    gateway = Gateway()
    api_key = gateway.keys.new("predict")
    key_id = gateway.keys.credentials[api_key].key.key_id
    values = [b'{"request_id": "a", "label": 1}', b'{"request_id": "b", "label": 0, "row": 2}']
    body = b"\r\n\n".join([*values, b'{"request_id": "a", "label": 0}'])
    async with gateway.client(api_key) as client:
        response = await client.post("/feedback", content=body, headers=NDJSON)
    assert (response.status_code, response.json()) == (202, {"status": "accepted", "accepted": 3, "refused": []})
    now_ms = int(NOW.timestamp() * 1000)
    truths = [
        read_label(
            Record(sent.topic, 0, offset, now_ms, sent.key, sent.value, list(sent.headers)),
            keys=ring_of(api_key, key_id),
            counters=FakeCounters(),
        ).feedback
        for offset, sent in enumerate(gateway.kafka.sent)
    ]
    assert [(truth.request_id, truth.row, truth.label) for truth in truths] == [("a", 0, 1), ("b", 2, 0), ("a", 0, 0)]
    assert [sent.key for sent in gateway.kafka.sent] == [b"a", b"b", b"a"]


async def test_a_bad_line_is_named_with_its_number_and_loses_no_good_one() -> None:
    gateway = Gateway()
    lines = [
        b'{"request_id": "a", "label": 1}',
        b'{"request_id": "b", "label": NaN}',
        b"",
        b'{"request_id": "c", "label": 2, "row": -1}',
        b"{",
        b'{"request_id": "d", "label": 0}',
        b'{"request_id": "' + b"e" * MAX_LABEL_BYTES + b'", "label": 0}',
    ]
    response = await post(gateway, b"\n".join(lines))
    told = response.json()
    assert (response.status_code, told["accepted"]) == (202, 2)
    named = [(line["line"], [field["field"] for field in line["fields"]]) for line in told["refused"]]
    assert named == [(2, ["label"]), (4, ["label", "row"]), (5, ["body"]), (7, ["body"])]
    assert told["refused"][0]["fields"][0]["reason"].startswith("must be 0 or 1")
    assert [sent.key for sent in gateway.kafka.sent] == [b"a", b"d"]


async def test_where_no_line_is_a_label_nothing_is_sent_and_each_is_named() -> None:
    gateway = Gateway()
    response = await post(gateway, b'{"request_id": "a"}\n[]\n')
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (422, "invalid_request")
    assert [line["line"] for line in error["refused"]] == [1, 2]
    assert gateway.kafka.sent == []


@pytest.mark.parametrize("kind", ["application/x-ndjson; charset=utf-8", "Application/NDJSON", "application/jsonl"])
async def test_lines_are_known_by_any_of_their_names(kind: str) -> None:
    response = await post(Gateway(), labels(2), **{"Content-Type": kind})
    assert (response.status_code, response.json()["accepted"]) == (202, 2)


@pytest.mark.parametrize("permission", ["monitor", "admin"])
async def test_a_key_that_may_not_predict_tells_no_truth(permission: str) -> None:
    gateway = Gateway()
    assert (await post(gateway, labels(1), permission)).status_code == 403
    assert gateway.kafka.sent == []


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "one label a line"),
        (b" \n\n ", 400, "one label a line"),
        (labels(MAX_LINES) + b"{}", 413, f"has {MAX_LINES + 1} lines, at most {MAX_LINES}"),
        (b"x" * 10_000_000, 413, "exceeds 1048576 bytes"),
    ],
    ids=["empty", "blank", "too many lines", "too many bytes"],
)
async def test_a_body_of_no_line_or_too_many_is_refused_whole(body: bytes, status: int, says: str) -> None:
    gateway = Gateway()
    response = await post(gateway, body)
    assert response.status_code == status
    assert says in response.json()["error"]["message"]
    assert gateway.kafka.sent == []


async def test_as_many_lines_as_are_read_go_as_one_batch() -> None:
    gateway = Gateway(kafka=CountingKafka())
    assert (await post(gateway, labels(MAX_LINES))).json()["accepted"] == MAX_LINES
    assert isinstance(gateway.kafka, CountingKafka)
    assert gateway.kafka.batches == [MAX_LINES]


class CountingKafka(FakeKafka):
    """Remembers how many records came at once."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    async def send(self, emissions: object) -> None:
        await super().send(emissions)  # type: ignore[arg-type]
        self.batches.append(len(emissions))  # type: ignore[arg-type]


async def test_other_callers_have_their_turn_while_many_lines_are_read() -> None:
    gateway = Gateway()
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    before = turns
    try:
        await post(gateway, labels(20 * AT_ONCE))
    finally:
        waiting.cancel()
    assert turns - before >= 20


@pytest.mark.parametrize("kafka", [FakeKafka(down=True), FakeKafka(hangs=True)], ids=["down", "hangs"])
async def test_what_the_broker_does_not_confirm_is_acknowledged_to_nobody(kafka: FakeKafka) -> None:
    gateway = Gateway(kafka=kafka)
    gateway.settings = gateway.settings.model_copy(update={"request_timeout_s": 0.05})
    response = await post(gateway, labels(3) + b"{")
    assert response.status_code == 503
    assert "accepted" not in response.text


async def test_a_label_alone_keeps_its_bound_and_is_sent_as_it_came() -> None:
    gateway = Gateway()
    async with gateway.client(gateway.keys.new("predict")) as client:
        large = await client.post("/feedback", content=b" " * (MAX_LABEL_BYTES + 1))
        response = await client.post("/feedback", content=b'{"label": 1,  "request_id": "r-1"}')
    assert (large.status_code, response.status_code) == (413, 202)
    [sent] = gateway.kafka.sent
    assert sent.value == b'{"label": 1,  "request_id": "r-1"}'
