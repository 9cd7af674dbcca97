"""Versions of models as the platform knows them, as they lie on `model-registry`."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.routes import Word

EntryStatus = Literal["ready", "refused", "retired"]


class RegistryEntry(BaseModel):
    """One version of a model. The record's key is `name/version`.

    ready: verified, may be served. refused: `reason` says what is wrong with the bundle. retired: taken out of service.
    digest: of the bundle's manifest, None where it has no readable one. actor: who announced or retired it, or the
    scorer that found it bad.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Word
    version: Word
    status: EntryStatus
    at: AwareDatetime
    actor: str
    reason: Annotated[str, Field(max_length=1000)] | None = None
    digest: str | None = None
    algorithm: str | None = None
    metrics: dict[str, Any] = {}
    command_id: str | None = None

    @property
    def key(self) -> str:
        return f"{self.name}/{self.version}"
