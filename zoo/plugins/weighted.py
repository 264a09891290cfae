"""Fits of scikit-learn classifiers with weights, through whatever they are inside of.

It imports scikit-learn, so that it is imported inside functions.
"""

import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sklearn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["fit_weighted", "takes_weights"]


def takes_weights(estimator: Any) -> bool:
    """Return whether what classifies in an estimator can be fitted with weights."""
    return all(_takes_weights(found.fit) for found in _classifiers(estimator))


def _takes_weights(method: Any) -> bool:
    return callable(method) and "sample_weight" in inspect.signature(method).parameters


def _classifiers(estimator: Any) -> Iterator[Any]:
    """Yield an estimator, or those that classify inside of a pipeline or an ensemble."""
    inner = [part for name, part in getattr(estimator, "estimators", ())]
    if steps := getattr(estimator, "steps", None):
        inner = [steps[-1][1]]
    elif hasattr(getattr(estimator, "estimator", None), "fit"):
        inner = [estimator.estimator]
    yield from (found for item in inner for found in _classifiers(item))
    if not inner:
        yield estimator


def fit_weighted(
    estimator: Any, X: "NDArray[np.float64]", y: "NDArray[np.int64]", weights: "NDArray[np.float64]"
) -> Any:
    """Fit an estimator, and every part of it that takes weights, with them.

    Parameters
    ----------
    estimator : estimator
        Classifier of which `takes_weights` is true.
    X : float64 array, shape (rows, columns)
        Rows.
    y : int64 array, shape (rows,)
        Labels.
    weights : float64 array, shape (rows,)
        Weights.

    Returns
    -------
    estimator
        The same, fitted.
    """
    parts = estimator.get_params().values() if hasattr(estimator, "get_params") else ()
    try:
        # Without it neither OneVsRestClassifier nor a pipeline hands weights to its parts.
        with sklearn.config_context(enable_metadata_routing=True), _requested([estimator, *parts]):
            return estimator.fit(X, y, sample_weight=weights)
    except NotImplementedError:  # AdaBoostClassifier has its own way
        return estimator.fit(X, y, sample_weight=weights)


@contextmanager
def _requested(parts: Iterable[Any]) -> Iterator[None]:
    """Let the classes of estimators request weights, where their authors decided nothing else."""
    # `set_fit_request` would stay in the fitted model, and skops cannot store it.
    marked = {
        (type(part), f"__metadata_request__{method}")
        for part in parts
        for method in ("fit", "score")
        if hasattr(part, "get_metadata_routing") and _takes_weights(getattr(part, method, None))
    }
    marked = {(kind, name) for kind, name in marked if name not in vars(kind)}
    for kind, name in marked:
        setattr(kind, name, {"sample_weight": True})
    try:
        yield
    finally:
        for kind, name in marked:
            delattr(kind, name)
