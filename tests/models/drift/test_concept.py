"""Concept drift detectors on streams of errors and losses drawn from seeds."""

import json

import numpy as np
import pytest

from models.drift.concept import KINDS, MOST, ConceptDetector
from models.signature import FloatVector
from schemas.errors import InvalidRequest

ONSET = 3000
LATEST = {"adwin": 400, "page_hinkley": 400, "kswin": 600}
"""Values until errors that double, from 20 % to 40 %, are found."""


def errors(rate: float, count: int, seed: int) -> FloatVector:
    return (np.random.default_rng(seed).random(count) < rate).astype(np.float64)


def losses(count: int, seed: int) -> FloatVector:
    """Brier losses of a calibrated model."""
    random = np.random.default_rng(seed)
    scores = random.beta(1, 2, count)
    return (scores - (random.random(count) < scores)) ** 2


def changing(seed: int) -> FloatVector:
    return np.concatenate([errors(0.2, ONSET, seed), errors(0.4, 1000, seed + 1000)])


def runs(name: str) -> range:
    return range(6 if name == "kswin" else 20)


@pytest.mark.no_cover
@pytest.mark.contract("D5")
@pytest.mark.parametrize("name", KINDS)
def test_false_alarms_are_rare_where_nothing_changes(name: str) -> None:
    """At most one in 20 000 values, errors of few and of many and losses together."""
    streams = [stream for seed in runs(name) for stream in (errors(0.2, 5000, seed), losses(5000, seed))]
    streams += [errors(share, 5000, seed) for seed in runs(name) for share in (0.35, 0.5)]
    found = sum(len(ConceptDetector(name).update(stream)) for stream in streams)
    assert found <= sum(map(len, streams)) / 20_000


@pytest.mark.no_cover
@pytest.mark.contract("D5")
@pytest.mark.parametrize("name", KINDS)
def test_errors_that_double_are_found_soon(name: str) -> None:
    for seed in runs(name):
        first, *_ = ConceptDetector(name).update(changing(seed))
        assert ONSET <= first.place < ONSET + LATEST[name]


@pytest.mark.no_cover
@pytest.mark.parametrize("name", KINDS)
def test_a_detection_says_since_when_and_how_much_worse(name: str) -> None:
    off, after = [], []
    for seed in runs(name):
        first, *_ = ConceptDetector(name).update(changing(seed))
        assert first.detector == name
        assert first.before == pytest.approx(0.2, abs=0.03)
        off.append(first.since - ONSET)
        after.append(first.after)
    assert np.median(after) == pytest.approx(0.4, abs=0.05)
    assert np.median(np.abs(off)) < 50
    assert max(np.abs(off)) < 400


@pytest.mark.no_cover
@pytest.mark.parametrize("name", KINDS)
def test_a_model_that_gets_better_changes_too(name: str) -> None:
    found = ConceptDetector(name).update(np.concatenate([errors(0.5, ONSET, 1), errors(0.2, 1000, 2)]))
    assert found
    assert found[0].after < found[0].before


@pytest.mark.no_cover
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("cut", [1, 777, ONSET + 40, 4500])
def test_one_that_is_written_out_and_read_back_goes_on_as_if_it_had_not_stopped(name: str, cut: int) -> None:
    stream = np.concatenate([changing(5), errors(0.2, 2000, 6)])
    whole, begun = ConceptDetector(name), ConceptDetector(name)
    found = begun.update(stream[:cut])
    resumed = ConceptDetector.from_json(json.loads(json.dumps(begun.to_json())))
    assert found + resumed.update(stream[cut:]) == whole.update(stream)
    assert resumed.to_json() == whole.to_json()


@pytest.mark.parametrize("name", KINDS)
def test_how_a_stream_is_cut_into_batches_is_of_no_account(name: str) -> None:
    detector = ConceptDetector(name)
    found = [change for part in np.array_split(changing(7), 57) for change in detector.update(part)]
    assert found == ConceptDetector(name).update(changing(7))


def test_the_state_stays_bounded_and_knows_changes_after_any_number_of_values() -> None:
    detector = ConceptDetector("adwin")
    for seed in range(5):
        assert detector.update(errors(0.2, 3000, seed)) == []
        assert MOST // 2 <= len(detector.to_json()["values"]) < MOST
    [first, *_] = detector.update(errors(0.4, 600, 9))
    assert 15_000 <= first.place < 15_000 + LATEST["adwin"]
    assert abs(first.since - 15_000) < 400
    assert len(detector.to_json()["values"]) == 15_600 - first.place - 1


@pytest.mark.parametrize("name", KINDS)
def test_what_is_no_number_is_passed_over(name: str) -> None:
    stream = changing(3)
    spoilt = np.insert(stream, range(0, len(stream), 7), np.nan)
    spoilt = np.insert(spoilt, 5, np.inf)
    assert ConceptDetector(name).update(spoilt) == ConceptDetector(name).update(stream)


@pytest.mark.parametrize("name", KINDS)
def test_nothing_and_a_constant_change_nothing(name: str) -> None:
    detector = ConceptDetector(name)
    assert detector.update(np.empty(0)) == []
    assert detector.update(np.full(5000, 0.25)) == []
    assert detector.seen == 5000


def test_an_unknown_detector_is_told_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="unknown concept drift detector 'ddm': choose one of adwin, page_hinkley"):
        ConceptDetector("ddm")
