"""What Evidently 0.7.23 says of the samples; printed, this is evidently.json.

`python -m tests.models.drift.ask_evidently`, where Evidently is installed. Here it is not: it brings some 30 packages,
a web framework and telemetry among them, a gigabyte in all, and does not start with pandas 3.
"""

import json
import sys

import numpy as np
import numpy.typing as npt
import pandas as pd

from tests.models.drift.samples import drawn

SEEDS = (1, 2, 3)


def answers(type_: str, reference: npt.NDArray[np.float32], current: npt.NDArray[np.float32]) -> dict[str, float]:
    from evidently.legacy.calculations.stattests import jensenshannon, ks_stattest, psi, wasserstein_distance_norm
    from evidently.legacy.core import ColumnType

    kind = ColumnType.Categorical if type_ == "str" else ColumnType.Numerical
    as_type = np.float64 if type_ == "float" else np.int64
    samples = pd.Series(reference.astype(as_type)), pd.Series(current.astype(as_type))
    asked = {"psi": psi._psi, "jensen_shannon": jensenshannon._jensenshannon}
    if kind == ColumnType.Numerical:
        asked["ks"] = ks_stattest._ks_stat_test
        asked["wasserstein"] = wasserstein_distance_norm._wasserstein_distance_norm
    return {name: float(ask(*samples, kind, 0.05)[0]) for name, ask in asked.items()}


if __name__ == "__main__":
    found = {
        str(seed): {name: answers(type_, *samples) for name, (type_, samples) in drawn(seed).items()} for seed in SEEDS
    }
    json.dump(found, sys.stdout, indent=1)
    sys.stdout.write("\n")
