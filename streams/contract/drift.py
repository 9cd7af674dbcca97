"""The routes of drift."""

from streams.contract.common import AWAY, NONE, TEXT, WRONG, guarded
from streams.contract.drift_bodies import EpisodeList, EpisodeSteps
from streams.contract.operation import Answer, Operation, Parameter

MOST = 500
MODEL = Parameter("model", TEXT, "Of this model only.")

LIST_EPISODES = Operation(
    "GET", "/drift", "listDrift", "drift", "Episodes of drift, and the last window of each model version", "monitor",
    guarded(
        "monitor",
        Answer(200, "The newest first.", EpisodeList, example={"episodes": [], "windows": []}),
        WRONG,
    ),
    query=(
        MODEL,
        Parameter("version", TEXT, "Of this version only."),
        Parameter("feature", TEXT, "Of this feature only."),
        Parameter("open", {"enum": ["true", "false"]}, "`true`: that go on; `false`: that are over."),
        Parameter("since", {"type": "string", "format": "date-time"}, "Whose last step is no older."),
        Parameter("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": 50}, "At most so many."),
    ),
)  # fmt: skip
DRIFT_FEED = Operation(
    "GET", "/drift/events", "followDrift", "drift", "Drifts as they are told, as server-sent events", "monitor",
    guarded(
        "monitor",
        Answer(
            200,
            "Stays open. `event`: `drift_detected` or `drift_resolved`; `data`: the JSON of the topic drift-events; "
            "`id`: a place to come back with.",
            TEXT,
            may=("X-Accel-Buffering",),
            media="text/event-stream",
            example="id: 0:17,1:4,2:9\nevent: drift_detected\ndata: {}\n\n",
        ),
        WRONG,
        AWAY,
    ),
    query=(MODEL,),
    headers=(
        Parameter(
            "Last-Event-ID",
            {"type": "string", "pattern": r"^(\d{1,9}:\d{1,18}(,\d{1,9}:\d{1,18})*)?$"},
            "The `id` of the event heard last: what was told since comes first.",
        ),
    ),
)  # fmt: skip
SHOW_EPISODE = Operation(
    "GET", "/drift/{event_id}", "getDrift", "drift", "One episode, step by step", "monitor",
    guarded("monitor", Answer(200, "The first step first.", EpisodeSteps), NONE, WRONG),
)  # fmt: skip

OPERATIONS = (LIST_EPISODES, DRIFT_FEED, SHOW_EPISODE)
