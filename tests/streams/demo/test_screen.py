import io
import json
import shlex

from rich.console import Console

from streams.demo.curl import curl
from streams.demo.figures import best_second, by_way, drained
from streams.demo.ledger import Ledger, Rows
from streams.demo.orders import Orders
from streams.demo.screen import plain, screen
from streams.demo.visitors import in_words


def busy() -> Ledger:
    ledger = Ledger()
    ledger.sent([f"h{number}" for number in range(1000)], "http", "generous")
    ledger.sent([f"b{number}" for number in range(12_000)], "burst", "generous")
    ledger.sent(["s1", "s2", "bad"], "kafka", "small")
    for request_id in ledger.requests:
        ledger.event(request_id, {"s2": "rate_limited", "bad": "invalid"}.get(request_id, "ok"))
    ledger.answer("h1")
    ledger.dead_letter(
        {"reason": "not_json", "message": "no", "topic": "t", "partition": 3, "offset": 57}
        | {"headers": {"request-id": "bad"}}
    )
    ledger.rows = {request_id: Rows(1, 1) for request_id in ledger.requests}
    return ledger


def shown(ledger: Ledger) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=80, height=24, force_terminal=True, color_system=None).print(screen(ledger))
    return out.getvalue().splitlines()


def test_the_screen_fits_a_small_terminal() -> None:
    lines = shown(busy())
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80


def test_the_screen_and_the_plain_lines_say_the_same() -> None:
    text, lines = "\n".join(shown(busy())), "\n".join(plain(busy()))
    for fact in ("not_json at t[3]@57", "1 answered, 1 refused for their rate (0 by HTTP 429)", "13,003 rows"):
        assert fact in text
        assert fact in lines
    assert "each once" in text


def test_the_best_second_is_the_fullest_whenever_it_was() -> None:
    seen = {"a": 1.0, "b": 5.0, "c": 5.5, "d": 5.9, "e": 6.0, "f": 9.0}
    assert (best_second(Ledger(seen_at=seen)), best_second(Ledger())) == (3, 0)


def test_the_screen_of_nothing_yet_can_be_drawn() -> None:
    assert any("none yet" in line for line in shown(Ledger()))
    assert (drained(Ledger()), by_way(Ledger())["http"].sent) == ((0, 0.0), 0)


def test_the_curl_can_be_pasted() -> None:
    order = Orders(1).take()
    command = curl("http://127.0.0.1:8080", "sk_live_" + "A" * 43, order.entity, order.features)
    assert max(map(len, command.splitlines())) <= 80
    words = shlex.split(command.replace("\\\n", ""))
    assert words[:3] == ["curl", "http://127.0.0.1:8080/predict", "-H"]
    assert json.loads(words[-1]) == {"entity": order.entity, "features": order.features}


def test_no_two_runs_have_a_request_id_in_common() -> None:
    assert Orders(1).take().request_id != Orders(1).take().request_id


def test_a_visitors_result_is_a_line_and_many_are_one() -> None:
    result = {"status": "ok", "entity": "c-42", "model": "churn", "risk_score": 15.2, "latency_ms": 4.4}
    refused = {"status": "unauthorized", "entity": None, "latency_ms": 1.0}
    came = [{**one, "scored_at": "2026-01-01T00:00:00Z"} for one in (result, refused)]
    first, second = in_words(came)
    assert first.endswith("ok           c-42  churn risk 15 of 100  4 ms")
    assert "unauthorized -" in second
    assert in_words(came * 4) == ["8 results: 4 ok, 4 unauthorized"]
