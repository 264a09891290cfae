"""Classifier of scikit-learn whose inputs are bounded and whose confidence is calibrated.

It imports scikit-learn, so that it is imported inside functions.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Rows: TypeAlias = NDArray[np.floating[Any]]
    Labels: TypeAlias = NDArray[np.int64]

__all__ = ["LEAST", "Bounded", "BoundedClassifier", "scored_by"]

BOUND = 5.0  # standard deviations
LEAST = 1e-3  # probability; of less, a forest or tree knows nothing
_CONSTANT = 1e-6  # relative standard deviation, from rounding alone


class Bounded(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Standardised columns, each limited to some standard deviations around its mean.

    A value that no training recording came near to cannot decide by itself. A column that is
    constant in training is zero.

    Parameters
    ----------
    bound : float
        Standard deviations.

    Attributes
    ----------
    mean_, scale_ : float32 array, shape (columns,)
        Mean of each column, and reciprocal of its standard deviation, 0 if it is constant.
    """

    def __init__(self, bound: float = BOUND) -> None:
        self.bound = bound

    def fit(self, X: "Rows", y: object = None) -> "Bounded":
        """Measure the columns of the training rows, shape (rows, columns)."""
        mean, std = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
        varies = std > _CONSTANT * np.abs(mean)
        self.mean_ = mean.astype(np.float32)
        self.scale_ = (varies / np.where(varies, std, 1.0)).astype(np.float32)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: "Rows") -> "NDArray[np.float64]":
        """Return the bounded columns, float64, shape (rows, columns)."""
        # In single precision, as the ONNX form computes it, so that a tree gets the same numbers.
        rows = (np.asarray(X, np.float32) - self.mean_) * self.scale_
        bounded: NDArray[np.float64] = np.clip(rows, -self.bound, self.bound).astype(np.float64)
        return bounded


class BoundedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifier behind `Bounded` columns, with one temperature for its confidence.

    The temperature is the one with the least log loss on windows that the classifier was not
    fitted to (Guo et al. 2017, arXiv:1706.04599). It does not change which class wins.

    Parameters
    ----------
    estimator : estimator
        Classifier that has `predict_proba` or `decision_function`.

    Attributes
    ----------
    estimator_, bounded_ : estimators
        The fitted classifier, and the transformation of its inputs.
    beta_ : float
        Reciprocal of the temperature; NaN if the confidence is that of the classifier.
    classes_ : array, shape (classes,)
        Labels.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(
        self, X: "Rows", y: "Labels", folds: "Sequence[tuple[Labels, Labels]]" = ()
    ) -> "BoundedClassifier":
        """Fit the classifier, and the temperature to the test parts of folds.

        Parameters
        ----------
        X : array, shape (rows, columns)
            Training rows.
        y : int64 array, shape (rows,)
            Label of each row.
        folds : sequence of pairs of int64 arrays
            Training and test rows. Without any, the confidence is that of the classifier.

        Returns
        -------
        BoundedClassifier
            Itself.
        """
        self.bounded_ = Bounded().fit(X)
        bounded = self.bounded_.transform(X)
        self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
        parts = []
        for seen, held in folds:
            if len(np.unique(y[seen])) < len(self.classes_):  # a class of few groups
                continue
            fitted = clone(self.estimator).fit(bounded[seen], y[seen])
            parts.append((_scores(fitted, bounded[held]), y[held]))
        self.estimator_ = clone(self.estimator).fit(bounded, y)
        decides = scored_by(self.estimator_) == "decision_function"
        self.beta_ = _temperature(parts, self.classes_) if parts else 1.0 if decides else np.nan
        return self

    def predict_proba(self, X: "Rows") -> "NDArray[np.float64]":
        """Return the probability of each class, float64, shape (rows, classes)."""
        bounded = self.bounded_.transform(X)
        if np.isnan(self.beta_):
            given: NDArray[np.float64] = self.estimator_.predict_proba(bounded)
            return given
        calibrated: NDArray[np.float64] = softmax(
            self.beta_ * _scores(self.estimator_, bounded), axis=1
        )
        return calibrated

    def predict(self, X: "Rows") -> "Labels":
        """Return the label of each row."""
        winners: Labels = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return winners


def scored_by(estimator: Any) -> str:
    """Return the method whose values a temperature scales."""
    return "predict_proba" if hasattr(estimator, "predict_proba") else "decision_function"


def _scores(estimator: Any, X: "Rows") -> "NDArray[np.float64]":
    """Return what a softmax makes probabilities of, float64, shape (rows, classes)."""
    values = np.asarray(getattr(estimator, scored_by(estimator))(X), np.float64)
    if scored_by(estimator) == "predict_proba":
        return np.log(np.maximum(values, LEAST))
    return values if values.ndim > 1 else np.stack([-values, values], axis=1)


def _temperature(
    parts: "Sequence[tuple[NDArray[np.float64], Labels]]", classes: "NDArray[Any]"
) -> float:
    scores = np.concatenate([scores for scores, _ in parts])
    labels = np.concatenate([np.searchsorted(classes, labels) for _, labels in parts])
    # Platt's targets: of few rows that are all right, certainty does not follow.
    share = 1 / (len(labels) + 2)
    targets = np.full(scores.shape, share / scores.shape[1])
    targets[np.arange(len(labels)), labels] += 1 - share

    def loss(log_beta: float) -> float:
        return -float((targets * log_softmax(np.exp(log_beta) * scores, axis=1)).sum())

    return float(np.exp(minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded").x))
