"""Random forest on hand-crafted features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.audio.frontends import Handcrafted
from zoo_plugins._classical import fit, predict
from zoo_registry import Card, Choice, Int, hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["card", "predict", "train"]

card = Card(
    name="random-forest",
    title="Random forest",
    family="classical",
    frontend=Handcrafted(),
    params={"n_estimators": 500, "max_features": "sqrt", "min_samples_leaf": 1},
    space={
        "n_estimators": Int(100, 1000, step=100),
        "max_features": Choice(("sqrt", "log2", 0.2)),
        "min_samples_leaf": Int(1, 5),
    },
    references=("Breiman 2001",),
)


@hookimpl
def train(
    tracks: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    params: Mapping[str, Any],
    seed: int,
) -> Any:
    """Fit a variance threshold and the forest; a forest needs no scaler."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.pipeline import make_pipeline

    forest = RandomForestClassifier(**params, random_state=seed, n_jobs=-1)
    fitted = fit(make_pipeline(VarianceThreshold(), forest), tracks, labels, classes)
    forest.n_jobs = None  # for a track, to start threads takes longer than to ask all trees
    return fitted
