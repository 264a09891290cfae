"""Classifier of scikit-learn whose inputs are bounded.

It imports scikit-learn, so that it is imported inside functions.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone

from zoo.plugins.classical import MANY
from zoo.plugins.weighted import fit_weighted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows: TypeAlias = NDArray[np.floating[Any]]
    Labels: TypeAlias = NDArray[np.int64]

__all__ = ["Bounded", "BoundedClassifier"]

BOUND = 5.0  # standard deviations
_VARIANCE = 20.0  # of all components in sum
_CONSTANT = 1e-6  # relative standard deviation, from rounding alone
_FEW = 500  # rows, whose products with each other are faster than a randomised search


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
    """Classifier behind `Bounded` columns, whose decision values become probabilities.

    Parameters
    ----------
    estimator : estimator
        Classifier that has `predict_proba` or `decision_function`.
    components : int
        Number of principal components that more than 200 columns, which only encoders have,
        become; 0 for none. Their variance is that of 20 columns in sum: the columns of an encoder
        are much alike, and so its classifier needs more regularisation from the same parameters.

    Attributes
    ----------
    estimator_, bounded_ : estimators
        The fitted classifier, and the transformation of its inputs.
    projection_ : float32 array, shape (columns, components), or None
        From bounded columns to components.
    classes_ : array, shape (classes,)
        Labels.
    """

    projection_: "NDArray[np.float32] | None" = None  # models of earlier versions have none

    def __init__(self, estimator: Any, components: int = 0) -> None:
        self.estimator = estimator
        self.components = components

    def fit(
        self, X: "Rows", y: "Labels", sample_weight: "NDArray[np.float64] | None" = None
    ) -> "BoundedClassifier":
        """Fit to training rows, shape (rows, columns), with the label and weight of each."""
        self.bounded_ = Bounded().fit(X)
        self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
        if self.components and X.shape[1] > MANY:
            self.projection_ = _projection(self.bounded_.transform(X), self.components)
        inputs = self._inputs(X)
        if self.projection_ is not None:  # so that a graph may have training rows in half precision
            inputs = inputs.astype(np.float16).astype(np.float64)
        estimator = clone(self.estimator)
        if sample_weight is None:
            self.estimator_ = estimator.fit(inputs, y)
        else:
            self.estimator_ = fit_weighted(estimator, inputs, y, sample_weight)
        return self

    def _inputs(self, X: "Rows") -> "NDArray[np.float64]":
        bounded = self.bounded_.transform(X)
        return bounded if self.projection_ is None else bounded @ self.projection_

    def predict_proba(self, X: "Rows") -> "NDArray[np.float64]":
        """Return the probability of each class, float64, shape (rows, classes)."""
        inputs = self._inputs(X)
        found: NDArray[np.float64]
        if hasattr(self.estimator_, "predict_proba"):
            found = self.estimator_.predict_proba(inputs)
            return found
        values = np.asarray(self.estimator_.decision_function(inputs), np.float64)
        found = softmax(values if values.ndim > 1 else np.stack([-values, values], axis=1), axis=1)
        return found

    def predict(self, X: "Rows") -> "Labels":
        """Return the label of each row."""
        winners: Labels = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return winners


def _projection(bounded: "NDArray[np.float64]", most: int) -> "NDArray[np.float32]":
    """Return the matrix from bounded columns to components, shape (columns, components)."""
    rows, columns = bounded.shape
    if rows <= _FEW:
        squares, vectors = np.linalg.eigh(bounded @ bounded.T)
        kept = np.flatnonzero(squares > _CONSTANT**2 * squares[-1])[: -most - 1 : -1]
        found = (vectors[:, kept] / np.sqrt(squares[kept])).T @ bounded
    else:
        from sklearn.decomposition import TruncatedSVD

        found = TruncatedSVD(min(most, columns), random_state=0).fit(bounded).components_
    projection: NDArray[np.float32] = (found.T * np.sqrt(_VARIANCE / columns)).astype(np.float32)
    return projection
