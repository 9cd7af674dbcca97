"""Each row teaches a learner once, by the first truth that was told of it, whoever was stopped when."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from agents.learn import Features, learned, lessons, resumed, rows_of
from models.bundle import Bundle, read_bundle
from models.churn import CHURN
from models.online import OnlineLearner
from models.prequential import WINDOW
from models.training import encoded
from schemas.errors import InvalidRequest, NotEnoughData
from schemas.wire import decode, encode
from tests.agents.lessons import Log, parts
from tests.models.conftest import trained
from tests.models.retraining.conftest import drifted

ROWS = 300


@pytest.fixture(scope="module")
def champion() -> Bundle:
    return read_bundle(trained()["logistic_regression"])


def taught(
    champion: Bundle, batches: Sequence[Sequence[bytes]], features: Features, kept: str | None = None
) -> tuple[str, Counter[str]]:
    """What is kept of a learner that is stopped after each batch, and all that it counted."""
    counts = Counter[str]()
    for values in batches:
        pupil = resumed(champion, kept)
        rows, passed = rows_of("churn", values)
        known = {key: features[key] for key in lessons(rows) if key in features}
        counts += passed + pupil.learn(rows, known)
        kept = pupil.kept()
    assert kept is not None
    return kept, counts


@pytest.mark.contract("F4")
@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_repeated_and_however_often_it_is_stopped_a_learner_is_as_if_it_never_was(
    champion: Bundle, seed: int
) -> None:
    log, rows = Log(seed, ROWS), drifted(ROWS, seed)
    expected, counts = taught(champion, [log.values], log.features)
    assert counts["learned"] == ROWS
    learner = OnlineLearner(CHURN)
    scores = learner.learn(encoded(rows.frame, CHURN), rows.truth)
    pupil = resumed(champion, expected)
    assert pupil.learner.kept() == learner.kept(), "once each, by the first truth"
    assert pupil.latest.scores == scores.tolist()
    assert pupil.latest.champion == champion.score(encoded(rows.frame, CHURN)).tolist()
    repeated = log.repeated()
    again, counts = taught(champion, parts(repeated, Random(seed)), log.features)
    assert again == expected
    assert counts["repeated"] == len(repeated) - len(log.values)


@pytest.mark.contract("F4")
def test_what_is_no_teacher_is_counted_by_its_reason_and_changes_nothing(champion: Bundle) -> None:
    log, other = Log(1, ROWS), Log(2, 5, model="fraud")
    plain, _ = taught(champion, [log.values], log.features)
    late = Log(1, ROWS)
    late.add("r-gone", 1, "v1")
    strange: list[Any] = [
        None, "text", [], {}, {"email_open_rate": 0.5}, {**late.features["r-1", 0], "email_open_rate": 1.5},
        {**late.features["r-1", 0], "total_orders": True}, {**late.features["r-1", 0], "total_revenue": float("nan")},
        {**late.features["r-1", 0], "total_revenue": 10**400}, {**late.features["r-1", 0], "unknown": 1},
    ]  # fmt: skip
    for number, features in enumerate(strange):
        late.add(f"r-strange-{number}", 1, "v1")
        late.features[f"r-strange-{number}", 0] = features
    noise = [b"", b"{", b"[1]", b"\xff", encode({"model": "churn"}), b"1" * 100]
    kept, counts = taught(champion, [*zip(late.values, strict=True), other.values, noise], late.features)
    roles = Counter(decode(value)["role"] for value in log.values)
    revised = sum(decode(value)["former_label"] is not None for value in log.values)
    assert counts == {
        "learned": ROWS, "copy": roles["shadow"], "revised": revised, "gone": 1, "unfit": len(strange),
        "other_model": len(other.values), "not_a_labelled_prediction": len(noise),
    }  # fmt: skip
    one, two = resumed(champion, kept), resumed(champion, plain)
    assert (one.learner.kept(), one.latest, one.scored_ms) == (two.learner.kept(), two.latest, two.scored_ms)


def test_a_row_whose_truth_came_while_it_was_skipped_is_learned_then(champion: Bundle) -> None:
    log = Log(3, 20)
    late = log.values.pop(2)
    _, counts = taught(champion, [[*log.values, late]], log.features)
    assert counts["learned"] + counts["repeated"] == 20
    assert counts["repeated"] == 0


def test_a_database_that_was_made_anew_counts_from_its_beginning(champion: Bundle) -> None:
    log, anew = Log(4, 30), [encode({**decode(value), "series": "s2"}) for value in Log(4, 30).values]
    _, counts = taught(champion, [log.values, anew], log.features)
    assert counts["learned"] == 60


@pytest.mark.contract("F4")
def test_another_champion_of_the_same_signature_is_who_it_is_held_against_from_there_on(
    champion: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log(5, ROWS)
    kept, _ = taught(champion, [log.values], log.features)
    promoted = replace(champion, manifest=replace(champion.manifest, version="promoted"))
    with caplog.at_level(logging.INFO, "weir.learn"):
        pupil = resumed(promoted, kept)
    assert pupil.learner.kept() == resumed(champion, kept).learner.kept()
    assert pupil.latest.truth == []
    assert pupil.learn(*_rows(log)) == {"repeated": len(log.values)}
    assert "churn promoted is the champion now" in caplog.text


@pytest.mark.contract("F4")
def test_another_signature_has_a_learner_of_its_own_and_repeats_teach_it_nothing(
    champion: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log(6, ROWS)
    kept, _ = taught(champion, [log.values], log.features)
    fewer = replace(CHURN, features=CHURN.features[1:])
    other = replace(champion, manifest=replace(champion.manifest, signature=fewer))
    pupil = resumed(other, kept)
    assert (pupil.learner.rows, pupil.learner.signature, pupil.scored_ms) == (0, fewer, None)
    assert pupil.learn(*_rows(log)) == {"repeated": len(log.values)}
    assert "another signature: its learner begins anew" in caplog.text


@pytest.mark.parametrize("kept", ["", "{}", "[", '{"weights": 1}', "null", "\ud800"])
def test_what_is_no_state_is_told_and_begun_anew(champion: Bundle, kept: str, caplog: pytest.LogCaptureFixture) -> None:
    assert resumed(champion, kept).learner.rows == 0
    assert "cannot be read, its learner begins anew" in caplog.text


def test_a_state_whose_weights_are_too_few_is_begun_anew(champion: Bundle) -> None:
    kept, _ = taught(champion, [Log(7, 30).values], Log(7, 30).features)
    state = decode(kept.encode())
    state["weights"]["weights"] = state["weights"]["weights"][1:]
    assert resumed(champion, encode(state).decode()).learner.rows == 0


def test_only_binary_models_are_learned(champion: Bundle) -> None:
    signature = replace(CHURN, classes=("a", "b", "c"), task="multiclass")
    manifest = replace(champion.manifest, signature=signature, threshold=None)
    with pytest.raises(InvalidRequest, match="is of task multiclass: only binary is learned"):
        resumed(replace(champion, manifest=manifest), None)


def test_rows_without_an_answer_of_the_champion_teach_and_are_no_comparison(champion: Bundle) -> None:
    class Silent:
        def score(self, matrix: Any) -> Any:
            return champion.score(matrix) * float("nan")

    pupil = resumed(replace(champion, scorer=Silent()), None)
    assert pupil.learn(*_rows(Log(8, 50)))["learned"] == 50
    assert pupil.latest.truth == []


@pytest.mark.contract("F4")
def test_what_is_to_be_judged_has_enough_rows_of_both_kinds(champion: Bundle) -> None:
    log = Log(9, ROWS)
    kept, _ = taught(champion, [log.values], log.features)
    came = learned(champion, kept, ROWS)
    assert (came.learner.rows, len(came.latest.truth), came.champion_version) == (ROWS, ROWS, champion.version)
    assert came.window[0] < came.window[1]
    with pytest.raises(NotEnoughData, match=f"{ROWS} labelled rows found, {ROWS + 1} needed"):
        learned(champion, kept, ROWS + 1)
    promoted = replace(champion, manifest=replace(champion.manifest, version="promoted"))
    with pytest.raises(NotEnoughData, match=f"0 labelled rows found, {ROWS} needed"):
        learned(promoted, kept, ROWS)
    state = decode(kept.encode())
    state["weights"]["rows"] = 3 * WINDOW
    state["latest"] = {name: (values * 9)[:WINDOW] for name, values in state["latest"].items()}
    assert learned(champion, encode(state).decode(), 3 * WINDOW).learner.rows == 3 * WINDOW


def _rows(log: Log) -> Any:
    return rows_of("churn", log.values)[0], log.features


def test_without_lessons_nothing_is_learned(champion: Bundle) -> None:
    pupil = resumed(champion, None)
    before = pupil.kept()
    assert (pupil.learn([], {}), pupil.kept()) == ({}, before)
