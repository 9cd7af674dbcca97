from pathlib import Path

from infra import artifacts
from models.bundle import read_bundle
from models.publishing import bundled
from streams.bundles import BundleStore
from tests.models.graphs import NOW, declared, looked_up


def test_a_model_that_fails_on_rows_that_its_signature_refuses_is_served(tmp_path: Path) -> None:
    features = [{"name": "place", "type": "int", "minimum": 100, "maximum": 108}]
    features += [{"name": name, "type": "float", "minimum": 0, "maximum": 1} for name in ("b", "c")]
    graph = looked_up(100, 9).SerializeToString()
    files = bundled(graph, declared("binary", features=features), name="m", published_at=NOW)
    version, store = read_bundle(files).version, f"file://{tmp_path}"
    artifacts.publish(store, "m", version, files)
    assert BundleStore(store).load("m", version).version == version
