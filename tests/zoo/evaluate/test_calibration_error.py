"""The expected calibration error, against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.evaluate.reliability import calibration
from zoo_registry.predictions import Predictions


def predictions(probabilities: np.ndarray, labels: np.ndarray) -> Predictions:
    rows, classes = probabilities.shape
    # The vote may say something else: what is judged is the class of the greatest mean.
    votes = np.random.default_rng(rows).integers(0, 9, (rows, classes))
    return Predictions(
        classes=tuple(f"class{n}" for n in range(classes)),
        tracks=tuple(f"track{n}" for n in range(rows)),
        labels=np.asarray(labels, np.int64),
        folds=np.zeros(rows, np.int64),
        digests=tuple(f"{n:016d}" for n in range(rows)),
        groups=np.arange(rows),
        votes=votes,
        probabilities=probabilities,
    )


def test_by_hand():
    sure = np.array([0.9, 0.9, 0.9, 0.9, 0.6, 0.6])
    found = calibration(predictions(np.column_stack([sure, 1 - sure]), [0, 0, 0, 1, 0, 1]))
    assert (found.low, found.high) == ((0.5, 0.8), (0.6, 0.9))
    assert found.tracks == (2, 4)
    assert found.accuracy == (0.5, 0.75)
    assert found.confidence == pytest.approx((0.6, 0.9))
    assert found.error == pytest.approx((2 * 0.1 + 4 * 0.15) / 6)


def test_who_is_always_sure_and_right_is_calibrated_and_who_is_wrong_is_not():
    certain = np.array([[1.0, 0.0]] * 4)
    assert calibration(predictions(certain, [0, 0, 0, 0])).error == 0.0
    assert calibration(predictions(certain, [1, 1, 1, 1])).error == 1.0


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 60),
    classes=st.integers(2, 5),
    bins=st.integers(1, 20),
)
def test_as_the_paper_defines_it(seed, rows, classes, bins):
    rng = np.random.default_rng(seed)
    its = predictions(rng.dirichlet(np.ones(classes) / 2, rows), rng.integers(classes, size=rows))
    found = calibration(its, bins)
    error = 0.0
    for number in range(bins):
        inside = [
            row
            for row in range(rows)
            if number / bins < its.probabilities[row].max() <= (number + 1) / bins
        ]
        if inside:
            sure = np.mean([its.probabilities[row].max() for row in inside])
            right = np.mean([its.probabilities[row].argmax() == its.labels[row] for row in inside])
            error += len(inside) / rows * abs(sure - right)
    assert found.error == pytest.approx(error)
    assert sum(found.tracks) == rows
    assert all(
        low < sure <= high
        for low, sure, high in zip(found.low, found.confidence, found.high, strict=True)
    )
