"""The zoo against a plain script: whole processes that train the same models on the same folds.

Usage: python benchmarks/overhead.py [DATA] [--rounds N]

DATA is a folder, or a table of features. The front-end arrays of a folder are in the cache before,
and the script reads them, with the indices of the folds, from a file of numpy. Both fit the same
scikit-learn pipelines to five folds and to all tracks and save a model; the zoo also groups,
audits, calibrates, compares its ONNX file with the model, scores, and prints a board. Ratios say
how many times as long the zoo takes.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from _common import Row, in_turns, main, process, ratios

ZOO = str(Path(sys.executable).with_name("zoo"))
SCRIPT = """
import sys
import joblib, numpy as np
from sklearn.preprocessing import StandardScaler

name, source, target = sys.argv[1:]

def svm():
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import SVC
    return OneVsRestClassifier(SVC(C=5.0))

def logistic():
    from sklearn.linear_model import LogisticRegression
    return LogisticRegression(C=0.3, max_iter=2000)

def random_forest():
    from sklearn.ensemble import RandomForestClassifier
    return RandomForestClassifier(500, random_state=0, n_jobs=-1)

make = {"svm": svm, "logistic": logistic, "random-forest": random_forest}[name]

def fit(train):
    scaler = StandardScaler().fit(X[train])
    return scaler, make().fit(np.clip(scaler.transform(X[train]), -5, 5), y[train])

def answers(fitted, rows):
    scaler, model = fitted
    return model.predict(np.clip(scaler.transform(rows), -5, 5))

data = np.load(source)
X, y, number = data["X"], data["y"], data["number"]
right = 0
for fold in range(5):
    train, test = np.flatnonzero(number != fold), np.flatnonzero(number == fold)
    right += (answers(fit(train), X[test]) == y[test]).sum()
print(right / len(y))
joblib.dump(fit(np.arange(len(y))), target)
"""


def _rows(given: argparse.Namespace) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "data.npz"), Path(folder, "model.joblib")
        _prepare(given.data, source)
        for name in ("svm", "logistic", "random-forest"):
            models = iter(range(1000))

            def zoo(name: str = name, models: Iterator[int] = models) -> float:
                place = str(Path(folder, f"{name}-{next(models)}"))
                command = [ZOO, "train", name, "--data", given.data]
                return process(command, ZOO_MODELS=place).seconds

            def plain(name: str = name) -> float:
                command = [sys.executable, "-c", SCRIPT, name, str(source), str(target)]
                return process(command).seconds

            took = in_turns({"zoo": zoo, "plain": plain}, given.rounds)
            seconds = {key: sorted(values)[len(values) // 2] for key, values in took.items()}
            figures = f"{seconds['zoo']:.2f} s, script {seconds['plain']:.2f} s"
            yield Row(f"zoo train {name}", ratios(took["zoo"], took["plain"]), figures)


def _prepare(data: str, source: Path) -> None:
    """Store the arrays of all windows, and the fold of each, as the script reads them."""
    import numpy as np

    from zoo.datasets import open_dataset
    from zoo.evaluate.protocols import parse_protocol
    from zoo.features.extraction import extract, feature_arrays
    from zoo.plugins.registry import open_registry

    model = open_registry().load("svm")
    dataset = extract(open_dataset(data), model).dataset
    arrays = list(feature_arrays(model, dataset, range(len(dataset))))
    counts = [len(array) for array in arrays]
    number = np.zeros(len(dataset), int)
    for fold in parse_protocol("kfold:5").folds(dataset, 0, True):
        number[fold.test] = fold.number
    np.savez(
        source, X=np.concatenate(arrays), y=np.repeat(dataset.labels, counts),
        number=np.repeat(number, counts),
    )  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(__doc__ or "", _rows, {})
