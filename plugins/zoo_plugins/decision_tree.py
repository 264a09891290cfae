"""Decision tree on the more telling half of the hand-crafted features."""

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
    name="decision-tree",
    title="Decision tree",
    family="classical",
    frontend=Handcrafted(),
    params={"criterion": "entropy", "min_samples_leaf": 5, "max_depth": None},
    space={
        "criterion": Choice(("entropy", "gini")),
        "min_samples_leaf": Int(1, 20),
        "max_depth": Choice((None, 5, 8, 12)),
    },
    references=("Breiman, Friedman, Olshen & Stone 1984",),
)


@hookimpl
def train(
    tracks: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    params: Mapping[str, Any],
    seed: int,
) -> Any:
    """Fit the tree on the features that extremely randomised trees find above the median."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.feature_selection import SelectFromModel
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeClassifier

    judges = ExtraTreesClassifier(200, random_state=seed, n_jobs=-1)
    tree = DecisionTreeClassifier(**params, random_state=seed)
    pipeline = make_pipeline(SelectFromModel(judges, threshold="median"), tree)
    fitted = fit(pipeline, tracks, labels, classes)
    # They are asked again at every prediction, which takes less time than to start threads.
    fitted[0].estimator_.n_jobs = None
    return fitted
