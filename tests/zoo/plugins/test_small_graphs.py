"""ONNX forms of forests and SVMs: the answers of the estimator, in a small file."""

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC

from zoo.plugins.small_graphs import small_graph, stored


def data(classes, rows=300, columns=8, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    X = rng.normal(size=(rows, columns)) + np.eye(columns)[labels % columns]
    return X.astype("f4"), labels


def answers(proto, rows):
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return session.run(None, {"track": rows})[0]


@settings(max_examples=15, deadline=None)
@given(
    kind=st.sampled_from((RandomForestClassifier, ExtraTreesClassifier)),
    trees=st.integers(1, 8),
    depth=st.sampled_from((None, 1, 3)),
    leaf=st.sampled_from((1, 7, 200)),  # 200: no tree has more than its root
    classes=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_a_forest_answers_as_it_does(kind, trees, depth, leaf, classes, seed):
    X, y = data(classes, seed=seed)
    X = X.round(1)  # rows that lie on a threshold
    forest = kind(trees, max_depth=depth, min_samples_leaf=leaf, random_state=seed).fit(X, y)
    rows = np.concatenate([X, *(each.tree_.threshold[:5, None] + 0 * X[0] for each in forest)])
    rows = rows.astype("f4")
    assert answers(small_graph(forest), rows) == pytest.approx(forest.predict_proba(rows), abs=1e-6)


def test_trees_may_have_more_nodes_than_sixteen_bits_count():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80_000, 2)).astype("f4"), rng.integers(0, 2, 80_000)
    forest = ExtraTreesClassifier(1, max_features=1, bootstrap=False, random_state=0).fit(X, y)
    assert forest.estimators_[0].tree_.node_count > 2**16
    assert answers(small_graph(forest), X[:500]) == pytest.approx(np.eye(2)[y[:500]])


def test_a_node_of_a_forest_takes_ten_bytes():
    X, y = data(10, rows=600, columns=20)
    forest = RandomForestClassifier(50, random_state=0).fit(X, y)
    nodes = sum((each.tree_.children_left >= 0).sum() for each in forest)
    assert small_graph(forest).ByteSize() < 10 * nodes + 6_000


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("half", [False, True])
def test_svms_answer_as_they_do_and_store_each_row_once(classes, half):
    X, y = data(classes, rows=600, columns=64)
    X = X.astype("f2").astype("f4") if half else X
    machines = OneVsRestClassifier(SVC(C=5)).fit(X, y)
    proto = small_graph(machines)
    found, expected = answers(proto, X[::7] * 1.5), machines.decision_function(X[::7] * 1.5)
    if classes == 2:
        expected = np.stack([-expected, expected], axis=1)
    assert found == pytest.approx(expected, abs=1e-4)
    assert proto.ByteSize() < 600 * (64 * (2 if half else 4) + 4 * max(2, classes)) + 3_000


@pytest.mark.parametrize(
    "svc", [SVC(kernel="poly"), SVC(probability=True)], ids=["poly", "probability"]
)
@pytest.mark.filterwarnings("ignore:.*probability:FutureWarning")
def test_other_machines_are_left_to_the_converter(svc):
    X, y = data(3, rows=60)
    assert small_graph(OneVsRestClassifier(svc).fit(X, y)) is None


def test_a_class_that_is_missing_or_everywhere_is_left_to_the_converter():
    X, y = data(3)
    with pytest.warns(UserWarning, match="present in all"):
        machines = OneVsRestClassifier(SVC()).fit(X, np.stack([y == 0, y >= 0], axis=1).astype(int))
    assert small_graph(machines) is None


def test_half_precision_is_taken_only_where_it_loses_nothing():
    assert stored(np.array([0.5, -3.0])).dtype == np.float16
    for lost in (0.1, 1e6, 1e-8):
        assert stored(np.array([0.5, lost])).dtype == np.float32
