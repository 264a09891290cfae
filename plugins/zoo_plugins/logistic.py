"""Logistic regression with an L2 penalty on hand-crafted features.

It draws one linear boundary per class. With an encoder as front end it is a linear probe.
"""

from typing import Any

from zoo import CLASS_WEIGHT, Card, Handcrafted, LogFloat, classical

__all__ = ["card", "make", "predict", "train"]

card = Card(
    name="logistic",
    title="Logistic regression",
    family="classical",
    frontend=Handcrafted(),
    params={"C": 0.3, **CLASS_WEIGHT},
    space={"C": LogFloat(0.01, 10.0)},
    references=("Cox 1958",),
    meanings={
        "C": "inverse of the penalty; larger follows the training tracks more closely",
    },
)


def make(params: dict[str, Any]) -> Any:
    """Return the multinomial regression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(**params, max_iter=2000)


train, predict = classical(make, components=True)
