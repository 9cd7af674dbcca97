"""A bundle whose scoring another thread can end."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from models import onnx
from models.bundle import Bundle


@dataclass(frozen=True, eq=False)
class _Session:
    """A session whose runs all take the same options."""

    session: Any
    options: Any

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> Any:
        return self.session.run(outputs, inputs, self.options)


def stoppable(bundle: Bundle) -> tuple[Bundle, Callable[[], None]]:
    """The bundle for a few runs, and what makes those of an ONNX graph raise before their next operator, from any
    thread; what is no graph runs to its end."""
    if not isinstance(bundle.scorer, onnx.Scorer):
        return bundle, lambda: None
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.log_severity_level = 4  # that it was stopped is no news

    def stop() -> None:
        options.terminate = True

    scorer = replace(bundle.scorer, session=_Session(bundle.scorer.session, options))
    return replace(bundle, scorer=scorer), stop
