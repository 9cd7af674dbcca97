"""How long a verb may be told to wait."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from streams.cli import weir


def waiting(verb: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The verbs that can be told how long to wait, as they are called."""
    if any("--timeout" in option.opts for option in verb.params):
        yield words
    if isinstance(verb, click.Group):
        for name in verb.list_commands(click.Context(verb)):
            found = verb.get_command(click.Context(verb), name)
            assert found is not None
            yield from waiting(found, (*words, name))


VERBS = list(waiting(weir))


def test_every_verb_that_gives_a_command_is_among_them() -> None:
    assert {("route", "rollback"), ("models", "announce"), ("produce",)} <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@pytest.mark.parametrize("value", ["-1", "0", "nan", "inf", "soon"])
def test_no_time_at_all_and_no_end_are_refused(verb: tuple[str, ...], value: str) -> None:
    """With -1 a command was given, and told not to be carried out."""
    ended = CliRunner().invoke(weir, [*verb, "--timeout", value])
    assert ended.exit_code == 2
    assert "Invalid value for '--timeout': " in ended.stderr
