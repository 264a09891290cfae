"""Logistic regression on hand-crafted features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.audio.frontends import Handcrafted
from zoo_plugins._classical import fit, predict
from zoo_registry import Card, LogFloat, hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["card", "predict", "train"]

card = Card(
    name="logistic",
    title="Logistic regression",
    family="classical",
    frontend=Handcrafted(),
    params={"C": 0.3},
    space={"C": LogFloat(0.01, 10.0)},
    references=("Cox 1958",),
)


@hookimpl
def train(
    tracks: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    params: Mapping[str, Any],
    seed: int,
) -> Any:
    """Fit scaler, variance threshold and a multinomial logistic regression with L2 penalty."""
    del seed  # the solver, L-BFGS, draws nothing
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(**params, max_iter=2000)
    pipeline = make_pipeline(StandardScaler(), VarianceThreshold(), regression)
    return fit(pipeline, tracks, labels, classes)
