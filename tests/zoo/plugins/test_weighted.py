"""Models in whose training all classes count alike: ``class_weight=balanced``."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import zoo
from zoo.evaluate.vote import vote_winners
from zoo.plugins.registry import open_registry
from zoo.plugins.weighted import fit_weighted, takes_weights
from zoo.training.verify import verify_run
from zoo_registry.class_weight import balanced_weights
from zoo_registry.discovery import BUILT_IN
from zoo_registry.errors import UsageError
from zoo_registry.runs import Run

MODELS = [
    entry.name
    for entry in open_registry().entries
    if entry.kind == "model" and entry.source.distribution == BUILT_IN
]
CLASSICAL = [name for name in MODELS if open_registry().load(name).card.family == "classical"]
# Trees that grow to single tracks hardly heed weights.
SMALL = {name: {} for name in CLASSICAL} | {
    "random-forest": {"n_estimators": 50, "min_samples_leaf": 5}
}
WEIGHTED = [name for name in CLASSICAL if name != "knn"]  # its neighbours vote, it is not fitted


@pytest.fixture
def lopsided(tmp_path: Path) -> str:
    """A table of two classes that overlap, of 200 tracks and of 20."""
    rng = np.random.default_rng(0)
    path = tmp_path / "lopsided.csv"
    rows = [
        f"{label}-{number},{','.join(map(str, rng.standard_normal(2) + 0.8 * is_rare))},{label}"
        for label, count, is_rare in (("common", 200, 0), ("rare", 20, 1))
        for number in range(count)
    ]
    path.write_text("\n".join(["track,f0,f1,label", *rows]))
    return str(path)


def train(name: str, data: str, weight: str = "balanced", **params: object) -> Run:
    given = {"class_weight": weight} | params
    return zoo.train(name, data, params=given, protocol="kfold:2", robustness=0)


def balanced_accuracy(run: Run) -> float:
    found = run.predictions()
    won = vote_winners(found.votes, found.probabilities)
    return float(balanced_accuracy_score(found.labels, won))


def test_every_built_in_model_but_knn_has_the_parameter():
    weighed = {name for name in MODELS if open_registry().load(name).card.weighs_classes}
    assert weighed == set(MODELS) - {"knn"}


@pytest.mark.parametrize("name", WEIGHTED)
def test_balanced_accuracy_is_higher_and_a_run_without_weights_is_that_of_before(name, lopsided):
    plain, weighted = (
        train(name, lopsided, "none", **SMALL[name]),
        train(name, lopsided, **SMALL[name]),
    )
    assert balanced_accuracy(weighted) > balanced_accuracy(plain) + 0.02
    assert weighted.record.params["class_weight"] == "balanced"
    assert "class_weight=balanced" in weighted.record.command
    assert "class_weight=balanced" in weighted.card_path.read_text()
    assert "class_weight" not in plain.record.params
    assert b'"class_weight"' not in plain.artefact_path.read_bytes()
    assert "class_weight" not in plain.record.command
    assert verify_run(plain, rerun=True, data=lopsided) == []
    again = zoo.train(name, lopsided, protocol="kfold:2", robustness=0, params=SMALL[name])
    assert again.id == plain.id


@pytest.mark.deep
@pytest.mark.skipif(find_spec("keras_tuner") is None, reason="needs genre-zoo[deep]")
def test_weights_are_tuned_if_the_card_says_so(lopsided):
    Path("own.py").write_text(
        OWN.format("GaussianNB(**params)").replace(
            "**CLASS_WEIGHT}",
            "**CLASS_WEIGHT}, space={'class_weight': Choice(('none', 'balanced'))}",
        )
    )
    tuning = zoo.tune("./own.py", lopsided, trials=3)
    tried = {trial.params["class_weight"] for trial in tuning.trials if trial.scores}
    assert tried == {"none", "balanced"}
    run = zoo.train("./own.py", lopsided, tuned=True, robustness=0)
    best = tuning.best.params["class_weight"]
    assert run.record.params.get("class_weight", "none") == best
    assert zoo.train("./own.py", lopsided, nested=1, robustness=0).complete


OWN = """
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.linear_model import LogisticRegression
from zoo import CLASS_WEIGHT, Card, Choice, Handcrafted, classical

card = Card(name="own", title="Own", family="classical", frontend=Handcrafted(),
            params={{**CLASS_WEIGHT}})

def make(params):
    return {}

train, predict = classical(make)
"""


def test_a_plugin_of_a_stranger_gets_it_in_one_line(lopsided):
    Path("own.py").write_text(OWN.format("GaussianNB(**params)"))
    plain, weighted = train("./own.py", lopsided, "none"), train("./own.py", lopsided)
    assert balanced_accuracy(weighted) > balanced_accuracy(plain) + 0.05


def test_one_that_takes_no_weights_is_refused_in_one_sentence(lopsided, command, capsys):
    Path("own.py").write_text(OWN.format("KNeighborsClassifier(3, **params)"))
    assert train("./own.py", lopsided, "none").complete
    with pytest.raises(UsageError, match="a KNeighborsClassifier, takes no sample_weight"):
        train("./own.py", lopsided)
    words = ("svm", "./own.py", "--data", lopsided, "--set", "class_weight=balanced")
    for line in (("train", *words), ("plugins", "check", "./own.py", *words[-2:])):
        assert command("-q", *line) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "leave out class_weight=balanced" in said


HOOKS = """
import numpy as np
from zoo import CLASS_WEIGHT, Card, Handcrafted, hookimpl

card = Card(name="hooks", title="Hooks", family="test", frontend=Handcrafted(),
            params={"shrink": 1, **CLASS_WEIGHT})

@hookimpl
def train(tracks, labels, classes, params{taken}):
    assert list(params) == ["shrink"]
    weights = np.ones(len(labels)) if {weights} is None else {weights}
    return np.bincount(labels, weights, len(classes)) / weights.sum()

@hookimpl
def predict(model, tracks):
    return [np.tile(model, (len(track), 1)) for track in tracks]
"""


def test_hooks_of_a_stranger_take_the_weights(lopsided):
    Path("hooks.py").write_text(
        HOOKS.replace("{taken}", ", sample_weight").replace("{weights}", "sample_weight")
    )
    for weight, rare in (("none", 20 / 140), ("balanced", 0.5)):
        run = train("./hooks.py", lopsided, weight)
        fold = json.loads((run.folder / "run.json").read_text())["folds"][0]
        assert fold["error"] is None
        model = open_registry().load("./hooks.py")
        labels = np.repeat([0, 1], [120, 20])
        tracks = [np.zeros((1, 1), np.float32)] * 140
        params = model.card.resolve({"class_weight": weight})
        shares = model.train(tracks, labels, ["a", "b"], labels, params, 0, print, Path())
        assert shares[1] == pytest.approx(rare)


def test_hooks_that_take_none_are_refused_only_if_asked_for(lopsided):
    Path("hooks.py").write_text(HOOKS.replace("{taken}", "").replace("{weights}", "None"))
    assert train("./hooks.py", lopsided, "none").is_scored
    with pytest.raises(UsageError, match="the `train` hook of hooks takes no sample_weight"):
        train("./hooks.py", lopsided)


def test_a_parameter_of_this_name_of_an_earlier_plugin_stays_its_own(lopsided):
    own = OWN.format('LogisticRegression(class_weight=params["class_weight"])')
    Path("own.py").write_text(own.replace("**CLASS_WEIGHT", '"class_weight": None'))
    run = zoo.train("./own.py", lopsided, protocol="kfold:2", robustness=0)
    assert run.record.params == {"class_weight": None}
    assert balanced_accuracy(train("./own.py", lopsided)) > balanced_accuracy(run)


LABELS = np.repeat([0, 1], [90, 10])
ROWS = np.random.default_rng(3).normal(size=(100, 4)) + LABELS[:, None] * [1, 0, 0, 0]
TAKE = [
    GaussianNB(),
    OneVsRestClassifier(make_pipeline(StandardScaler(), SVC())),
    make_pipeline(StandardScaler(), LogisticRegression()),
    CalibratedClassifierCV(SVC(), method="temperature", ensemble=False, cv=3),
    GridSearchCV(SVC(), {"C": [1, 10]}, cv=3),
    VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], voting="soft"),
    StackingClassifier([("a", GaussianNB()), ("b", SVC())], cv=3),
    BaggingClassifier(SVC(), random_state=0),
    AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), random_state=0),
]
DO_NOT = [
    KNeighborsClassifier(),
    make_pipeline(StandardScaler(), KNeighborsClassifier()),
    BaggingClassifier(KNeighborsClassifier()),
    VotingClassifier([("a", GaussianNB()), ("b", KNeighborsClassifier())]),
]


@pytest.mark.parametrize("estimator", TAKE, ids=lambda each: type(each).__name__)
def test_weights_reach_what_an_estimator_is_made_of(estimator):
    assert takes_weights(estimator)
    shares = [
        fit_weighted(estimator, ROWS, LABELS, weights).predict(ROWS).mean()
        for weights in (np.ones(100), balanced_weights(LABELS))
    ]
    assert shares[1] > shares[0] + 0.04
    assert not any("metadata_request" in name for name in vars(type(estimator)))


@pytest.mark.parametrize("estimator", DO_NOT, ids=lambda each: type(each).__name__)
def test_what_takes_none_is_known(estimator):
    assert not takes_weights(estimator)


@pytest.mark.parametrize("name", WEIGHTED)
def test_a_weighted_model_is_stored_and_exported(name, tmp_path):
    model = open_registry().load(name)
    tracks = [ROWS[n : n + 2].astype(np.float32) for n in range(0, 100, 2)]
    params = model.card.resolve({"class_weight": "balanced"} | SMALL[name])
    fitted = model.train(tracks, LABELS[::2], ["a", "b"], np.arange(50), params, 0, print, Path())
    assert model.save(fitted, tmp_path)
    found = (np.concatenate(model.predict(f, tracks, 2)) for f in (fitted, model.load(tmp_path)))
    assert np.array_equal(*found)
    assert model.export(fitted) is not None
