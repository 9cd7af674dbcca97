"""What `weir models train` does between its options and the store: data in, bundle files out."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
from rich.console import Console

from models import outliers
from models.churn import CHURN, LABEL
from models.pipelines import ALGORITHMS, DEFAULT_ALGORITHM
from models.signature import Signature
from models.simulate import simulate_customers
from models.tabular import infer_signature
from models.training import STEPS, train
from schemas.errors import InvalidRequest
from streams.cli.steps import followed_steps

ALGORITHM_NAMES = [DEFAULT_ALGORITHM, *(name for name in ALGORITHMS if name != DEFAULT_ALGORITHM)]


@dataclass(frozen=True)
class TrainingOrder:
    """The options of `weir models train`."""

    csv: Path | None
    label: str | None
    name: str | None
    algorithm: str
    rows: int
    seed: int
    detector: str = outliers.DEFAULT.detector
    contamination: float = outliers.DEFAULT.contamination


def trained(order: TrainingOrder, now: datetime, console: Console) -> dict[str, bytes]:
    """The files of a freshly trained bundle; on a terminal a bar follows the steps."""
    with followed_steps(len(STEPS), console) as progress:
        frame, label, signature = _data(order)
        return train(
            frame,
            label,
            signature=signature,
            name=order.name or (order.csv.stem if order.csv else CHURN.target),
            trained_at=now,
            algorithm=order.algorithm,
            seed=order.seed,
            wanted=outliers.Order(order.detector, order.contamination),
            progress=progress,
        )


def _data(order: TrainingOrder) -> tuple[pd.DataFrame, str, Signature]:
    if order.csv is None or order.label is None:
        return simulate_customers(order.rows, order.seed), LABEL, CHURN
    try:
        frame = pd.read_csv(order.csv)
    except (ValueError, OSError) as error:
        raise InvalidRequest(f"{order.csv} is no readable CSV table: {error}") from error
    return frame, order.label, infer_signature(frame, order.label)
