"""Nearest neighbours: their votes, and that the graph gives the same ones."""

import numpy as np
import onnxruntime
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from zoo.plugins.neighbours import Neighbours

rng = np.random.default_rng(0)
LABELS = np.arange(60) % 3 * 2
ROWS = rng.normal(size=(60, 12)) + np.eye(12)[LABELS] * 3


def graph(model, rows):
    session = onnxruntime.InferenceSession(model.to_onnx().SerializeToString())
    return session.run(None, {"track": rows.astype(np.float32)})[0]


def test_the_weight_of_a_neighbour_falls_to_zero_at_the_one_after_the_last():
    model, row = Neighbours(k=3).fit(ROWS, LABELS), rng.normal(size=(1, 12))
    cosines = cosine_similarity(row, ROWS)[0]
    order = np.argsort(-cosines)
    weights = cosines[order[:3]] - cosines[order[3]]
    expected = [weights[LABELS[order[:3]] == label].sum() for label in (0, 2, 4)]
    assert model.predict_proba(row)[0] == pytest.approx(expected / weights.sum(), abs=2e-3)


@pytest.mark.parametrize("k", [1, 15, 59, 60, 1000])
def test_the_graph_gives_the_same(k):
    model = Neighbours(k=k).fit(ROWS, LABELS)
    rows = np.concatenate([ROWS, rng.normal(size=(40, 12)), np.zeros((1, 12)), ROWS[:1] * 1e4])
    found = graph(model, rows)
    assert found.shape == (102, 3)
    assert found == pytest.approx(model.predict_proba(rows), abs=1e-4)
    assert found.sum(axis=1) == pytest.approx(1)


def test_equal_rows_all_vote():
    model = Neighbours(k=5).fit(np.ones((4, 2)), np.array([0, 0, 0, 1]))
    for found in (model.predict_proba(np.ones((1, 2))), graph(model, np.ones((1, 2)))):
        assert found == pytest.approx(np.array([[0.75, 0.25]]), abs=1e-3)


def test_most_rows_are_right():
    rows = rng.normal(size=(90, 12)) + np.eye(12)[LABELS[np.arange(90) % 60]] * 3
    found = Neighbours().fit(ROWS, LABELS).predict(rows)
    assert (found == LABELS[np.arange(90) % 60]).mean() > 0.8
