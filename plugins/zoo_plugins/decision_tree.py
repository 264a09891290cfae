"""Decision tree on the more informative half of the hand-crafted features.

Its answer follows from a few comparisons of features with thresholds. It is usually less
accurate than the other models.
"""

from typing import Any

from zoo import CLASS_WEIGHT, Card, Choice, Handcrafted, Int, classical

__all__ = ["card", "make", "predict", "train"]

card = Card(
    name="decision-tree",
    title="Decision tree",
    family="classical",
    frontend=Handcrafted(),
    params={"criterion": "entropy", "min_samples_leaf": 5, "max_depth": None, **CLASS_WEIGHT},
    space={
        "criterion": Choice(("entropy", "gini")),
        "min_samples_leaf": Int(1, 20),
        "max_depth": Choice((None, 5, 8, 12)),
    },
    references=("Breiman, Friedman, Olshen & Stone 1984",),
    meanings={
        "criterion": "measure of a split",
        "min_samples_leaf": "rows that a leaf has at least",
        "max_depth": "questions up to an answer, at most; None has no limit",
    },
)


def make(params: dict[str, Any], seed: int) -> Any:
    """Return the tree behind a selection by the importance for extremely randomised trees."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.feature_selection import SelectFromModel
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeClassifier

    selection = SelectFromModel(ExtraTreesClassifier(200, random_state=seed), threshold="median")
    return make_pipeline(selection, DecisionTreeClassifier(**params, random_state=seed))


train, predict = classical(make)
