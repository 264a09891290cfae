"""Nearest neighbours: the training windows most similar to a window vote on its class.

Similarity is the cosine of two rows of features, and a nearer neighbour has a larger weight.
"""

from typing import Any

from zoo import Card, Handcrafted, Int, classical

__all__ = ["card", "make", "predict", "train"]

card = Card(
    name="knn",
    title="Nearest neighbours",
    family="classical",
    frontend=Handcrafted(),
    params={"k": 15},
    space={"k": Int(3, 30)},
    references=("Cover & Hart 1967", "Dudani 1976, doi:10.1109/TSMC.1976.5408784"),
    meanings={
        "k": "neighbours that vote",
    },
)


def make(params: dict[str, Any]) -> Any:
    """Return the classifier of nearest neighbours by the cosine of two rows."""
    from zoo import Neighbours

    return Neighbours(**params)


train, predict = classical(make, components=True)
