"""The platform under the demo: brought up, or joined where it runs; what the demo started it stops."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from infra.auth import get_key_manager
from infra.local.doctor import DEFAULT_PORT, bindable
from infra.local.process import free_port
from infra.local.stack import RunningStack, start
from infra.local.supervisor import read_state
from schemas.errors import Unavailable
from streams.bring_up import (
    folders,
    gateway_url,
    made_model,
    made_tables,
    made_topics,
    ready_gateway,
    role_environment,
    started_roles,
)
from streams.demo.cast import Cast, make_cast, retire
from streams.demo.claim import Claim, claim, forced_by_a_second_signal, release
from streams.demo.phases import Phases
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Platform:
    """What runs, and the keys to it."""

    stack: RunningStack
    settings: Settings
    cast: Cast

    def is_up(self) -> bool:
        """Whether nobody has stopped it meanwhile."""
        return read_state(self.stack.data_dir) is not None

    @property
    def url(self) -> str:
        return gateway_url(self.settings)


@contextmanager
def platform(data_dir: Path, environ: Mapping[str, str], phases: Phases) -> Iterator[Platform]:
    """A platform that takes requests; ended as it was found: what ran before goes on.

    Raises BadSettings while another demo runs on the directory.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    mine = claim(data_dir, environ)
    stack = None
    try:
        with ThreadPoolExecutor(1) as beside:
            # Training keeps one core busy while the services start on the other.
            model = beside.submit(made_model, Settings.read({**folders(data_dir), **given_by(environ)}))
            with phases.phase("services"):
                stack = start(data_dir, environ, report=phases.say)
            settings, cast = prepare(stack, environ, phases, model.result)
        there = Platform(stack, settings, cast)
        try:
            yield there
        finally:
            with suppress(Unavailable):
                if there.is_up():
                    retire(get_key_manager(settings))
    finally:
        phases.say(farewell(mine))
        with forced_by_a_second_signal(data_dir, mine):
            release(data_dir, mine, stack)


def prepare(
    stack: RunningStack, environ: Mapping[str, str], phases: Phases, model: Callable[[], str]
) -> tuple[Settings, Cast]:
    """From running services to a gateway that is ready."""
    given = role_environment(stack, {**environ, "PORT": str(port(stack.data_dir, environ, phases))})
    settings = Settings.read(given)
    made: list[Cast] = []

    def keys() -> str:
        made.append(make_cast(get_key_manager(settings)))
        return "three: generous, small, revoked"

    phases.step("topics", lambda: made_topics(stack, settings))
    phases.step("tables", lambda: made_tables(settings))
    phases.step("model", model)
    phases.step("keys", keys)
    phases.step("roles", lambda: started_roles(stack.data_dir, settings, given))
    phases.step("gateway", lambda: ready_gateway(stack.data_dir, settings))
    return settings, made[0]


def farewell(mine: Claim) -> str:
    if mine.roles or mine.services:
        return "Stopping what the demo started; Ctrl-C again ends it at once."
    return "What ran before the demo goes on: `weir down` stops it."


def given_by(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value}


def port(data_dir: Path, environ: Mapping[str, str], phases: Phases) -> int:
    """The running gateway's port, or the wanted one, or a free one where that is taken."""
    state = read_state(data_dir)
    for role in state["roles"] if state else ():
        if role["name"] == "gateway":
            return int(role["address"].rpartition(":")[2])
    wanted = int(environ.get("PORT") or DEFAULT_PORT)
    if bindable(wanted):
        return wanted
    chosen = free_port()
    phases.say(f"port      {wanted} is taken by another program: the gateway listens on {chosen}")
    return chosen
