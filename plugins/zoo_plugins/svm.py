"""Support-vector machine with an RBF kernel on hand-crafted features.

One machine per class separates its windows from all others; the zoo turns its scores into
probabilities.
"""

from typing import Any

from zoo import CLASS_WEIGHT, Card, Handcrafted, LogFloat, classical

__all__ = ["card", "make", "predict", "train"]

card = Card(
    name="svm",
    title="SVM (RBF)",
    family="classical",
    frontend=Handcrafted(),
    params={"C": 5.0, "gamma": "scale", **CLASS_WEIGHT},
    space={"C": LogFloat(0.1, 100.0), "gamma": LogFloat(1e-4, 0.1)},
    references=("Cortes & Vapnik 1995",),
    meanings={
        "C": "penalty of an error; larger follows the training tracks more closely",
        "gamma": "how local the kernel is; scale takes it from the variance of the features",
    },
)


def make(params: dict[str, Any]) -> Any:
    """Return one SVM per class, whose scores `classical` turns into probabilities."""
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import SVC

    # The scores of one SVC for several classes are counts of won pairs: the winner is as often
    # right, but it wins all its pairs whether it is sure or not.
    return OneVsRestClassifier(SVC(**params))


train, predict = classical(make, components=True)
