"""docs/evidence.md: its example and its defaults are what Weir says."""

import re
from pathlib import Path
from typing import get_args

import pytest

from models.evidence import Pairs, Verdict
from models.evidence.sample_ratio import ALPHA
from models.evidence.verdict import Result
from models.routing.base import Measure
from schemas.routes import Thresholds
from tests.models.evidence.tallies import CHALLENGE, SPLIT, judged, served, tried
from tests.models.routing.plans import usual

PAGE = (Path(__file__).parents[3] / "docs/evidence.md").read_text()
CANARY_SAYS = judged(usual("canary", 0.1), SPLIT, served(2000, 26, slow=44), served(18_000, 180, slow=360))
CHALLENGER_SAYS = judged(
    CHALLENGE,
    ("errors", "loss"),
    tried(6000, {"errors": Pairs(6000, 0, 12, 12), "loss": Pairs(2500, 375.0, 335.0, 25.0)}),
    served(6000),
)


def table(verdict: Verdict) -> str:
    """The page's rows of a verdict."""
    rows = []
    for finding in verdict.findings:
        found = finding.difference
        numbers = (found.champion, found.candidate, found.seen, found.low, found.high)
        cells = [f"`{finding.measure}`", *(f"{number:.4f}" for number in numbers), f"{finding.margin:g}", finding.says]
        rows.append(f"| {' | '.join(cells)} |\n")
    return "".join(rows)


@pytest.mark.parametrize("verdict", [CANARY_SAYS, CHALLENGER_SAYS], ids=["canary", "challenger"])
def test_the_examples_are_what_is_judged(verdict: Verdict) -> None:
    assert verdict.outcome == "promote"
    assert table(verdict) in PAGE


def test_the_example_with_few_labels_is_held() -> None:
    verdict = judged(CHALLENGE, ("loss",), tried(6000, {"loss": Pairs(600, 90.0, 80.4, 6.0)}))
    [loss] = verdict.findings
    assert (verdict.outcome, loss.says) == ("hold", "open")
    assert f"`loss` lies between {loss.difference.low:.4f} and {loss.difference.high:.4f}" in PAGE


def test_the_page_has_every_outcome_and_every_measure_with_its_margin() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE)
    assert rows[:8] == [*get_args(Result), *get_args(Measure)]
    margins = re.findall(r"\| `(\w+)`, ([\d.]+)", PAGE)
    assert {name: float(margin) for name, margin in margins} == {
        name: getattr(Thresholds(), name) for name in ("error_ratio", "slow", "disagreement", "loss")
    }
    assert f"`alpha` ({Thresholds().alpha})" in PAGE
    assert f"`p_value` is {ALPHA}" in PAGE
