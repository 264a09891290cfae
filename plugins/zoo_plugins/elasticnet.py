"""Logistic regression with an elastic-net penalty on hand-crafted features.

The penalty sets the weights of uninformative features to zero.
"""

import warnings
from typing import Any

from zoo import CLASS_WEIGHT, Card, Float, Handcrafted, LogFloat, classical

__all__ = ["card", "make", "predict", "train"]

card = Card(
    name="elasticnet",
    title="ElasticNet",
    family="classical",
    frontend=Handcrafted(),
    params={"C": 0.3, "l1_ratio": 0.5, **CLASS_WEIGHT},
    space={"C": LogFloat(0.01, 10.0), "l1_ratio": Float(0.05, 0.95)},
    references=("Zou & Hastie 2005", "Defazio, Bach & Lacoste-Julien 2014 (SAGA)"),
    meanings={
        "C": "inverse of the penalty; larger follows the training tracks more closely",
        "l1_ratio": "share of the penalty that sets coefficients to zero",
    },
)


def make(params: dict[str, Any], seed: int) -> Any:
    """Return the regression, whose penalty selects features."""
    from sklearn.linear_model import LogisticRegression

    # With more features than tracks, SAGA goes on for long after accuracy has settled.
    warnings.filterwarnings("ignore", "The max_iter was reached")
    settings = {"solver": "saga", "max_iter": 300, "tol": 1e-3, "random_state": seed}
    return LogisticRegression(**params, **settings)


train, predict = classical(make, components=True)
