"""Whether a candidate may take over, by what traffic and labels have shown so far."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from models.evidence.differences import Difference, difference
from models.evidence.sample_ratio import SampleRatio, sample_ratio
from models.evidence.tally import ArmTally
from models.routing.base import Measure
from schemas.routes import Arm, RoutePlan, Thresholds

Result = Literal["promote", "hold", "roll_back", "inconclusive"]
Says = Literal["within", "past", "open", "too_few"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One measure of a candidate beside its champion's.

    margin: by how much it may be worse. says: `within` it or `past` it, as was shown; `open` is neither so far;
    `too_few` samples for the plan's thresholds.
    """

    measure: Measure
    difference: Difference
    margin: float
    says: Says

    def to_json(self) -> dict[str, Any]:
        numbers = {**asdict(self.difference), "difference": self.difference.seen}
        return {"measure": self.measure, **numbers, "margin": self.margin, "says": self.says}

    def __str__(self) -> str:
        found = self.difference
        beside = "" if self.measure == "disagreement" else f" against {found.champion:.4f}"
        seen = f"{self.measure} {found.candidate:.4f}{beside}"
        return f"{seen} (difference {found.low:.4f} to {found.high:.4f}, {self.margin:g} allowed)"


@dataclass(frozen=True, slots=True)
class Verdict:
    """outcome: `promote` where each measure was shown to be within its margin; `roll_back` where one was shown to be
    past it; `inconclusive` where there is too little or the arms are not as planned; else `hold`. reason: for people.
    """

    outcome: Result
    reason: str
    champion: str
    candidate: str
    alpha: float
    findings: tuple[Finding, ...] = ()
    sample_ratio: SampleRatio | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON values for an event: no number in them is infinite or none."""
        ratio = self.sample_ratio
        return {
            "outcome": self.outcome,
            "reason": self.reason,
            "champion": self.champion,
            "candidate": self.candidate,
            "alpha": self.alpha,
            "findings": [finding.to_json() for finding in self.findings],
            "sample_ratio": None if ratio is None else {**asdict(ratio), "fits": ratio.fits},
        }


def judge(plan: RoutePlan, version: str, tallies: Mapping[str, ArmTally], needs: Sequence[Measure]) -> Verdict:
    """The verdict on the arm of this version beside the plan's champion, at any number of looks.

    tallies: by arm; one that is missing did nothing. needs: the strategy's. For a promotion every measure must be shown
    to be within its margin, so each may err with the same alpha; for a rollback one is enough, so they share it. The
    plan's alpha is for all its candidates together. Raises ValueError where no arm has the version.
    """
    alpha = plan.thresholds.alpha
    if version == plan.champion.version and version not in [arm.version for arm in plan.arms[1:]]:
        return Verdict("promote", "it is the champion: nothing has to be shown", version, version, alpha)
    champion, candidate = plan.champion, _candidate(plan, version)
    ours, its = (tallies.get(arm.name, ArmTally(arm.name, arm.version)) for arm in (candidate, champion))
    findings = tuple(_findings(its, ours, plan.thresholds, needs, alpha / (len(plan.arms) - 1)))
    ratio = _sample_ratio(plan, tallies)
    outcome, reason = _judged(findings, ratio, ours, plan.thresholds)
    return Verdict(outcome, reason, champion.version, candidate.version, alpha, findings, ratio)


def _candidate(plan: RoutePlan, version: str) -> Arm:
    for arm in plan.arms[1:]:
        if arm.version == version:
            return arm
    raise ValueError(f"version {version} is no arm of this route; known are {', '.join(plan.versions())}")


def _sample_ratio(plan: RoutePlan, tallies: Mapping[str, ArmTally]) -> SampleRatio | None:
    """None where one arm answers everything: there is nothing to be shared out."""
    weights = {arm.name: arm.weight for arm in plan.arms}
    if sum(weight > 0 for weight in weights.values()) < 2:
        return None
    return sample_ratio(weights, {name: tally.entities for name, tally in tallies.items()})


def _findings(
    champion: ArmTally, candidate: ArmTally, thresholds: Thresholds, needs: Sequence[Measure], alpha: float
) -> Iterator[Finding]:
    margins: Mapping[Measure, float] = {
        "errors": thresholds.error_ratio,
        "slow": thresholds.slow,
        "disagreement": thresholds.disagreement,
        "loss": thresholds.loss,
    }
    for measure in needs:
        found = difference(measure, champion, candidate, alpha_low=alpha / len(needs), alpha_high=alpha)
        margin = margins[measure]
        is_enough = candidate.requests >= thresholds.requests
        if measure == "loss":
            is_enough = is_enough and found.samples >= thresholds.labels
        if measure == "disagreement":
            is_enough = is_enough and found.samples > 0
        yield Finding(measure, found, margin, _says(found, margin) if is_enough else "too_few")


def _says(found: Difference, margin: float) -> Says:
    if found.high < margin:
        return "within"
    return "past" if found.low > margin else "open"


def _judged(
    findings: Sequence[Finding], ratio: SampleRatio | None, candidate: ArmTally, thresholds: Thresholds
) -> tuple[Result, str]:
    by = {says: [finding for finding in findings if finding.says == says] for says in ("past", "too_few", "open")}
    if ratio is not None and not ratio.fits:
        return "inconclusive", f"the arms' entities are not shared out as planned: {_shares(ratio)}"
    if by["past"]:
        return "roll_back", f"shown to be worse than allowed: {_listed(by['past'])}"
    if by["too_few"]:
        return "inconclusive", _too_few(by["too_few"], candidate, thresholds)
    if by["open"]:
        return "hold", f"not shown yet: {_listed(by['open'])}"
    if not findings:
        return "promote", "nothing has to be shown"
    return "promote", f"shown to be as good as asked for: {_listed(findings)}"


def _listed(findings: Sequence[Finding]) -> str:
    return "; ".join(map(str, findings))


def _too_few(findings: Sequence[Finding], candidate: ArmTally, thresholds: Thresholds) -> str:
    if candidate.requests < thresholds.requests:
        return f"too few requests: {candidate.requests} of {thresholds.requests}"
    if findings[0].measure == "disagreement":
        return (
            "no answers have labels to compare, as a regression's: look at their differences and force it with a reason"
        )
    return f"too few labels: {findings[0].difference.samples} of {thresholds.labels}"


def _shares(ratio: SampleRatio) -> str:
    arms = [f"{arm} {ratio.found[arm]} for {share:.4g}" for arm, share in ratio.planned.items()]
    return f"{', '.join(arms)} (p {ratio.p_value:.2g})"
