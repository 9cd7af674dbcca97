"""Fixtures for every test: real services, unique names, a seed that a failure shows."""

import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
import redis.asyncio

from infra.local.stack import RunningStack
from tests import s3, shared, spread
from tests.stack import IN_CI, chosen, described, fresh_database, measure_no_child, running

# In the environment, so that the processes pytest spreads the tests over share it.
SEED = int(os.environ.setdefault("WEIR_SEED", str(random.SystemRandom().randrange(2**31))))
shared.offer_folder()
# A broker lives for minutes here: what its compiler and collector do for hours to come took a third of the processors.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
CHOICE = chosen()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So a shell starts what it leaves in the background, and the processes that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    return f"weir stack: {described(CHOICE)}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"weir stack: {described(CHOICE)}; WEIR_SEED={SEED}")


def pytest_configure() -> None:
    if IN_CI and CHOICE.kafka == "wheel":
        raise pytest.UsageError("CI needs the real broker: Java 17 or newer and Maven were not found on PATH")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart() -> None:
    measure_no_child()  # once coverage has begun


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> spread.Spread:
    return spread.Spread(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a real broker its tests skip; what looks at other processes is not measured itself."""
    spread.sort(items)
    for item in items:
        if item.nodeid.startswith(spread.FROM_OUTSIDE):
            item.add_marker(pytest.mark.no_cover)
    if CHOICE.kafka != "wheel":
        return
    for item in items:
        if item.get_closest_marker("real_broker"):
            item.add_marker(pytest.mark.skip(reason="needs Apache Kafka: install Java 17+ and Maven"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and "seed" in getattr(item, "fixturenames", ()):
        report.sections.append(("seed", f"run again with WEIR_SEED={SEED}"))
    return report


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    with running() as started:
        yield started


@pytest.fixture(scope="session")
def bootstrap(stack: RunningStack) -> str:
    return stack.environment["KAFKA_BOOTSTRAP_SERVERS"]


@pytest.fixture(scope="session")
def redis_url(stack: RunningStack) -> str:
    return stack.environment["REDIS_URL"]


@pytest.fixture(scope="module")
def new_database(stack: RunningStack) -> Iterator[Callable[[], str]]:
    """Makes empty databases, as many as wanted; all are dropped after the module."""
    with ExitStack() as databases:
        yield lambda: databases.enter_context(fresh_database(stack.environment["DATABASE_URL"]))


@pytest.fixture
def database_url(stack: RunningStack) -> Iterator[str]:
    """An empty database of this test's own."""
    with fresh_database(stack.environment["DATABASE_URL"]) as url:
        yield url


@pytest.fixture
def unique() -> Callable[..., str]:
    """Names that nobody else has: `unique("topic")`."""
    return lambda prefix="weir": f"{prefix}-{uuid4().hex[:12]}"


@pytest.fixture
def seed() -> int:
    return SEED


@pytest.fixture(name="redis")
async def redis_client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    client = redis.asyncio.Redis.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3.moto(tmp_path_factory.mktemp("s3")) as endpoint:
        yield endpoint


@pytest.fixture
def s3_bucket(s3_endpoint: str, unique: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of this test's own, where the environment leads boto3 to."""
    for name, value in s3.environment(s3_endpoint).items():
        monkeypatch.setenv(name, value)
    with s3.new_client() as connect:
        bucket = unique()
        connect().create_bucket(Bucket=bucket)
        yield bucket
