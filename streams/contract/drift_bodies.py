"""What callers of /drift are answered."""

from typing import Any

from msgspec import Struct, defstruct
from msgspec.structs import fields

from schemas.drift_events import DriftEvent, Share
from schemas.drift_windows import DriftWindow


def _but(message: type[Struct], *left_out: str) -> list[tuple[str, Any]]:
    """A message's fields, all of them given."""
    return [(field.name, field.type) for field in fields(message) if field.name not in left_out]


Episode: Any = defstruct(
    "Episode",
    [
        *_but(DriftEvent, "event_type", "drift_result", "schema_version"),
        ("open", bool),
        ("test", str),
        ("p_value", Share | None),
        ("distance", float | None),
        ("effect", Share),
    ],
    namespace={"__doc__": "A drift by its last step; `open` while it goes on. `effect`: the share of rows that moved."},
)
EpisodeSteps: Any = defstruct(
    "EpisodeSteps",
    [*_but(Episode), ("steps", list[DriftEvent])],
    namespace={"__doc__": "A drift, with its steps as they lie on drift-events."},
)
WindowOutcome: Any = defstruct(
    "WindowOutcome",
    [*_but(DriftWindow, "features", "schema_version"), ("drifted", list[str])],
    namespace={"__doc__": "What a window was judged to be; `drifted`: the features that did."},
)
EpisodeList: Any = defstruct("EpisodeList", [("episodes", list[Episode]), ("windows", list[WindowOutcome])])
