"""`weir produce --on-limit`: whether a file waits for its key's bucket."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, cast

import pytest
from click.testing import CliRunner

from schemas.result import PredictionResult
from streams.cli import weir
from streams.cli.produce import send_all
from streams.client import Ask, OnLimit, WeirClient


class FakeClient:
    """Answers everything with ok; remembers how it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, float, str]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def predict_many(self, asks: Sequence[Ask], **how: Any) -> list[PredictionResult]:
        self.asked.append((len(asks), how["timeout"], how["on_limit"]))
        now = datetime.now(UTC)
        ok = PredictionResult(request_id="r", entity="c", status="ok", latency_ms=1.0, requested_at=now, scored_at=now)
        return [ok] * len(asks)


@pytest.mark.parametrize("on_limit", ["return", "wait"])
async def test_each_batch_waits_for_its_bucket_where_that_is_asked_for(on_limit: OnLimit) -> None:
    client = FakeClient()
    sent = await send_all(cast(WeirClient, client), iter([Ask({"a": 1})] * 600), 30, on_limit)
    assert client.asked == [(500, 30, on_limit), (100, 30, on_limit)]
    assert sent.is_whole()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--on-limit", "wait"], "--on-limit wait needs --wait"),
        (["--wait", "--on-limit", "later"], "'later' is not one of 'return', 'wait'"),
    ],
)
def test_wrong_options_are_told_before_anything_is_sent(options: list[str], said: str, tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text("{}\n")
    result = CliRunner().invoke(weir, ["produce", str(file), "--key-id", "A" * 11, *options])
    assert result.exit_code == 2
    assert said in result.stderr
