"""One pipeline for the whole package: its processes start once for many small tests."""

from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra.local.stack import RunningStack
from models.simulate import customer_rows
from tests.e2e.platform import ROLES, Platform
from tests.e2e.running import platform_on, trained_store
from tests.stack import fresh_database


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """A test that failed shows what the roles said meanwhile."""
    report = yield
    platform = getattr(item, "funcargs", {}).get("platform")
    if report.when == "call" and report.failed and platform is not None:
        report.sections += [(f"end of {w.log.name}", w.log.read_text()[-4000:]) for w in platform.workers]
    return report


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_store(tmp_path_factory.getbasetemp() / "e2e-models")


@pytest.fixture(scope="package")
def platform(stack: RunningStack, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, models, folder) as platform,
    ):
        platform.up(*ROLES)
        yield platform


@pytest.fixture(scope="session")
def customers() -> Callable[[int], dict[str, Any]]:
    """The features of simulated customers, each a fresh dict."""
    drawn = cache(lambda: customer_rows(200, 11))
    return lambda number: dict(drawn()[number % 200])
