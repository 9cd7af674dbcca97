"""How good probabilities are, and from which one on to answer yes."""

import numpy as np
import numpy.typing as npt


def quality(truth: npt.NDArray[np.intp], probabilities: npt.NDArray[np.float64], threshold: float) -> dict[str, float]:
    """Metrics of a binary classifier over rows that hold both classes.

    truth, probabilities: [n]. `base_rate` is the positive share, `base_f1` the F1 of always answering yes.
    """
    from sklearn import metrics

    answers = probabilities >= threshold
    base_rate = float(truth.mean())
    return {
        "rows": len(truth),
        "base_rate": base_rate,
        "base_f1": 2 * base_rate / (1 + base_rate),
        "roc_auc": float(metrics.roc_auc_score(truth, probabilities)),
        "f1": float(metrics.f1_score(truth, answers, zero_division=0.0)),
        "precision": float(metrics.precision_score(truth, answers, zero_division=0.0)),
        "recall": float(metrics.recall_score(truth, answers, zero_division=0.0)),
        "accuracy": float(metrics.accuracy_score(truth, answers)),
        "log_loss": float(metrics.log_loss(truth, probabilities, labels=[0, 1])),
        "brier": float(metrics.brier_score_loss(truth, probabilities)),
    }


def best_threshold(truth: npt.NDArray[np.intp], probabilities: npt.NDArray[np.float64]) -> float:
    """The probability that gives the highest F1 on these rows when it and all above are answered with yes."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(truth, probabilities)
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(np.float64).tiny)
    return float(thresholds[np.argmax(f1[:-1])])
