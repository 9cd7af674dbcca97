from datetime import UTC, datetime

from models.manifest import Manifest, Training
from models.signature import Feature, Signature

WINDOW = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))

MANIFEST = Manifest(
    name="m",
    version="v1",
    threshold=0.4,
    algorithm="logistic_regression",
    signature=Signature((Feature("x", "float"),), target="y", classes=("no", "yes")),
    training=Training(datetime(2026, 3, 2, tzinfo=UTC), rows=100, seed=1, window=WINDOW),
    metrics={"roc_auc": 0.9},
    profile={"x": {"mean": 1.0}},
    smoke=(0.1, 0.2),
    libraries={"numpy": "2"},
)


def test_a_sealed_manifest_survives_its_bytes() -> None:
    sealed = MANIFEST.sealed()
    assert Manifest.from_bytes(sealed.to_bytes()) == sealed


def test_a_training_without_a_window_survives_json() -> None:
    training = Training(datetime(2026, 3, 2, tzinfo=UTC), rows=100, seed=1)
    assert Training.from_json(training.to_json()) == training


def test_the_same_manifest_has_the_same_digest_and_another_has_another() -> None:
    assert MANIFEST.sealed().digest == MANIFEST.sealed().sealed().digest
    assert Manifest(**{**vars(MANIFEST), "threshold": 0.5}).sealed().digest != MANIFEST.sealed().digest


def test_target_and_classes_stand_at_the_top_of_the_json() -> None:
    data = MANIFEST.to_json()
    assert (data["target"], data["classes"], data["format"]) == ("y", ["no", "yes"], 1)
