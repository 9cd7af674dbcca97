"""The model card: what it says and draws."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from models.bundle import read_bundle
from models.retraining import Order, Report, judge, retrain
from streams.drift_report.svg import number
from streams.model_card.page import page
from tests.models.conftest import trained
from tests.models.retraining.conftest import drifted


@pytest.fixture(scope="module")
def report() -> Report:
    champion = read_bundle(trained()["logistic_regression"])
    return retrain(drifted(800, seed=1), champion, Order(algorithms=("logistic_regression",), least_f1=0.5)).report


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def test_it_says_whether_the_gate_opened_and_why_not(report: Report) -> None:
    assert f"It passed the gate: F1 {number(report.verdict.f1)}" in text_of(page(report))
    refused = replace(report, verdict=judge({"f1": 0.5}, {"f1": 0.6}, 0.85))
    assert "It did not pass the gate: F1 0.5000 is below the least, 0.85; F1 0.5000 is not" in text_of(page(refused))


def test_it_says_how_sure_that_is(report: Report) -> None:
    shown, sure = text_of(page(report)), report.sureness
    assert f"F1 is {number(sure.f1[0])} to {number(sure.f1[1])}" in shown
    assert f"of 160 rows {sure.positives} are positive" in shown
    assert "may be chance" not in shown
    unsure = replace(report, sureness=replace(sure, gain=(-0.1, 0.2)))
    assert "Which of the two is better may be chance." in text_of(page(unsure))


def test_of_equal_figures_neither_is_better(report: Report) -> None:
    assert "F1 0.5 0.5 precision" in text_of(
        page(replace(report, candidate=report.candidate | {"f1": 0.5}, champion=report.champion | {"f1": 0.5}))
    )


def test_it_has_the_figures_of_both_and_what_it_learned_from(report: Report) -> None:
    shown = text_of(page(report))
    for measure, label in (("f1", "F1"), ("roc_auc", "ROC AUC"), ("brier", "Brier score")):
        assert f"{label} {number(report.candidate[measure])} {number(report.champion[measure])} candidate" in shown
    assert f"digest of the rows {report.digest[:16]}" in shown
    assert f"champion {report.champion_version}" in shown


def test_its_pictures_are_whole_and_end_in_their_corners(report: Report) -> None:
    pictures = re.findall(r"<svg.*?</svg>", page(report), re.DOTALL)
    assert [ElementTree.fromstring(one).get("aria-label") for one in pictures] == [
        "ROC curves", "Calibration", "Importance of features",
    ]  # fmt: skip
    curves = [one.get("points", "").split() for one in ElementTree.fromstring(pictures[0]).iter("polyline")]
    assert len(curves) == 2
    assert {(curve[0], curve[-1]) for curve in curves} == {("44.0,336.0", "366.0,24.0")}
    bars = list(ElementTree.fromstring(pictures[2]).iter("rect"))
    assert len(bars) == 15


def test_names_are_no_markup_and_nothing_is_asked_of_a_network(report: Report) -> None:
    odd = replace(report, model="<b>&", slices=[replace(report.slices[0], feature="<script>", part='"x"', worse=True)])
    html = page(odd)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert not re.search(r"(src|href|url)\s*[=(]", html)
    assert "<tr class=drifted>" in html
