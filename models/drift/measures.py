"""Every test of drift by the name that settings say."""

from collections.abc import Mapping

from models.drift.base import DriftTest, Kind
from models.drift.chi_square import ChiSquare
from models.drift.jensen_shannon import JensenShannon
from models.drift.ks import KS
from models.drift.psi import PSI
from models.drift.wasserstein import Wasserstein
from schemas.errors import InvalidRequest

TESTS: Mapping[str, type[DriftTest]] = {test.name: test for test in (PSI, KS, JensenShannon, Wasserstein, ChiSquare)}


def drift_test(name: str, kind: Kind) -> DriftTest:
    """Raises InvalidRequest for a test that is not known or cannot compare features of this kind."""
    known = [known for known, test in TESTS.items() if kind in test.kinds]
    if name not in known:
        raise InvalidRequest(f"no test {name!r} of a {kind}: known are {', '.join(known)}")
    return TESTS[name]()
