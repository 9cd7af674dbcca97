"""The manifest of a bundle: what the model is, where it came from, and the digests that hold it together."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from models.outliers.base import Outliers
from models.profile import Profile
from models.signature import Signature
from schemas.errors import BundleRefused, InvalidRequest
from schemas.routes import TAKEN, WORD

FORMAT = 1
LARGEST = 32 * 1024 * 1024
"""Bytes: whoever reads JSON holds the interpreter's lock, some 10 ms for a megabyte."""

_Short = Annotated[str, Field(max_length=100)]
# Only of a text with a bound pydantic notices half a character, which no answer can hold.
_Text = Annotated[str, Field(max_length=LARGEST)]

_STRICT = ConfigDict(strict=True)


class _Feature(BaseModel):
    model_config = _STRICT

    name: _Text
    minimum: float | None = None
    maximum: float | None = None
    categories: list[_Text] = []


class _Signature(BaseModel):
    model_config = _STRICT

    features: list[_Feature]
    target: _Text
    classes: list[int | _Text]


class _Plain(BaseModel):
    """What a manifest's values must be: requests are read by them, tables and the registry show them."""

    model_config = _STRICT

    signature: _Signature
    algorithm: _Short
    metrics: Annotated[dict[_Short, float], Field(max_length=100)]
    smoke: list[float | list[float]]
    libraries: dict[str, str]
    files: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Training:
    """Where a model came from: when it was trained, on how many rows, between which times.

    source: what the rows were asked by and their digest, where they are from the store.
    """

    trained_at: datetime
    rows: int
    seed: int
    window: tuple[datetime, datetime] | None = None
    source: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        window = [time.isoformat() for time in self.window] if self.window else None
        source = {} if self.source is None else {"source": dict(self.source)}  # older manifests have none
        said = {"trained_at": self.trained_at.isoformat(), "rows": self.rows, "seed": self.seed, "window": window}
        return said | source

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Training":
        first, last = (datetime.fromisoformat(time) for time in data["window"] or ("1970-01-01", "1970-01-01"))
        window = (first, last) if data["window"] else None
        return cls(datetime.fromisoformat(data["trained_at"]), data["rows"], data["seed"], window, data.get("source"))


@dataclass(frozen=True)
class Manifest:
    """Everything about a bundle but the graph itself.

    threshold: probability from which on the positive class of two is answered, None for any other task.
    smoke: scores of `typical_rows` as the trainer saw them. files: name -> {sha256, size}. digest: of all other fields.
    training, profile: None for a model that was trained elsewhere; then metrics are empty.
    outliers: of the detector beside the model, None where there is none.
    """

    name: str
    version: str
    threshold: float | None
    algorithm: str
    signature: Signature
    training: Training | None
    metrics: Mapping[str, float]
    profile: Profile | None
    smoke: tuple[float | list[float], ...]
    libraries: Mapping[str, str]
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    digest: str = ""
    outliers: Outliers | None = None

    def __post_init__(self) -> None:
        for what, word in (("name", self.name), ("version", self.version)):
            if not WORD.fullmatch(word):
                raise ValueError(f"{what} {word!r}: use letters, digits, '.', '_' and '-', at most 100")
        if (self.threshold is None) != (self.signature.task != "binary"):
            raise ValueError("a threshold is for two classes: a binary model has one, no other has")
        if self.threshold is not None and not 0.0 <= self.threshold <= 1.0:
            raise ValueError(f"threshold {self.threshold} is no probability")

    def sealed(self) -> "Manifest":
        """The same manifest with the digest that `from_bytes` will check."""
        return replace(self, digest=_digest(self.to_json()))

    def to_json(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if (said := plain.pop("outliers")) is not None:
            plain["outliers"] = said.to_json()
        return plain | {
            "format": FORMAT,
            "target": self.signature.target,
            "classes": list(self.signature.classes),
            "signature": self.signature.to_json(),
            "training": self.training and self.training.to_json(),
            "smoke": list(self.smoke),
        }

    def to_bytes(self) -> bytes:
        return json.dumps(self.to_json(), indent=1, sort_keys=True, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Manifest":
        """Raises BundleRefused for anything but the exact output of `to_bytes` of a sealed manifest."""
        if len(content) > LARGEST:
            raise BundleRefused(
                f"manifest.json has {len(content)} bytes, at most {LARGEST} are read: "
                "publish a model of fewer features, categories or classes"
            )
        try:
            data = json.loads(content)
            if data["format"] != FORMAT:
                raise BundleRefused(
                    f"bundle format {data['format']!r} is unknown, this Weir reads format {FORMAT}: "
                    "upgrade Weir or train the model again"
                )
            if data["digest"] != _digest(data):
                raise BundleRefused("manifest.json was altered after training: publish the bundle again")
            return cls._from_json(data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BundleRefused("manifest.json is no bundle manifest: publish the bundle again") from error

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> "Manifest":
        _Plain.model_validate(data)
        plain = {name: data[name] for name in cls.__dataclass_fields__ if name != "outliers"}
        return cls(
            **plain
            | {
                "signature": Signature.from_json(data["signature"]),
                "training": data["training"] and Training.from_json(data["training"]),
                "smoke": tuple(data["smoke"]),
                "outliers": Outliers.from_json(data["outliers"]) if "outliers" in data else None,
            }
        )


def check_name(name: str) -> None:
    """Raises InvalidRequest for what cannot name a model."""
    if not WORD.fullmatch(name):
        raise InvalidRequest(f"{name!r} is no model name: use letters, digits, '.', '_' and '-', at most 100")
    if name in TAKEN:
        raise InvalidRequest(f"{name!r} is no model's name, as GET /router/{name} is taken: choose another")


def _digest(data: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in data.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
