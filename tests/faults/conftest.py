"""A pipeline for each test: what a fault does to one must not show in another."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.stack import RunningStack
from tests.e2e.conftest import customers, models  # noqa: F401 - fixtures
from tests.e2e.platform import Platform
from tests.e2e.running import platform_on


@pytest.fixture(params=["faust", pytest.param("bare", marks=pytest.mark.long)])
def platform(
    request: pytest.FixtureRequest,
    stack: RunningStack,
    database_url: str,
    models: Path,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> Iterator[Platform]:
    with platform_on(stack.environment, database_url, models, tmp_path, request.param) as platform:
        yield platform
