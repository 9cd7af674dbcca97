"""Commands that come at once by two gateways, while the control agent that carries them out is killed (T3)."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra import artifacts
from infra.local.stack import RunningStack
from tests.e2e.groups import shares
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.e2e.workers import Worker
from tests.stack import fresh_database

pytestmark = pytest.mark.real_broker

COMMANDS = 12
"""A route remembers the last 20."""
PATIENCE_S = 60.0


class Commanded:
    """A platform with two gateways, whose control agents are two as well."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        platform.up("sink", "control", "scorer", "gateway", "gateway")
        wait_for(lambda: platform.tap("model-routes").to_end(), "the version in service is adopted")
        self.key = platform.create_key(permissions=["admin", "monitor"])
        [self.version] = artifacts.versions(platform.environment["MODEL_STORE"], "churn")
        self.add_agent()
        self.urls = [worker.url() or "" for worker in platform.workers if worker.role == "gateway"]

    def agents(self) -> list[Worker]:
        return [worker for worker in self.platform.workers if worker.role == "control" and worker.running]

    def add_agent(self) -> None:
        """One has the only partition of `control-commands`, the others stand by."""
        self.platform.start("control")
        wanted = [*[0] * (len(self.agents()) - 1), 1]
        group = self.platform.topic("control")
        wait_for(lambda: shares(self.platform.bootstrap, group) == wanted, "the agents share one partition", PATIENCE_S)

    def put(self, number: int, weight: float, **more: Any) -> httpx.Response:
        """An A/A test of this weight, under the number's request id, by one gateway or the other."""
        shares = zip("ab", (1 - weight, weight), strict=True)
        arms = [{"name": name, "version": self.version, "weight": share} for name, share in shares]
        headers = {"X-API-Key": self.key.api_key, "Idempotency-Key": f"c-{number}"}
        body = {"strategy": "ab", "arms": arms, **more}
        return httpx.put(f"{self.urls[number % 2]}/router/churn", json=body, headers=headers, timeout=30)

    def carried_out(self, number: int) -> int:
        """How often the command had to be given until it was told to be done."""
        for tries in count(1):
            answer = self.put(number, number / 100)
            if answer.status_code != 503:
                assert (answer.status_code, answer.json()["status"]) == (200, "applied"), answer.text
                return tries
            assert tries < 10, answer.text
        raise AssertionError

    def holder(self, request_id: str) -> Worker:
        """The agent that carried out this command."""
        [found] = [worker for worker in self.agents() if f'"{request_id}"' in worker.log.read_text()]
        return found

    def revisions(self) -> list[dict[str, Any]]:
        told = self.platform.cli("route", "history", "churn", "--json")
        assert told.returncode == 0, told.stderr
        return list(reversed(json.loads(told.stdout)))


@pytest.fixture
def commanded(stack: RunningStack, models: Path, tmp_path: Path) -> Iterator[Commanded]:
    shutil.copytree(models, tmp_path / "models")
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, tmp_path / "models", tmp_path) as platform,
    ):
        yield Commanded(platform)


@pytest.mark.timeout(240)
@pytest.mark.contract("T3")
def test_commands_at_once_are_each_carried_out_once_though_their_agent_is_killed(commanded: Commanded) -> None:
    with ThreadPoolExecutor(4) as threads:
        rivals = [threads.submit(commanded.put, 90 + number, 0.9 + number / 100, if_epoch=1) for number in range(2)]
        ended = Counter(rival.result().status_code for rival in rivals)
        assert ended == {200: 1, 409: 1}, "of two for one epoch one is carried out"
        [_, rival] = commanded.revisions()
        assert (rival["epoch"], rival["command_id"] in ("c-90", "c-91")) == (2, True)

        given = [threads.submit(commanded.carried_out, number) for number in range(1, COMMANDS + 1)]
        wait_for(lambda: len(commanded.platform.tap("model-routes").to_end()) > 4, "some are carried out")
        commanded.holder(rival["command_id"]).kill()
        tries = [command.result(PATIENCE_S) for command in given]
    [other] = commanded.agents()
    assert '"set_route"' in other.log.read_text(), "the other agent has carried out the rest"
    commanded.add_agent()
    assert commanded.carried_out(COMMANDS + 1) == 1, "a rebalance later, too"

    found = commanded.revisions()
    assert [revision["epoch"] for revision in found] == list(range(1, COMMANDS + 4))
    made = Counter(revision["command_id"] for revision in found[2:])
    assert made == {f"c-{number}": 1 for number in range(1, COMMANDS + 2)}
    events = {event.body["event_id"]: event.body for event in commanded.platform.tap("audit-events").to_end()}
    changes = [event for event in events.values() if event["action"] in ("route_adopted", "route_set")]
    assert len(changes) == len(found), f"each change is one event, after {tries} tries"
