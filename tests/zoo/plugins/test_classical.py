"""Models made by `classical`: what reaches the estimator, and its ONNX form."""

import inspect
import sys
import warnings

import numpy as np
import onnxruntime
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import roc_auc_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import zoo
import zoo.plugins.classical  # `zoo.classical` is its function
from zoo import CannotExport, ZooError, classical
from zoo.plugins.bounded import Bounded
from zoo.plugins.classical import check_estimator, components_of
from zoo.plugins.registry import open_registry
from zoo.plugins.sklearn_defaults import EstimatorDefaults
from zoo.testing import CHECKS, Subject, examine
from zoo_registry.errors import PluginError

classical_hooks = sys.modules["zoo.plugins.classical"]
rng = np.random.default_rng(0)
LABELS = np.array([0, 0, 2, 2, 0, 2])
TRACKS = [
    rng.normal(3.0 * label, 1.0, (number, 2)).astype(np.float32)
    for number, label in zip([3, 1, 2, 4, 1, 2], LABELS, strict=True)
]
CLASSES = ["a", "never", "c"]


def fitted(make, groups=None, seed=0, **params):
    groups = np.arange(len(TRACKS)) if groups is None else groups
    train, predict = classical(make)
    return train(TRACKS, LABELS, CLASSES, groups, params, seed), predict


class TestHooks:
    def test_rows_are_windows_and_a_class_without_a_track_gets_zero(self):
        model, predict = fitted(lambda: LogisticRegression(C=1.0))
        assert model.n_features_in_ == 2
        found = predict(model, TRACKS)
        assert [rows.shape for rows in found] == [(len(track), 3) for track in TRACKS]
        for rows, label in zip(found, LABELS, strict=True):
            assert rows.sum(axis=1) == pytest.approx(1.0)
            assert (rows[:, 1] == 0).all()
            assert rows.mean(axis=0).argmax() == label

    def test_make_gets_what_it_asks_for_by_name(self):
        given = {}

        def make(seed, params):
            given.update(seed=seed, params=params)
            return LogisticRegression()

        fitted(make, seed=7, C=2.0)
        assert given == {"seed": 7, "params": {"C": 2.0}}

    def test_inner_folds_keep_groups_together(self):
        kept = []
        owner = np.repeat(np.arange(len(TRACKS)), [len(track) for track in TRACKS])
        for groups in ([0, 0, 1, 1, 2, 3], [0, 0, 1, 1, 0, 1], None):
            fitted(
                lambda inner_folds: kept.append(inner_folds) or LogisticRegression(),
                None if groups is None else np.array(groups),
            )
            # One group per class cannot be split: then tracks stay whole.
            whole = np.arange(6) if groups is None or len(set(groups)) == 2 else np.array(groups)
            for learnt, held in kept[-1]:
                assert sorted([*learnt, *held]) == list(range(len(owner)))
                assert set(whole[owner[learnt]]).isdisjoint(whole[owner[held]])
                assert set(LABELS[owner[learnt]]) == set(LABELS[owner[held]]) == {0, 2}

    def test_a_class_of_one_track_makes_both_parts_the_whole(self):
        kept = []
        train, _ = classical(lambda inner_folds: kept.append(inner_folds) or LogisticRegression())
        train(TRACKS[:3], LABELS[:3], CLASSES, np.arange(3), {}, 0)
        ((learnt, held),) = kept[0]
        assert list(learnt) == list(held) == list(range(6))

    def test_another_argument_is_refused_with_a_reason(self):
        with pytest.raises(ZooError, match="takes colour; it can take params, seed, inner_folds"):
            classical(lambda params, colour: None)

    def test_fitting_takes_all_cores_and_predicting_one(self):
        model, _ = fitted(lambda: RandomForestClassifier(3, random_state=0))
        assert model.estimator_.n_jobs is None

    def test_filters_of_warnings_end_with_the_fit(self):
        def make():
            warnings.filterwarnings("ignore", "Maximum number of iteration")
            return SGDClassifier("log_loss", max_iter=1, tol=None, random_state=0)

        before = list(warnings.filters)
        fitted(make)
        assert warnings.filters == before

    def test_the_hooks_have_the_arguments_of_the_specification(self):
        train, predict = classical(lambda: None)
        assert set(inspect.signature(train).parameters) == {
            "tracks", "labels", "classes", "groups", "params", "seed", "sample_weight",
        }  # fmt: skip
        assert list(inspect.signature(predict).parameters) == ["model", "tracks"]


@pytest.mark.parametrize("classes", [2, 3])
class TestTemperature:
    def calibrated(self, estimator, classes, ensemble=False):
        X = np.random.default_rng(1).normal(size=(120, 4)).astype(np.float32)
        y = (X[:, 0] > 0).astype(int) + (classes - 2) * (X[:, 1] > 0.5)
        model = CalibratedClassifierCV(estimator, method="temperature", ensemble=ensemble)
        return model.fit(X, y), X

    @pytest.mark.parametrize(
        "estimator",
        [SVC(), make_pipeline(StandardScaler(), SVC()), SGDClassifier(random_state=0)],
        ids=["svc", "pipeline", "sgd"],
    )
    def test_the_graph_has_the_calibrated_probabilities(self, estimator, classes):
        model, X = self.calibrated(estimator, classes)
        proto = EstimatorDefaults().export(model)
        assert [output.name for output in proto.graph.output] == ["probabilities"]
        session = onnxruntime.InferenceSession(proto.SerializeToString())
        (found,) = session.run(None, {"track": X})
        assert found == pytest.approx(model.predict_proba(X), abs=1e-5)

    @pytest.mark.parametrize(
        ("estimator", "ensemble"),
        [(SVC(), True), (RandomForestClassifier(5, random_state=0), False)],
        ids=["ensemble", "forest"],
    )
    def test_what_has_no_form_is_refused_with_a_reason(self, estimator, ensemble, classes):
        model, _ = self.calibrated(estimator, classes, ensemble)
        with pytest.raises(CannotExport, match="calibrate an SVC with ensemble=False"):
            EstimatorDefaults().export(model)


ESTIMATORS = {
    "svm": SVC(),
    "svm per class": OneVsRestClassifier(SVC()),
    "logistic": LogisticRegression(),
    "forest": RandomForestClassifier(20, random_state=0),
    "tree": DecisionTreeClassifier(min_samples_leaf=3, random_state=0),
    "margin": SGDClassifier(random_state=0),
    "first column": make_pipeline(
        SelectFromModel(
            RandomForestClassifier(10, random_state=0), threshold=-np.inf, max_features=1
        ),
        DecisionTreeClassifier(min_samples_leaf=3, random_state=0),
    ),
    "scaled by itself": make_pipeline(StandardScaler(), LogisticRegression()),
}


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", ESTIMATORS)
class TestEveryEstimator:
    """Of tracks whose columns have very different scales, one of which is constant."""

    def data(self, classes, seed=0, count=240):
        rng = np.random.default_rng(seed)
        labels = np.arange(count) % classes
        rows = rng.normal(labels[:, None] * [1, 0.5, 0, 0, 0], 1.2, (count, 5))
        rows = rows * [1, 1e4, 1e-4, 1, 0] + [0, 1e5, 0, 0, 7]
        return [row[None].astype(np.float32) for row in rows], labels

    def fit(self, name, classes):
        tracks, labels = self.data(classes)
        train, predict = classical(lambda: ESTIMATORS[name])
        model = train(
            tracks, labels, [str(n) for n in range(classes)], np.arange(len(labels)), {}, 0
        )
        return model, predict

    def test_the_graph_answers_as_the_model_does(self, name, classes):
        model, predict = self.fit(name, classes)
        tracks, _ = self.data(classes, seed=1)
        extreme = [np.float32([[1e9, -1e9, 1e9, 0, -1e9]])]  # constant in training: it is zero
        proto = EstimatorDefaults().export(model)
        session = onnxruntime.InferenceSession(proto.SerializeToString())
        (found,) = session.run(None, {"track": np.concatenate(tracks + extreme)})
        assert found == pytest.approx(np.concatenate(predict(model, tracks + extreme)), abs=1e-5)

    def test_answers_are_probabilities_and_winners_those_of_the_estimator(self, name, classes):
        model, predict = self.fit(name, classes)
        tracks, _ = self.data(classes, seed=1, count=2000)
        found = np.concatenate(predict(model, tracks))
        assert found.sum(axis=1) == pytest.approx(1)
        bounded = model.bounded_.transform(np.concatenate(tracks))
        assert (model.estimator_.predict(bounded) == found.argmax(axis=1)).mean() > 0.99  # ties

    def test_saved_and_loaded_it_is_the_same(self, name, classes, tmp_path):
        model, predict = self.fit(name, classes)
        tracks, _ = self.data(classes, seed=1)
        assert EstimatorDefaults().save(model, tmp_path)
        loaded = EstimatorDefaults().load(tmp_path)
        assert np.array_equal(predict(loaded, tracks), predict(model, tracks))


def test_an_estimator_may_calibrate_itself():
    def make(inner_folds):
        return CalibratedClassifierCV(SVC(), method="temperature", cv=inner_folds, ensemble=False)

    model, predict = fitted(make)
    session = onnxruntime.InferenceSession(EstimatorDefaults().export(model).SerializeToString())
    (found,) = session.run(None, {"track": np.concatenate(TRACKS)})
    assert found == pytest.approx(np.concatenate(predict(model, TRACKS))[:, [0, 2]], abs=1e-5)


def test_a_group_that_holds_a_whole_class_is_no_fold():
    """Such as two copies of one recording with two labels."""
    model, predict = fitted(lambda: LogisticRegression(C=1.0), np.array([0, 1, 1, 1, 1, 0]))
    assert np.isfinite(np.concatenate(predict(model, TRACKS))).all()


def test_no_value_lies_further_out_than_the_bound():
    rows = np.float32([[0, 1, 3], [1, 1, 3], [2, 1, 3]])
    bounded = Bounded().fit(rows)
    found = bounded.transform(np.float32([[-1e6, 1e6, -1e6], [1, 1, 3]]))
    assert found.tolist() == [[-5, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("classes", [2, 6])
def test_the_svm_is_surer_of_right_answers(classes, tmp_path):
    """Counts of won pairs, the scores of one SVC for several classes, say nothing of it."""
    rng = np.random.default_rng(0)
    labels = np.arange(600) % classes
    rows = np.float32(rng.normal(0, 1.0, (600, 8)) + 1.4 * np.eye(8)[labels])
    tracks = [row[None] for row in rows]
    svm = open_registry().load("svm")
    names = [str(number) for number in range(classes)]
    params = dict(svm.card.params)
    model = svm.train(
        tracks[:300],
        labels[:300],
        names,
        np.arange(300),
        params,
        0,
        lambda *_, **__: None,
        tmp_path,
    )
    found = np.concatenate(svm.predict(model, tracks[300:], classes))
    right = found.argmax(axis=1) == labels[300:]
    assert roc_auc_score(right, found.max(axis=1)) > 0.65


@pytest.mark.parametrize(
    ("estimator", "scores"),
    [
        ("VotingClassifier([('a', SVC()), ('b', LogisticRegression())])", False),
        ("LogisticRegression()", True),
        ("StackingClassifier([('a', SVC()), ('b', LogisticRegression())])", True),
        ("1 / 0", True),  # a fold tells it
    ],
)
def test_a_classifier_without_scores_is_refused_before_a_fold(estimator, scores, tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        "from zoo import Card, Handcrafted, classical\n"
        "card = Card(name='own', title='Own', family='classical', frontend=Handcrafted())\n"
        "def make():\n"
        "    from sklearn.ensemble import StackingClassifier, VotingClassifier\n"
        "    from sklearn.linear_model import LogisticRegression\n"
        "    from sklearn.svm import SVC\n"
        f"    return {estimator}\n"
        "train, predict = classical(make)\n"
    )
    model = open_registry().load(str(path))
    if scores:
        check_estimator(model, {})
        return
    said = "^the classifier of own, a VotingClassifier, has neither predict_proba nor decision_func"
    for command in (zoo.train, zoo.tune):
        with pytest.raises(PluginError, match=said):
            command(str(path), "demo")
    subject = Subject(str(path))
    outcomes = {name: examine(check, subject, {}) for name, check in CHECKS.items()}
    subject.close()
    failed = [name for name, outcome in outcomes.items() if outcome.status == "failed"]
    assert failed == ["hooks-as-specified"]


class TestManyColumns:
    """An encoder has more columns than there are recordings."""

    KINDS = np.arange(90) % 3
    MANY = tuple(
        (rng.normal(size=(2, 600)) + np.roll(np.eye(600)[0] * 9, label)).astype("f4")
        for label in np.arange(90) % 3
    )

    def fitted(self, name, tracks=MANY):
        module = open_registry().load(name).module
        arguments = (self.KINDS, list("abc"), np.arange(90), dict(module.card.params), 0)
        return module.train(tracks, *arguments), module

    @pytest.mark.parametrize("name", ["svm", "logistic", "elasticnet", "knn"])
    def test_a_model_of_sums_and_distances_gets_their_components(self, name):
        model, module = self.fitted(name)
        assert model.projection_.shape == (600, 64)
        assert model.estimator_.n_features_in_ == 64
        inputs = model._inputs(np.concatenate(self.MANY))
        assert 8 < inputs.var(axis=0).sum() < 20
        rows = rng.normal(size=(50, 600)).astype("f4") * 3
        proto = EstimatorDefaults().export(model)
        assert proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value == 600
        assert proto.ByteSize() < 200_000  # 150,000 are the matrix that makes the components
        session = onnxruntime.InferenceSession(proto.SerializeToString())
        (found,) = session.run(None, {"track": rows})
        assert found == pytest.approx(module.predict(model, [rows])[0], abs=1e-4)

    def test_a_run_knows_their_number(self, monkeypatch):
        load = open_registry().load
        assert components_of(load("svm", frontend="yamnet"), None) == 64
        assert components_of(load("svm"), 201) == 64  # of a table
        assert components_of(load("svm"), None) is None
        assert components_of(load("svm"), 200) is None
        assert components_of(load("random-forest", frontend="yamnet"), None) is None
        monkeypatch.setattr(classical_hooks, "_COMPONENTS", 50)
        assert components_of(load("svm", frontend="yamnet"), None) == 50
        model, _ = self.fitted("svm")
        assert model.projection_.shape == (600, 50)

    @pytest.mark.parametrize("name", ["svm", "knn"])
    def test_up_to_two_hundred_stay_as_they_are(self, name):
        model, _ = self.fitted(name, [track[:, :200] for track in self.MANY])
        assert model.projection_ is None
        assert model.estimator_.n_features_in_ == 200

    def test_saved_and_loaded_it_is_the_same(self, tmp_path):
        model, module = self.fitted("knn")
        EstimatorDefaults().save(model, tmp_path)
        again = EstimatorDefaults().load(tmp_path)
        rows = [rng.normal(size=(9, 600)).astype("f4")]
        assert (module.predict(again, rows)[0] == module.predict(model, rows)[0]).all()

    def test_a_forest_gets_the_columns(self):
        make = lambda: RandomForestClassifier(5, random_state=0)  # noqa: E731
        train, _ = classical(make)
        model = train(self.MANY, self.KINDS, list("abc"), np.arange(90), {}, 0)
        assert model.estimator_.n_features_in_ == 600
