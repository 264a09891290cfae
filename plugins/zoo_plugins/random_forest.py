"""Random forest on hand-crafted features.

Several hundred decision trees are trained on random samples of the windows and features; their
mean probability is the answer.
"""

from typing import Any

from zoo import CLASS_WEIGHT, Card, Choice, Handcrafted, Int, classical

__all__ = ["card", "make", "predict", "train"]

card = Card(
    name="random-forest",
    title="Random forest",
    family="classical",
    frontend=Handcrafted(),
    params={"n_estimators": 500, "max_features": "sqrt", "min_samples_leaf": 1, **CLASS_WEIGHT},
    space={
        "n_estimators": Int(100, 1000, step=100),
        "max_features": Choice(("sqrt", "log2", 0.2)),
        "min_samples_leaf": Int(1, 5),
    },
    references=("Breiman 2001",),
    meanings={
        "n_estimators": "trees",
        "max_features": "features that each split may choose from",
        "min_samples_leaf": "rows that a leaf has at least",
    },
)


def make(params: dict[str, Any], seed: int) -> Any:
    """Return the forest."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(**params, random_state=seed)


train, predict = classical(make)
