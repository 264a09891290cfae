"""Logistic regression with an elastic-net penalty on hand-crafted features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.audio.frontends import Handcrafted
from zoo_plugins._classical import fit, predict
from zoo_registry import Card, Float, LogFloat, hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["card", "predict", "train"]

card = Card(
    name="elasticnet",
    title="ElasticNet",
    family="classical",
    frontend=Handcrafted(),
    params={"C": 0.3, "l1_ratio": 0.5},
    space={"C": LogFloat(0.01, 10.0), "l1_ratio": Float(0.05, 0.95)},
    references=("Zou & Hastie 2005", "Defazio, Bach & Lacoste-Julien 2014 (SAGA)"),
)


@hookimpl
def train(
    tracks: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    params: Mapping[str, Any],
    seed: int,
) -> Any:
    """Fit scaler, variance threshold and the regression, whose penalty selects features."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(
        **params, solver="saga", max_iter=300, tol=1e-3, random_state=seed
    )
    pipeline = make_pipeline(StandardScaler(), VarianceThreshold(), regression)
    with warnings.catch_warnings():
        # With more features than tracks SAGA creeps for long where accuracy no longer moves.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(pipeline, tracks, labels, classes)
