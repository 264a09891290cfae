"""The least confidence of an answer: a number, or the share of answers that are to be right."""

from collections.abc import Callable

from zoo.evaluate.thresholds import AUTO, choose
from zoo.inference.predictors import Predictor
from zoo_registry.errors import UsageError

__all__ = ["least_confidence"]


def least_confidence(
    predictor: Predictor,
    wanted: float | str,
    precision: float | None,
    note: Callable[[str], None],
) -> float:
    """Return the confidence, from 0 to 1, below which an answer is withheld.

    Parameters
    ----------
    predictor : Predictor
        Trained model.
    wanted : float or str
        Confidence from 0 to 1, as a number or a text; or "auto", which means a precision of 0.9.
    precision : float, optional
        Share of out-of-fold answers that are right at or above the confidence.
    note : callable
        Receives a sentence on the out-of-fold answers, unless the confidence is given as a number.

    Raises
    ------
    UsageError
        If an argument is wrong, or the model cannot reach the share or has no table of it.
    """
    if precision is None and wanted == "auto":
        precision = AUTO
    elif precision is not None and wanted not in ("auto", 0, "0"):
        raise UsageError("give --min-confidence or --precision, not both")
    if precision is None:
        return _number("--min-confidence", wanted, "from 0 to 1 or auto")
    share = _number("--precision", precision, "above 0, at most 1")
    if share == 0:
        raise UsageError("--precision is 0; give a share of right answers such as 0.95")
    if predictor.thresholds is None:
        raise UsageError(
            f"{predictor.name} has no table of how often its answers are right: it has no ONNX "
            "file, or that of an earlier version; give a number with --min-confidence, or train "
            "it again"
        )
    chosen = choose(predictor.thresholds, share, predictor.name)
    note(chosen.sentence)
    return chosen.confidence


def _number(option: str, text: float | str, allowed: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise UsageError(f"{option} is {text}; give a number {allowed}")
    return number
