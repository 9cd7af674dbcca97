"""Whether anyone listens at the bootstrap servers."""

import socket
import threading
from collections.abc import Iterator
from time import monotonic

import pytest

from infra.bootstrap import await_listener
from schemas.errors import BadSettings, Unavailable

NOBODY = "127.0.0.1:1"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def at(listening: socket.socket) -> str:
    return f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("form", ["{}", "127.0.0.1:1,{}", "{}, 127.0.0.1:1", "PLAINTEXT://{}"])
def test_one_who_listens_is_enough(listening: socket.socket, form: str) -> None:
    await_listener(form.format(at(listening)), 0.2)


def test_nobody_is_told_with_the_address_the_reason_and_what_to_do() -> None:
    with pytest.raises(Unavailable) as caught:
        await_listener(NOBODY, 0.2)
    assert str(caught.value) == (
        "kafka: no broker answers at 127.0.0.1:1 (Connection refused): "
        "start one with `weir up`, or set KAFKA_BOOTSTRAP_SERVERS"
    )


def test_nobody_is_told_within_seconds() -> None:
    began = monotonic()
    with pytest.raises(Unavailable):
        await_listener(NOBODY)
    assert monotonic() - began < 10


def test_a_name_that_is_unknown_is_told() -> None:
    with pytest.raises(Unavailable, match=r"broker\.invalid:9092 \(.*(known|resolution)"):
        await_listener("broker.invalid:9092", 0)


def test_one_who_comes_meanwhile_is_waited_for(listening: socket.socket) -> None:
    place = listening.getsockname()
    listening.close()
    come: list[socket.socket] = []
    late = threading.Timer(0.3, lambda: come.append(socket.create_server(place)))
    late.start()
    await_listener(f"{place[0]}:{place[1]}", 10)
    late.join()
    come[0].close()


@pytest.mark.parametrize("wrong", ["broker:port", "broker:99999", ":9092", "[::1"])
def test_what_is_no_address_is_named(wrong: str) -> None:
    with pytest.raises(BadSettings, match=r"KAFKA_BOOTSTRAP_SERVERS: .* is not host:port"):
        await_listener(wrong)
