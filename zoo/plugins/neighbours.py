"""Classifier of nearest neighbours that has a small ONNX form.

It imports scikit-learn, so that it is imported inside functions.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from zoo.plugins.small_graphs import stored
from zoo_registry.hooks import OPSET

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows: TypeAlias = NDArray[np.floating[Any]]
    Labels: TypeAlias = NDArray[np.int64]

__all__ = ["Neighbours"]

_SMALLEST = 1e-6  # difference of two cosines; smaller ones are rounding

# Equal to `predict_proba`.
_GRAPH = """
<ir_version: 10, opset_import: ["": {opset}]>
neighbours (float[n, {columns}] track) => (float[n, {classes}] probabilities) {{
    last_axis = Constant <value_ints = [-1]> ()
    smallest = Constant <value_float = {smallest}> ()
    count = Constant <value_ints = [{count}]> ()
    second = Constant <value_ints = [1]> ()
    length = ReduceL2 <keepdims = 1> (track, last_axis)
    divisor = Max (length, smallest)
    unit = Div (track, divisor)
    rows = Cast <to = 1> (stored)
    cosines = MatMul (unit, rows)
    nearest, places = TopK (cosines, count)
    worst = ReduceMin <keepdims = 1> (nearest, last_axis)
    above = Sub (nearest, worst)
    weights = Add (above, smallest)
    columns = Unsqueeze (weights, last_axis)
    which = Gather (kinds, places)
    classes = Gather (members, which)
    votes = Mul (classes, columns)
    sums = ReduceSum <keepdims = 0> (votes, second)
    total = ReduceSum <keepdims = 1> (sums, last_axis)
    probabilities = Div (sums, total)
}}
"""


class Neighbours(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Votes of the training rows that have the largest cosine with a row.

    The weight of a neighbour falls from the nearest to 0 for the one after the last, as
    Dudani (1976) has it. Therefore nothing jumps where two rows are equally near.

    Parameters
    ----------
    k : int
        Number of neighbours that vote.

    Attributes
    ----------
    rows_ : float32 array, shape (columns, rows)
        Training rows of length 1, rounded to half precision, in which the graph has them.
    members_ : float32 array, shape (rows, classes)
        1 for the class of each row, otherwise 0.
    classes_ : array, shape (classes,)
        Labels.
    """

    def __init__(self, k: int = 15) -> None:
        self.k = k

    def fit(self, X: "Rows", y: "Labels") -> "Neighbours":
        """Keep the training rows, shape (rows, columns), and the int64 label of each."""
        self.classes_, places = np.unique(y, return_inverse=True)
        self.n_features_in_ = X.shape[1]
        rows = _unit(np.asarray(X, np.float64)).T.astype(np.float16)
        self.rows_: NDArray[np.float32] = rows.astype(np.float32)
        self.members_: NDArray[np.float32] = np.eye(len(self.classes_), dtype=np.float32)[places]
        return self

    @property
    def _count(self) -> int:
        return min(self.k + 1, len(self.members_))

    def predict_proba(self, X: "Rows") -> "NDArray[np.float64]":
        """Return the share of each class in the votes, float64, shape (rows, classes)."""
        cosines = _unit(np.asarray(X, np.float64)) @ self.rows_
        places = np.argsort(-cosines, axis=1, kind="stable")[:, : self._count]
        nearest = np.take_along_axis(cosines, places, axis=1)
        weights = nearest - nearest[:, -1:] + _SMALLEST
        votes = (weights[:, :, None] * self.members_[places]).sum(axis=1)
        shares: NDArray[np.float64] = votes / votes.sum(axis=1, keepdims=True)
        return shares

    def predict(self, X: "Rows") -> "Labels":
        """Return the label of each row."""
        winners: Labels = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return winners

    def to_onnx(self) -> Any:
        """Return the graph from ``track`` to ``probabilities``."""
        import onnx

        proto = onnx.parser.parse_model(
            _GRAPH.format(
                opset=OPSET,
                columns=self.n_features_in_,
                classes=len(self.classes_),
                smallest=_SMALLEST,
                count=self._count,
            )
        )
        for name, values in (
            ("stored", stored(self.rows_)),
            ("kinds", self.members_.argmax(axis=1).astype(np.int32)),
            ("members", np.eye(len(self.classes_), dtype=np.float32)),
        ):
            proto.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
        return proto


def _unit(rows: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return rows of length 1; a row of zeros stays."""
    unit: NDArray[np.float64] = rows / np.maximum(
        np.linalg.norm(rows, axis=1, keepdims=True), _SMALLEST
    )
    return unit
