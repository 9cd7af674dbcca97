from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from models.bundle import GRAPH, OUTLIERS, Bundle, derived_version, read_bundle, write_bundle
from models.churn import CHURN
from models.features import encode
from models.simulate import customer_rows

Files = dict[str, bytes]

ROWS = customer_rows(1024, seed=5)
MATRIX = encode(CHURN, ROWS).matrix


@pytest.mark.contract("R4")
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 500])
def test_a_row_scores_bit_for_bit_alike_whatever_shares_its_batch(bundle: Bundle, size: int) -> None:
    whole = bundle.score(MATRIX)
    parts = [bundle.score(MATRIX[i : i + size]) for i in range(0, len(MATRIX), size)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.contract("R4")
def test_neighbours_and_position_do_not_matter(bundle: Bundle) -> None:
    whole = bundle.score(MATRIX)
    order = np.random.default_rng(0).permutation(len(MATRIX))
    assert bundle.score(MATRIX[order]).tobytes() == whole[order].tobytes()
    assert bundle.score(np.ascontiguousarray(MATRIX[::-1])).tobytes() == whole[::-1].tobytes()


@pytest.mark.contract("R4")
def test_key_order_does_not_change_the_score(bundle: Bundle) -> None:
    turned = encode(CHURN, [dict(sorted(row.items())) for row in ROWS[:50]]).matrix
    assert bundle.score(turned).tobytes() == bundle.score(MATRIX[:50]).tobytes()


def test_no_rows_score_to_nothing(bundle: Bundle) -> None:
    assert bundle.score(MATRIX[:0]).shape == (0,)


@pytest.mark.contract("R5")
def test_probabilities_are_float64_within_0_and_1_and_pairs_sum_to_1(bundle: Bundle) -> None:
    positive = bundle.score(MATRIX)
    assert positive.dtype == np.float64
    assert ((positive >= 0) & (positive <= 1)).all()
    assert ((1 - positive) + positive == 1).all()


@pytest.mark.contract("R5")
def test_the_label_is_positive_from_the_threshold_on(files: Files) -> None:
    bundle = read_bundle(files)
    around = np.array([np.nextafter(bundle.threshold, 0), bundle.threshold, 1.0])
    assert bundle.labels(around) == [0, 1, 1]


@pytest.mark.contract("R2")
def test_an_unseen_category_is_scored(bundle: Bundle) -> None:
    encoded = encode(CHURN, [ROWS[0] | {"payment_method": "seashells"}])
    assert np.isfinite(bundle.score(encoded.matrix)).all()


def test_a_bundle_says_what_it_is(files: Files) -> None:
    bundle = read_bundle(files)
    assert (bundle.name, bundle.target, bundle.signature) == ("churn", "churn", CHURN)
    assert bundle.version == derived_version(bundle.manifest.training.trained_at, files[GRAPH])


def test_versions_sort_by_time_wherever_the_trainer_stood() -> None:
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    earlier = datetime(2026, 11, 24, 13, 59, tzinfo=timezone(timedelta(hours=2)))
    assert derived_version(noon, b"a").startswith("20261124-120000-")
    assert derived_version(earlier, b"b") < derived_version(noon, b"a")
    assert derived_version(noon, b"a") != derived_version(noon, b"b")


def test_writing_what_was_read_gives_the_same_bytes(files: Files) -> None:
    assert write_bundle(read_bundle(files).manifest, files[GRAPH], detector=files[OUTLIERS]) == files
