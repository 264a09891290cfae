"""What the default hooks save is loaded again, and nothing else."""

import hashlib
import importlib
import os
import sys
import zipfile
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

from zoo.inference.output_file import OutputFile
from zoo.plugins.registry import open_registry
from zoo_registry import PluginError
from zoo_registry.model import Model
from zoo_registry.own_files import remember_own

BUILT_IN = ["svm", "random-forest", "logistic", "elasticnet", "decision-tree", "knn"]

OWN = """
from zoo import Card, Handcrafted, classical
from sklearn.base import BaseEstimator, TransformerMixin

card = Card(name="own", title="Own", family="classical", frontend=Handcrafted())

class Vocabulary:
    pass

class Half(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.mean_, self.n_features_in_, self.words_ = X.mean(0), X.shape[1], Vocabulary()
        return self

    def transform(self, X):
        return (X - self.mean_) / 2

def make():
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
    from sklearn.ensemble import VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    parts = [
        ("a", GradientBoostingClassifier(n_estimators=2)),
        ("b", HistGradientBoostingClassifier(max_iter=2)),
        ("c", LogisticRegression(class_weight="balanced")),
    ]
    whole = make_pipeline(Half(), VotingClassifier(parts, voting="soft"))
    return CalibratedClassifierCV(whole, method="isotonic", cv=2)

train, predict = classical(make)
"""

rng = np.random.default_rng(0)
TRACKS = [rng.normal(size=(2, 9)).astype("f4") + number % 3 for number in range(40)]


def fit(model: Model) -> object:
    params = dict(model.card.params) | ({"n_estimators": 3} if "forest" in model.card.name else {})
    labels = np.arange(40) % 3
    return model.train(
        TRACKS, labels, ["a", "b", "c"], np.arange(40), params, 0, lambda *_, **__: None, Path()
    )


def predicted(model: Model, fitted: object) -> np.ndarray:
    return np.concatenate(model.predict(fitted, TRACKS, 3))


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", [*BUILT_IN, "./own.py"])
def test_a_saved_estimator_is_loaded(name, tmp_path, workspace):
    Path("own.py").write_text(OWN)
    model = open_registry().load(name)
    fitted = fit(model)
    assert model.save(fitted, tmp_path)
    assert np.array_equal(predicted(model, model.load(tmp_path)), predicted(model, fitted))


def dump(estimator: object, folder: Path) -> None:
    """Save as a stranger does: the zoo does not know the file."""
    import skops.io

    skops.io.dump(estimator, folder / "model.skops")


@pytest.mark.parametrize(
    ("module", "name", "held"),
    [
        ("tree", "DecisionTreeClassifier", r"tree\._tree\.Tree"),
        (
            "neighbors",
            "KNeighborsClassifier",
            r".*, sklearn\.neighbors\._kd_tree\.KDTree",
        ),
    ],
)
def test_compiled_types_from_elsewhere_are_not_followed(module, name, held, tmp_path):
    options = {"algorithm": "kd_tree"} if module == "neighbors" else {}
    kind = getattr(importlib.import_module(f"sklearn.{module}"), name)
    dump(kind(**options).fit(np.eye(6), [0, 1] * 3), tmp_path)
    model = open_registry().load("logistic")
    with pytest.raises(PluginError, match=rf"it holds \S*sklearn\.{held}, and only") as caught:
        model.load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "megabytes"), [("schema.json", 17), ("0.npy", 257)])
def test_a_file_from_elsewhere_that_unpacks_to_much_is_refused(name, megabytes, tmp_path):
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        packed.writestr(name, bytes(megabytes << 20))
    with pytest.raises(PluginError, match=rf"it unpacks to {megabytes} MB, and .* 256 MB, 16 of"):
        open_registry().load("logistic").load(tmp_path)


def function(): ...


class Other:
    """Not of the plugin's module."""


@pytest.mark.parametrize(
    "kind",
    [os.system, function, Other, OutputFile, np.lib.format.open_memmap],
    ids=attrgetter("__name__"),
)
def test_what_is_neither_of_sklearn_nor_of_the_plugin_is_refused(kind, tmp_path, workspace):
    Path("own.py").write_text(OWN)
    model = open_registry().load("./own.py")
    held = object.__new__(kind) if isinstance(kind, type) else kind
    estimator = fit(open_registry().load("logistic"))
    estimator.extra_ = held
    dump(estimator, tmp_path)
    remember_own(hash_of(tmp_path / "model.skops"))
    with pytest.raises(PluginError, match=rf"it holds \S*{kind.__name__}, and only classes of"):
        model.load(tmp_path)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sklearn.datasets._base", "urlretrieve"),
        ("sklearn.datasets", "load_svmlight_file"),
        ("sklearn.utils.fixes", "np"),
        ("sklearn.no.such.module", "Thing"),
        ("zoo_file_of_nobody", "Thing"),
        ("", "Thing"),
    ],
)
def test_a_forged_name_is_refused(module, name, tmp_path, workspace):
    class Thing:
        pass

    Thing.__module__, Thing.__name__ = module or "unknown", name
    dump(Thing(), tmp_path)
    before = set(sys.modules)
    with pytest.raises(PluginError, match=r"model\.skops is not loaded"):
        open_registry().load("logistic").load(tmp_path)
    assert "zoo_file_of_nobody" not in set(sys.modules) - before
