"""`weir up` brings up a whole platform, which ends, its broker, Redis and Postgres too, and comes up as it was (T3)."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.auth import get_key_manager
from infra.local.process import free_port
from streams.bring_up import local_environment, local_settings
from streams.cli.local import down, status, up
from streams.topology import ROLES, WORKERS
from tests.e2e.platform import wait_for
from tests.e2e.test_shadow import CALM, publish
from tests.infra.local.test_verbs import call
from tests.models.graphs import graph_of
from tests.stack import measured, unmeasured, without_services

pytestmark = pytest.mark.real_broker

ENTITIES = [f"c-{number}" for number in range(24)]
PATIENCE_S = 30.0


class Machine:
    """A platform as `weir up` makes it, with two versions of churn, and whoever asks and commands it.

    said: by `weir up`, the first time; the lines of its roles count as covered then.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], http: httpx.Client) -> None:
        given = {"PORT": str(http.base_url.port), "DATA_DIR": str(folder), "MODEL_STORE": (folder / "models").as_uri()}
        self.folder, self.environ, self._http = folder, {**measured(environ), **given}, http
        self.older, self.newer = (publish(given["MODEL_STORE"], graph_of("binary", width=1, seed=n), n) for n in (0, 1))
        self.said = self.up()
        self.environ = unmeasured(self.environ)
        keys = get_key_manager(local_settings(self.environ))
        terms = {"permissions": ["admin", "monitor", "predict"], "rate_limit": 1_000_000, "burst": 100_000}
        self._http.headers["X-API-Key"] = keys.create_key(name="whoever asks", **terms)
        wait_for(lambda: self._http.get("/router/churn").status_code == 200, "the newest version is adopted")

    def up(self) -> str:
        code, out = call(up, self.folder, self.environ)
        assert code == 0, out
        return out

    def status(self) -> Any:
        return json.loads(call(status, self.folder, self.environ, "--json")[1])

    def down(self) -> list[str]:
        stopped: list[str] = json.loads(call(down, self.folder, self.environ, "--json")[1])["stopped"]
        return stopped

    def command(self, method: str, path: str, body: Any) -> str:
        """How the command ended."""
        answer = self._http.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["status"])

    def shown(self, path: str) -> Any:
        return self._http.get(path).json()

    def split(self, weight: float) -> str:
        versions = {"champion": (self.older, 1 - weight), "canary": (self.newer, weight)}
        arms = [{"name": name, "version": version, "weight": share} for name, (version, share) in versions.items()]
        return self.command("PUT", "/router/churn", {"strategy": "canary", "arms": arms})

    def answers(self, epoch: int) -> dict[str, tuple[str, str]]:
        """Entity -> arm and version, once the scorer goes by the epoch."""
        wait_for(lambda: self._ask(ENTITIES[0]).get("route_epoch") == epoch, f"epoch {epoch} is in force", PATIENCE_S)
        found = {entity: self._ask(entity) for entity in ENTITIES}
        assert {answer["route_epoch"] for answer in found.values()} == {epoch}
        return {entity: (answer["arm"], answer["model_version"]) for entity, answer in found.items()}

    def _ask(self, entity: str) -> Any:
        return self._http.post("/predict", json={"entity": entity, "features": CALM}).json()


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    environ, port = without_services(os.environ), free_port()
    with (
        tempfile.TemporaryDirectory(prefix="weir-", ignore_cleanup_errors=True) as folder,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http,
    ):
        try:
            yield Machine(Path(folder), environ, http)
        finally:
            call(down, Path(folder), environ)


def test_the_whole_platform_comes_up(machine: Machine) -> None:
    url = f"http://127.0.0.1:{machine.environ['PORT']}"
    assert f"gateway   {url}" in machine.said
    for role, topics in WORKERS.items():
        assert f"{role} reads {sum(topic.partitions for topic in topics)} partitions" in machine.said
    assert machine.shown("/healthz") == {"status": "alive"}
    roles = {role["name"]: role for role in machine.status()["roles"]}
    assert roles.keys() == set(ROLES)
    assert roles["gateway"]["address"] == url
    assert local_environment(machine.environ)["REDIS_URL"].startswith("redis://127.0.0.1:")
    assert "roles     already running" in machine.up()


@pytest.mark.timeout(240)
@pytest.mark.contract("T3")
def test_promotions_and_canaries_survive_a_restart_of_everything(machine: Machine) -> None:
    machine.split(0.1)
    machine.command("POST", "/router/promote", {"force": True, "reason": "we know"})
    machine.split(0.5)
    arms = machine.answers(4)
    assert set(arms.values()) == {("champion", machine.older), ("canary", machine.newer)}
    looks = ("/router/churn", "/router/churn/history", "/models")
    shown = [machine.shown(path) for path in looks]

    assert {"kafka", "redis", "postgres", "gateway", "scorer", "control"} <= set(machine.down())
    assert local_environment(machine.environ) == machine.environ, "nothing of it is left"
    assert "topics    all there" in machine.up()
    assert [machine.shown(path) for path in looks] == shown
    assert machine.answers(4) == arms, "the same entity, the same arm"
    assert machine.command("POST", "/router/rollback", {"reason": "worse"}) == "applied"
    assert set(machine.answers(5).values()) == {("champion", machine.newer)}, "the promotion before"
    assert machine.command("POST", "/router/rollback", {}) == "unchanged"
