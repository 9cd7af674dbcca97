"""Routes: which versions of a model answer which part of its requests, as it lies on `model-routes`."""

import json
import re
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

StrategyName = Literal["champion", "canary", "blue_green", "shadow", "ab", "champion_challenger", "bandit"]
Action = Literal["adopted", "set", "promoted", "rolled_back", "ramped", "reweighed", "removed"]

# No separator, no leading dot: in a store such a word stays inside its folder and never names an unfinished one.
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
Word = Annotated[str, Field(pattern=rf"^{WORD.pattern}$")]
"""A model's name or version: it becomes a folder, a topic key and a metric label."""
TAKEN = frozenset({"metrics", "shadow-analysis"})
"""No model's names: `GET /router/{name}` answers for these with something else."""


def _free(name: str) -> str:
    if name in TAKEN:
        raise PydanticCustomError(
            "taken", "is no model's name, as GET /router/{name} is taken: choose another", {"name": name}
        )
    return name


NewName = Annotated[Word, AfterValidator(_free)]
"""The name of a model that is about to have a version or a route."""
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
Milliseconds = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Count = Annotated[int, Field(ge=1, strict=True)]

STEPS: frozenset[Action] = frozenset({"ramped", "reweighed"})
"""Changes within a plan: a rollback undoes them together with the change that began it."""

MOST_ARMS = 8
MOST_REVISIONS = 20
"""A route remembers so many of its changes."""


class Arm(BaseModel):
    """A part of the traffic and the version that answers it.

    weight: its share of the answers, 0..1; 0 for one that answers nobody, as a shadow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    version: Word
    weight: Share = 1.0


class Guardrail(BaseModel):
    """Bounds past which a route rolls itself back.

    error_ratio: of the candidate's answers. p99_ms: of its latency. At least so many `requests` are looked at first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    error_ratio: Share | None = None
    p99_ms: Milliseconds | None = None
    requests: Count = 100


class Thresholds(BaseModel):
    """What a candidate must show before it is promoted.

    requests: it must have served or evaluated so many. labels: so many of them labelled, where the strategy asks for
    labels. alpha: the risk of a false promotion, at any number of looks. error_ratio, disagreement, loss, slow: by how
    much the candidate may be worse than the champion (as a ratio of its requests; disagreement: in all), as shown with
    confidence 1 - alpha. slow_ms: an answer that takes longer counts as slow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: Count = 1000
    labels: Count = 500
    alpha: Annotated[float, Field(gt=0, lt=0.5, strict=True)] = 0.05
    error_ratio: Share = 0.02
    disagreement: Share = 0.2
    loss: Share = 0.0
    slow: Share = 0.05
    slow_ms: Milliseconds = 250.0


class RoutePlan(BaseModel):
    """The desired state of a route; `models.routing` says what each strategy makes of it.

    arms: the first is the champion. mirror: share of the requests that arms of weight 0 get a copy of. salt: of the
    hash by which an entity finds its arm, the model's name where it is empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: StrategyName
    arms: Annotated[tuple[Arm, ...], Field(min_length=1, max_length=MOST_ARMS)]
    mirror: Share = 1.0
    salt: Annotated[str, Field(max_length=64)] = ""
    thresholds: Thresholds = Thresholds()
    guardrail: Guardrail | None = None

    @property
    def champion(self) -> Arm:
        return self.arms[0]

    def versions(self) -> tuple[str, ...]:
        """Every version that it names, once."""
        return tuple(dict.fromkeys(arm.version for arm in self.arms))

    def summary(self) -> dict[str, Any]:
        """Who answers what share, in short."""
        return {"strategy": self.strategy, "arms": {arm.name: [arm.version, arm.weight] for arm in self.arms}}

    def digest(self) -> str:
        """Lower-case hex SHA-256 of the plan as JSON with sorted names and no blanks."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()


class Revision(BaseModel):
    """One change of a route: what it became, by whom and why.

    command_id: of the command that changed it. epoch: counts the changes from 1.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    epoch: Annotated[int, Field(ge=1)]
    at: AwareDatetime
    action: Action
    actor: str
    reason: str | None = None
    command_id: str
    plan: RoutePlan


class Route(BaseModel):
    """A model's route with its last changes, the newest at the end; MOST_REVISIONS of them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: Word
    revisions: Annotated[tuple[Revision, ...], Field(min_length=1)]

    @property
    def current(self) -> Revision:
        return self.revisions[-1]

    @property
    def epoch(self) -> int:
        return self.current.epoch

    @property
    def plan(self) -> RoutePlan:
        return self.current.plan

    @property
    def is_removed(self) -> bool:
        """Whether the model is served no more; the next plan's epoch goes on from here."""
        return self.current.action == "removed"

    @property
    def before(self) -> RoutePlan | None:
        """What a rollback returns to: the plan before the last change that was no step and was not rolled back itself;
        None where none is known."""
        plans: list[RoutePlan] = []
        for revision in self.revisions:
            if revision.action == "removed":
                plans = []
                continue
            if revision.action in STEPS:
                plans = plans[:-1]
            elif revision.action == "rolled_back":
                plans = plans[:-2]
            plans.append(revision.plan)
        return plans[-2] if len(plans) > 1 else None

    def made_by(self, command_id: str) -> Revision | None:
        """The change that this command made, where it is remembered."""
        return next((revision for revision in self.revisions if revision.command_id == command_id), None)

    def then(self, revision: Revision) -> Self:
        """The route after a further change; of several weights of a bandit in a row the last is remembered."""
        is_weighed_again = revision.action == self.current.action == "reweighed"
        kept = self.revisions[:-1] if is_weighed_again else self.revisions
        return self.model_copy(update={"revisions": (*kept, revision)[-MOST_REVISIONS:]})

    def public(self) -> dict[str, Any]:
        """What callers see of it: the present state without its past, as JSON values."""
        return {"model": self.model, **self.current.model_dump(mode="json")}
