"""Evidence for and against a candidate, valid however often one looks at it; docs/evidence.md tells its numbers."""

from models.evidence.guardrail import Late, passed
from models.evidence.lately import Lately
from models.evidence.tally import ArmTally, Pairs
from models.evidence.verdict import Finding, Verdict, judge

__all__ = ["ArmTally", "Finding", "Late", "Lately", "Pairs", "Verdict", "judge", "passed"]
