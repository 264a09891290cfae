"""ONNX forms of forests and of SVMs that are smaller than those of the converter.

The converter writes every leaf of a forest with the share of every class, and every row of an SVM
once per class: most of a file that also holds an encoder.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from zoo_registry.hooks import OPSET

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["small_graph", "stored"]

# In `state`, a number from 0 on is a node of its tree, a negative one a leaf.
_FOREST = """
<ir_version: 10, opset_import: ["": {opset}]>
forest (float[n, {columns}] track) => (float[n, {classes}] probabilities) {{
    table = Identity (track)
    zero = Constant <value_int = 0> ()
    one = Constant <value_int = 1> ()
    two = Constant <value_int = 2> ()
    axis = Constant <value_ints = [1]> ()
    depth = Constant <value_int = {depth}> ()
    goes_on = Cast <to = 9> (one)
    every_feature = Cast <to = 7> (features)
    every_child = Cast <to = 7> (children)
    shape = Shape <start = 0, end = 1> (track)
    count = Shape (starts)
    size = Concat <axis = 0> (shape, count)
    begin = Expand (starts, size)
    last = Loop (depth, goes_on, begin) <body = step (
        int64 number, bool given, int64[rows, trees] state
    ) => (bool more, int64[rows, trees] next) {{
        more = Identity (given)
        is_leaf = Less (state, zero)
        inner = Max (state, zero)
        node = Add (inner, roots)
        feature = Gather (every_feature, node)
        value = GatherElements <axis = 1> (table, feature)
        threshold = Gather (thresholds, node)
        is_right = Greater (value, threshold)
        right = Cast <to = 7> (is_right)
        doubled = Mul (node, two)
        place = Add (doubled, right)
        child = Gather (every_child, place)
        next = Where (is_leaf, state, child)
    }}>
    negative = Neg (last)
    leaf = Sub (negative, one)
    shares = Gather (leaves, leaf)
    probabilities = ReduceMean <keepdims = 0> (shares, axis)
}}
"""

# exp(-gamma |row - vector|^2) of all rows and support vectors, weighted per class.
_SVM = """
<ir_version: 10, opset_import: ["": {opset}]>
svm (float[n, {columns}] track) => (float[n, {classes}] probabilities) {{
    vectors = Cast <to = 1> (stored)
    axis = Constant <value_ints = [1]> ()
    twice = Constant <value_float = -2.0> ()
    factor = Constant <value_float = {factor}> ()
    length = ReduceSumSquare <keepdims = 1> (track, axis)
    lengths = ReduceSumSquare <keepdims = 0> (vectors, axis)
    turned = Transpose <perm = [1, 0]> (vectors)
    products = MatMul (track, turned)
    part = Mul (products, twice)
    more = Add (part, length)
    distances = Add (more, lengths)
    exponents = Mul (distances, factor)
    likeness = Exp (exponents)
    sums = MatMul (likeness, weights)
    probabilities = Add (sums, intercept)
}}
"""


def small_graph(estimator: Any) -> Any:
    """Return the graph of a fitted forest, or of one SVM per class, or None for anything else.

    Parameters
    ----------
    estimator : estimator
        Any classifier of scikit-learn.

    Returns
    -------
    onnx.ModelProto or None
        From ``track`` to ``probabilities``, which of SVMs are the values of `decision_function`.
    """
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import SVC

    if type(estimator) in (ExtraTreesClassifier, RandomForestClassifier):
        return _forest(estimator)
    if type(estimator) is OneVsRestClassifier and not hasattr(estimator, "predict_proba"):
        machines = estimator.estimators_
        if all(type(each) is SVC and each.kernel == "rbf" for each in machines):
            return _svm(machines) if len({each._gamma for each in machines}) == 1 else None
    return None


def stored(values: "NDArray[Any]") -> "NDArray[Any]":
    """Return numbers in half precision if that changes none of them, otherwise as float32."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if np.array_equal(half, values) else values.astype(np.float32)


def _graph(text: str, arrays: "dict[str, NDArray[Any]]", **facts: Any) -> Any:
    import onnx

    proto = onnx.parser.parse_model(text.format(opset=OPSET, **facts))
    for name, values in arrays.items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    return proto


def _forest(forest: Any) -> Any:
    trees = [each.tree_ for each in forest.estimators_]
    inner = [tree.children_left >= 0 for tree in trees]
    both = list(zip(trees, inner, strict=True))
    shares = np.concatenate([tree.value[~is_inner, 0] for tree, is_inner in both])
    leaves, kinds = np.unique(shares.astype(np.float32), axis=0, return_inverse=True)
    starts, children, given = [], [], 0
    for tree, is_inner in both:
        states = np.cumsum(is_inner) - 1
        count = (~is_inner).sum()
        states[~is_inner] = -1 - kinds[given : given + count]
        given += count
        starts.append(states[0])
        pairs = np.stack([tree.children_left, tree.children_right], axis=1)[is_inner]
        children.append(states[pairs].ravel())
    sizes = np.array([is_inner.sum() for is_inner in inner])
    roots = np.where(sizes, np.cumsum(sizes) - sizes, 0)
    thresholds = np.concatenate([tree.threshold[is_inner] for tree, is_inner in both])
    rounded = thresholds.astype(np.float32)
    above = rounded > thresholds  # float32 values are then on the same side of it
    rounded[above] = np.nextafter(rounded[above], np.float32(-np.inf))
    return _graph(
        _FOREST,
        {
            "starts": np.array(starts, np.int64),
            "roots": roots.astype(np.int64),
            "features": _padded(np.concatenate([tree.feature[i] for tree, i in both]), np.uint16),
            "thresholds": _padded(rounded, np.float32),
            "children": _padded(np.concatenate(children), np.int16),
            "leaves": leaves,
        },
        columns=forest.n_features_in_,
        classes=len(forest.classes_),
        depth=max(tree.max_depth for tree in trees),
    )


def _padded(values: "NDArray[Any]", kind: type) -> "NDArray[Any]":
    """Return values, at least two, in `kind` or, if one of them does not fit, in four bytes."""
    values = np.concatenate([values, np.zeros(2, values.dtype)])  # of trees that are leaves
    small: NDArray[Any] = values.astype(kind)
    return small if np.array_equal(small, values) else values.astype(np.int32)


def _svm(machines: Any) -> Any:
    """Return the graph of machines that have one kernel; their rows are stored once."""
    used = np.unique(np.concatenate([each.support_ for each in machines]))
    vectors = np.zeros((len(used), machines[0].n_features_in_))
    weights: NDArray[Any] = np.zeros((len(used), len(machines)))
    for column, each in enumerate(machines):
        places = np.searchsorted(used, each.support_)
        vectors[places], weights[places, column] = each.support_vectors_, each.dual_coef_[0]
    intercept: NDArray[Any] = np.array([each.intercept_[0] for each in machines])
    if len(machines) == 1:
        weights, intercept = weights * [-1, 1], intercept * [-1, 1]
    return _graph(
        _SVM,
        {
            "stored": stored(vectors),
            "weights": weights.astype(np.float32),
            "intercept": intercept.astype(np.float32),
        },
        columns=vectors.shape[1],
        classes=weights.shape[1],
        factor=-float(machines[0]._gamma),
    )
