"""The ledger: what was asked against what lies on the topics, in Postgres and in Redis.

It reads with confluent-kafka, psycopg and redis-py and knows nothing of Weir's code.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from tests.e2e.tap import Event
from tests.faults.load import Asked

ANSWER = ("status", "model_version", "predictions", "churn_probability", "risk_score", "label", "rows", "features")
CHARGED = ("ok", "invalid", "error")


@dataclass
class Ledger:
    """What a run came to. Every list of `wrong` must be empty.

    torn: requests decided in the worker's memory as Redis was too slow, and otherwise in Redis after a kill.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    degraded: int = 0
    torn: int = 0
    wrong: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def __str__(self) -> str:
        wrong = {name: len(found) for name, found in self.wrong.items() if found}
        return (
            f"statuses {dict(self.statuses)}; terminal events repeated after kills {self.repeated}; "
            f"decided without Redis {self.degraded}, otherwise after a kill {self.torn}; wrong: {wrong or 'nothing'}"
        )


def answer_of(event: Any) -> str:
    """What a repeated terminal event must have in common with the first: all but its timing."""
    code = (event.get("error") or {}).get("code")
    return json.dumps([*(event.get(name) for name in ANSWER), code, event["entity"]], sort_keys=True)


def check_events(ledger: Ledger, asked: Sequence[Asked], events: Iterable[Event]) -> dict[str, str]:
    """Request id -> its one terminal status; nothing lost, nothing twice with another answer, nothing unasked."""
    found: dict[str, list[Any]] = defaultdict(list)
    for event in events:
        found[event.body["request_id"]].append(event.body)
    ends: dict[str, str] = {}
    for item in asked:
        mine = found.pop(item.request_id, [])
        if not mine:
            ledger.wrong["lost"].append(item.request_id)
            continue
        degraded = any(event["degraded"] for event in mine)
        if len({answer_of(event) for event in mine}) > 1:
            if not degraded:
                ledger.wrong["different answers"].append(mine)
            ledger.torn += degraded
        ends[item.request_id] = status = _kept(mine)
        if status not in item.may:
            ledger.wrong["other status"].append((status, item.may, mine[0]))
        ledger.statuses[status] += 1
        ledger.repeated += max(0, len(mine) - item.copies)
        ledger.degraded += degraded
        if len(mine) < item.copies:
            ledger.wrong["copies lost"].append(item.request_id)
    ledger.wrong["unasked"] += found
    return ends


def _kept(events: Sequence[Any]) -> str:
    """The status that counts: the first, but an answer is never taken back."""
    statuses = [event["status"] for event in events]
    return "ok" if "ok" in statuses else str(statuses[0])


def check_rows(
    ledger: Ledger, asked: Sequence[Asked], ends: dict[str, str], rows: Sequence[tuple[str, int, str]]
) -> None:
    """One row per row asked for, with the terminal status; no row besides."""
    stored: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for request_id, number, status in rows:
        stored[request_id].append((number, status))
    for item in asked:
        status = ends.get(item.request_id, "")
        count = item.rows if status == "ok" else 1
        mine = sorted(stored.pop(item.request_id, []))
        if mine != [(number, status) for number in range(count)]:
            ledger.wrong["rows"].append((item.request_id, status, count, mine))
    ledger.wrong["unasked rows"] += stored


def check_charges(
    ledger: Ledger,
    asked: Sequence[Asked],
    ends: dict[str, str],
    client: "redis.Redis",
    prefix: str,
    bursts: dict[str, int],
) -> None:
    """Each bucket has lost exactly what its key's admitted requests cost.

    prefix: of the buckets' names in Redis. bursts: key id -> its full bucket; refilled at one token an hour, which no
    run is long enough for. Of what was decided without Redis nobody knows whether Redis had charged it before it fell
    silent.
    """
    owed: Counter[str] = Counter()
    for item in asked:
        if ends.get(item.request_id) in CHARGED:
            owed[item.key.key_id] += item.cost
    for key_id, burst in bursts.items():
        packed = client.get(f"{prefix}:bucket:{key_id}")
        assert isinstance(packed, bytes), f"no bucket of {key_id}"
        spent = burst - int(packed.split()[0])
        if not owed[key_id] - ledger.degraded <= spent <= owed[key_id]:
            ledger.wrong["charges"].append((key_id, spent, owed[key_id]))


def check_dead_letters(ledger: Ledger, ends: dict[str, str], letters: Sequence[Event]) -> None:
    """Every request that ended as invalid, expired or error has a dead letter, and nothing else has one."""
    buried = {event.body["headers"]["request-id"] for event in letters}
    due = {request_id for request_id, status in ends.items() if status in ("invalid", "expired", "error")}
    ledger.wrong["no dead letter"] += due - buried
    ledger.wrong["dead letter of none"] += buried - due
