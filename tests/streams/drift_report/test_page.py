"""The page that an analyst opens: what it says and draws, from what the monitor told."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace as changed

from agents.drift_messages import window_record
from models.drift import DriftState, Rules, Sketch, Window, advance, judge
from schemas.drift_events import Bin, encode_drift, read_drift
from schemas.drift_windows import Bins, encode_window, read_window
from streams.drift_report.page import page
from streams.drift_report.shown import shown
from streams.drift_report.svg import nice_top, number, percent, time_ticks
from tests.agents.alerts import RESULT, event
from tests.streams.drift_report.windows import DRIFTING, NOON, ROWS, heard, reference, reported, values

LIFE = (0.0, 1.0, 3.0, 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def lines() -> Sequence[tuple[str, bytes]]:
    return list(values(LIFE))


def cards(html: str) -> list[str]:
    return re.findall(r'<section class="card">.*?</section>', html, re.DOTALL)


def pictures(html: str) -> list[str]:
    return re.findall(r"<svg.*?</svg>", html, re.DOTALL)


def test_of_steps_of_one_moment_each_is_drawn(lines: Sequence[tuple[str, bytes]]) -> None:
    """Two windows that end in the same ten seconds may each make a drift worse."""
    worse = [read_drift(value) for kind, value in lines if kind == "event"][1]
    again = ("event", encode_drift(changed(worse, windows=worse.windows + 1)))
    [span] = heard([*lines, again]).spans("v1")
    assert span.worsened == (worse.timestamp, worse.timestamp)


def test_a_drift_that_is_over_is_marked_from_its_opening_to_its_end(lines: Sequence[tuple[str, bytes]]) -> None:
    html = page(reported(heard(lines)))
    assert "Nothing drifts" in html
    first = cards(html)[0]
    assert f"<h3>{DRIFTING}</h3>" in first
    for phase, at in (("opened", "12:02:00"), ("worsened", "12:03:00"), ("resolved", "12:05:00")):
        assert f"<title>{phase} 2026-03-01 {at} UTC, critical</title>" in first
    assert 'class="episode critical"' in first
    assert "2026-03-01 12:05:00" in html.split("Episodes")[1].split("</table>")[0]


def test_what_drifts_now_is_said_first(lines: Sequence[tuple[str, bytes]]) -> None:
    html = page(reported(heard(lines[:5])))
    assert re.search(rf"Drifting now: <b>{DRIFTING}</b> <span class=\"pill critical\">critical</span>\.", html)
    assert "goes on" in html


def test_every_feature_has_a_row_a_histogram_and_its_psi(lines: Sequence[tuple[str, bytes]]) -> None:
    report = reported(heard(reversed(lines)))
    html = page(report)
    assert f"12:05:00 to 2026-03-01 12:06:00 UTC, {ROWS} rows" in html
    assert len(cards(html)) == len(report.features) == 22
    for card in cards(html):
        assert len(pictures(card)) == 2
        assert card.count('class="dot"') == len(LIFE)
    assert html.split("The last window")[1].split("</table>")[0].count("<tr") == 23


def test_the_histogram_shows_the_last_windows_shares(lines: Sequence[tuple[str, bytes]]) -> None:
    report = reported(heard(lines[:5]))
    one = report.features[0]
    assert one.at == NOON + timedelta(minutes=3)
    assert one.bins is not None
    share = max(one.bins.current) / sum(one.bins.current)
    assert f"{percent(share)} of the window" in cards(page(report))[0]


def test_a_window_without_histograms_is_drawn_from_its_drift_event(lines: Sequence[tuple[str, bytes]]) -> None:
    bare = [(kind, _without_bins(value) if kind == "window" else value) for kind, value in lines[:5]]
    [drifted, *others] = reported(heard(bare)).features
    assert drifted.bins is not None
    assert sum(drifted.bins.current) == 1000
    assert all(one.bins is not None and sum(one.bins.current) == 0 for one in others)


def test_a_drift_event_of_a_text_is_drawn_without_a_window() -> None:
    events = [line for line in values([2.0], feature="payment_method") if line[0] == "event"]
    told = heard(events)
    [one] = shown(None, [], told.spans("v1"), None)
    assert one.bins is not None
    assert one.bins.labels == ("bank_transfer", "credit_card", "debit_card", "gift_card", "paypal")
    assert "bank_transfer" in page(replace(reported(told), features=[one]))


def test_of_a_drift_event_of_very_many_categories_all_others_are_drawn_together() -> None:
    bins = (Bin("category", 90, 10, label="card"), Bin("category", 7, 60), Bin("unseen", 3, 30))
    said = event(feature="city", model="churn", drift_result=changed(RESULT, bins=bins))
    [one] = shown(None, [], heard([("event", encode_drift(said))]).spans(said.model_version), None)
    assert one.bins == Bins((90, 7, 3), (10, 60, 30), labels=("card",))


def test_a_concept_that_drifts_has_a_card_with_wrong_answers_before_and_since(
    lines: Sequence[tuple[str, bytes]],
) -> None:
    bins = (Bin("category", 900, 300, label="right"), Bin("category", 100, 200, label="wrong"))
    result = changed(RESULT, effect=0.3, bins=bins, test="adwin", p_value=None)
    said = event(subject="concept", feature="error (served)", model="churn", drift_result=result)
    html = page(reported(heard([*lines, ("event", encode_drift(said))])))
    [card] = [card for card in cards(html) if "error (served)" in card]
    assert "wrong answers rose by 30 points" in card
    assert "wrong: 40% of the window" in card
    assert "10% → 40%" in card
    assert len(pictures(card)) == 1
    assert html.split("All features over time")[1].split("Episodes")[0].count("error (served)") == 0


def test_an_outlier_rate_that_is_high_has_a_card_of_its_own(lines: Sequence[tuple[str, bytes]]) -> None:
    bins = (Bin("category", 990, 880, label="usual"), Bin("category", 10, 120, label="outlier"))
    result = changed(RESULT, effect=0.12, bins=bins, test="binomial")
    said = event(subject="outliers", feature="outlier rate", model="churn", drift_result=result)
    html = page(reported(heard([*lines, ("event", encode_drift(said))])))
    [card] = [card for card in cards(html) if "outlier rate" in card]
    assert "12% of the rows are outliers" in card
    assert "training data against the window" in card
    assert len(pictures(card)) == 1
    assert html.split("All features over time")[1].split("Episodes")[0].count("outlier rate") == 0


def test_a_window_or_event_that_comes_again_counts_once(lines: Sequence[tuple[str, bytes]]) -> None:
    assert page(reported(heard([*lines, *lines[2:4]]))) == page(reported(heard(lines)))


def test_before_the_first_window_it_says_how_full_it_is_and_draws_the_training_data() -> None:
    html = page(reported(heard([]), waiting=(340, 1000)))
    assert "No window yet: 340 of 1000 rows have come (34%)" in html
    assert len(cards(html)) == 22
    assert 'class="reference"' in html
    assert "PSI of each window" not in html


def test_a_window_of_a_model_without_a_reference_says_so(lines: Sequence[tuple[str, bytes]]) -> None:
    window = read_window(lines[0][1])
    bare = changed(window, outcome="no_reference", features=(), threshold=None, smallest_p=None)
    told = heard([("window", encode_window(bare))])
    assert "no reference to hold this version against" in page(reported(told))


def test_a_window_of_nothing_but_missing_values_is_drawn() -> None:
    sketch = Sketch(reference())
    sketch.rows, sketch.counts[sketch.layout.missing] = 1000, 1000
    window, verdict = Window("0@0", NOON, NOON), judge(reference(), sketch, Rules())
    _, events = advance(DriftState("churn", "v1"), window, verdict, Rules())
    record = window_record("drift-windows", ("churn", "v1"), window, verdict, 0)
    told = heard([("window", record.value or b""), *(("event", encode_drift(event)) for event in events)])
    html = page(reported(told))
    assert len(events) == html.count("goes on") == 22
    assert html.count("no value in the window") == html.count("all missing") == 22


def test_nothing_is_fetched_and_every_picture_is_whole(lines: Sequence[tuple[str, bytes]]) -> None:
    html = page(reported(heard(lines)))
    assert "default-src 'none'" in html
    assert not re.search(r"<script|<link|<img|\ssrc=|\shref=|url\(|@import", html)
    assert not re.search(r"\b(nan|inf|None)\b", html)
    for picture in pictures(html):
        ElementTree.fromstring(picture)


def test_names_are_text_whatever_they_hold(lines: Sequence[tuple[str, bytes]]) -> None:
    window = read_window(lines[0][1])
    features = (changed(window.features[0], feature="<script>x</script>&\"'"), *window.features[1:])
    told = heard([("window", encode_window(changed(window, features=features)))])
    html = page(replace(reported(told), version="<b>v1</b>"))
    assert "<script>" not in html
    assert "<b>v1</b>" not in html
    assert "&lt;script&gt;x&lt;/script&gt;&amp;" in html


def test_a_month_of_windows_makes_no_larger_page_than_a_day(lines: Sequence[tuple[str, bytes]]) -> None:
    window = read_window(lines[0][1])
    told = heard(
        ("window", encode_window(changed(window, window=f"0@{i}", end=NOON + timedelta(minutes=i))))
        for i in range(3000)
    )
    html = page(reported(told))
    assert len(html) < 1_000_000
    assert "3000, 3000000 rows" in html


def test_what_is_no_window_and_no_event_is_counted() -> None:
    told = heard([("window", b"{"), ("event", b"[]")])
    assert told.unread == 2


def test_windows_of_other_models_are_not_this_ones(lines: Sequence[tuple[str, bytes]]) -> None:
    other = encode_window(changed(read_window(lines[0][1]), model="fraud"))
    told = heard([("window", other)])
    assert (told.versions, told.others) == ([], {"fraud"})


@pytest.mark.parametrize(("value", "written"), [
    (0.0, "0"), (-1.4e-45, "0"), (0.00012345, "0.000123"), (3.2e-7, "3.2e-07"), (0.5, "0.5"), (12.34, "12.3"),
    (9999.0, "9999"), (12345.0, "12.3k"), (4.5e6, "4.5M"), (2e9, "2G"), (-33210.0, "-33.2k"),
])  # fmt: skip
def test_numbers_are_written_in_three_digits(value: float, written: str) -> None:
    assert number(value) == written


@pytest.mark.parametrize(("value", "top"), [(0.1, 0.1), (0.11, 0.2), (0.21, 0.25), (0.3, 0.5), (0.6, 1.0), (7.0, 10.0)])
def test_an_axis_ends_at_a_round_number(value: float, top: float) -> None:
    assert nice_top(value) == pytest.approx(top)


@pytest.mark.parametrize("minutes", [0.5, 3, 45, 60 * 5, 60 * 24 * 3, 60 * 24 * 30, 60 * 24 * 400])
def test_times_are_ticked_at_round_moments(minutes: float) -> None:
    first = datetime.fromisoformat("2026-03-01T12:34:56+01:00")
    last = first + timedelta(minutes=minutes)
    ticks = time_ticks(first, last)
    assert 1 <= len(ticks) <= 6
    assert all(first <= moment <= last for moment, _ in ticks)
    assert len({after[0] - before[0] for before, after in pairwise(ticks)}) <= 1


def _without_bins(value: bytes) -> bytes:
    window = read_window(value)
    return encode_window(changed(window, features=tuple(changed(one, bins=None) for one in window.features)))
