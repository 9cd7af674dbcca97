"""A bar for work whose steps have names."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def followed_steps(count: int, console: Console) -> Iterator[Callable[[str], None]]:
    """Takes each of so many steps as it begins, after what is read; shown where the console is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("read", total=count + 1)
        yield lambda step: bar.update(task, advance=1, description=step.replace("_", " "))
