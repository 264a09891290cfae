"""How plugins are found and loaded one by one, with real modules, packages and entry points."""

import itertools
import json
import re
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_array

from zoo_registry import CannotExport, PluginError, Registry, UnknownModel, UsageError, hookimpl
from zoo_registry.discovery import BUILT_IN, EXTENSIONS, MODELS
from zoo_registry.model import Model, Source
from zoo_registry.text import pip_install

HEAD = """
from dataclasses import dataclass
from typing import ClassVar

from zoo_registry import Card, hookimpl


@dataclass(frozen=True)
class Rows:
    name: ClassVar[str] = "rows"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "vectors"
    sample_rate: int = 8000

    def __call__(self, audio):
        return audio.reshape(-1, 2)

"""


class Tensor:
    def __array__(self, *_, **__):
        raise RuntimeError("on a device")

    def detach(self): ...


CARD = 'card = Card(name="{name}", title="Sound", family="test", frontend=Rows())\n'
TRAIN = """
@hookimpl
def train(classes):
    return len(classes)

"""
PREDICT = """
@hookimpl
def predict(model, tracks):
    import numpy as np
    return [np.full((len(track), model), 1 / model) for track in tracks]
"""


def sound(name: str) -> str:
    return HEAD + CARD.format(name=name) + TRAIN + PREDICT


BROKEN = {
    "import-error": ("import there_is_no_such_module", "ModuleNotFoundError.*no_such_module"),
    "syntax-error": ("def (:\n", "SyntaxError.*syntax"),
    "null-bytes": ("x = 1\0", "SyntaxError|ValueError"),
    "system-exit": ("raise SystemExit('bye')", "SystemExit: bye"),
    "silent-exit": ("import sys; sys.exit()", "SystemExit"),
    "outside-exception": ("class Odd(BaseException): pass\nraise Odd('odd')", "Odd: odd"),
    "generator-exit": ("raise GeneratorExit", "GeneratorExit: no message"),
    "many-lines": ("raise RuntimeError('\\n\\nfirst\\nsecond')", "RuntimeError: first$"),
    "unprintable": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
        "Odd",
    ),
    "endless": ("def f(): f()\nf()", "RecursionError"),
    "no-card": (HEAD + TRAIN + PREDICT, "declares no `card`"),
    "card-of-another-kind": (HEAD + "card = {'name': 'x'}" + TRAIN + PREDICT, "declares no `card`"),
    "card-malformed": (HEAD + CARD.format(name="No Name"), "'No Name' is malformed"),
    "card-named-otherwise": (sound("other"), "card is named 'other', its entry point"),
    "no-train": (HEAD + CARD.format(name="no-train") + PREDICT, "no hook 'train'"),
    "no-predict": (HEAD + CARD.format(name="no-predict") + TRAIN, "no hook 'predict'"),
    "unmarked": (
        HEAD + CARD.format(name="unmarked") + (TRAIN + PREDICT).replace("@hookimpl", ""),
        r"function 'train' is not marked as a hook, line \d+ of .*\.py; write @hookimpl above it",
    ),
    "misspelt-hook": (
        sound("misspelt-hook") + "\n@hookimpl\ndef preproces(audio): return audio\n",
        r"unknown hook 'preproces', line \d+ of .*\.py .*closest name there is 'preprocess'",
    ),
    "misspelt-train": (sound("misspelt-train").replace("def train", "def trian"), "trian"),
    "wrong-argument": (
        sound("wrong-argument").replace("(classes)", "(clases)"),
        r"hook 'train' has no argument 'clases', line \d+ of .*\.py; it takes .* tracks, labels",
    ),
}  # fmt: skip


@pytest.fixture
def good(install_plugin):
    return install_plugin("good", sound("good"))


class TestBrokenPlugins:
    @pytest.mark.parametrize("name", BROKEN)
    def test_is_shown_with_its_reason_and_harms_no_other(self, install_plugin, good, name):
        source, reason = BROKEN[name]
        bad = install_plugin(name, source, distribution="Bad_Package", version="0.3")
        registry = Registry(points=[bad, good])
        assert registry.names() == sorted(["good", name])
        states = {state.name: state for state in registry.models()}
        assert states["good"].status == "ready"
        assert (states["good"].title, states["good"].family) == ("Sound", "test")
        broken = states[name]
        assert broken.status == "broken"
        assert (broken.distribution, broken.version) == ("Bad_Package", "0.3")
        with pytest.raises(PluginError) as caught:
            registry.load(name)
        assert str(caught.value) == broken.reason
        assert "\n" not in broken.reason
        assert re.search(reason, broken.reason)
        assert registry.load("good").card.name == "good"

    @pytest.mark.parametrize(
        ("attribute", "reason"),
        [
            (":card", "is not a module; name the module alone"),
            (":nothing", "AttributeError.*nothing"),
        ],
    )
    def test_entry_point_of_something_else(self, install_plugin, attribute, reason):
        point = install_plugin("good", sound("good"), attribute=attribute)
        with pytest.raises(PluginError, match=reason):
            Registry(points=[point]).load("good")

    def test_entry_point_of_a_module_that_is_gone(self):
        registry = Registry(points=[EntryPoint("gone", "zoo_gone_module", MODELS)])
        (state,) = registry.models()
        assert state.status == "broken"
        assert "No module named 'zoo_gone_module'" in state.reason

    def test_interrupt_is_the_users(self, install_plugin):
        point = install_plugin("stop", "raise KeyboardInterrupt")
        with pytest.raises(KeyboardInterrupt):
            Registry(points=[point]).load("stop")

    @pytest.mark.parametrize("required", ["there_is_no_such", "there_is_no.such", "json.no_such"])
    def test_missing_framework(self, install_plugin, required):
        source = sound("deep").replace("Rows())", f"Rows(), requires=('json', '{required}'))")
        registry = Registry(points=[install_plugin("deep", source)])
        (state,) = registry.models()
        assert state.status == "missing"
        assert required in state.reason
        assert "pip install" in state.reason
        assert registry.load("deep").missing() == [required]

    def test_missing_extra_is_named(self, install_plugin):
        source = sound("deep").replace("Rows())", "Rows(), requires=('no_tf',), extra='deep')")
        (state,) = Registry(points=[install_plugin("deep", source)]).models()
        assert state.reason == f"needs no_tf: {pip_install('deep')}"

    def test_what_is_printed_on_import_is_swallowed(self, install_plugin, capfd):
        source = "import sys\nprint('hello')\nsys.stdout.write('world')\n" + sound("loud")
        (state,) = Registry(points=[install_plugin("loud", source)]).models()
        assert state.status == "ready"
        print("mine")
        assert capfd.readouterr().out == "mine\n"


class TestLaziness:
    def test_listing_names_imports_nothing(self, install_plugin, good):
        bad = install_plugin("bad", "raise SystemExit")
        before = set(sys.modules)
        assert Registry(points=[good, bad]).names() == ["bad", "good"]
        assert set(sys.modules) == before

    def test_loading_one_imports_no_other(self, install_plugin, good):
        bad = install_plugin("bad", "import stranger_other", module="stranger_bad")
        registry = Registry(points=[bad, good])
        assert registry.load("good") is registry.load("good")
        assert "stranger_good" in sys.modules
        assert "stranger_bad" not in sys.modules

    def test_registries_share_no_state(self, good):
        one, other = Registry(points=[good]), Registry(points=[good])
        assert one.load("good") is not other.load("good")
        assert Registry(points=[]).names() == []


class TestClashes:
    def test_no_stranger_shadows_a_built_in(self, install_plugin, tmp_path):
        built_in = [point for point in entry_points(group=MODELS) if point.dist.name == BUILT_IN]
        assert built_in
        taken = built_in[0].name
        claims = [
            install_plugin(
                taken, "raise SystemExit", distribution=distribution, module=f"claim_{number}"
            )
            for number, distribution in enumerate(["aaa", "zzz"])
        ]
        for points in ([*claims, *built_in], [*built_in, *claims]):
            registry = Registry(points=points)
            assert registry.names() == sorted(point.name for point in built_in)
            assert registry.load(taken).source.distribution == BUILT_IN
            states = [state for state in registry.models() if state.name == taken]
            assert [(state.distribution, state.status) for state in states] == [
                ("aaa", "broken"), (BUILT_IN, "ready"), ("zzz", "broken"),
            ]  # fmt: skip
            assert f"the name {taken!r} is taken by {BUILT_IN}" in states[0].reason
        assert not {"claim_0", "claim_1"} & set(sys.modules)

    def test_between_strangers_the_first_by_package_keeps_the_name(self, install_plugin):
        points = [
            install_plugin("same", sound("same"), distribution=package, module=f"same_{package}")
            for package in ("beta", "alpha", "gamma")
        ]
        for order in itertools.permutations(points):
            registry = Registry(points=order)
            assert registry.load("same").source.distribution == "alpha"
            assert [(state.distribution, state.status) for state in registry.models()] == [
                ("alpha", "ready"), ("beta", "broken"), ("gamma", "broken"),
            ]  # fmt: skip

    def test_one_package_seen_twice_is_no_clash(self, install_plugin, good):
        again = install_plugin("good", sound("good"))
        assert [state.status for state in Registry(points=[good, again]).models()] == ["ready"]

    def test_other_groups_are_none_of_its_business(self, install_plugin):
        point = install_plugin("good", sound("good"), group="console_scripts")
        assert Registry(points=[point]).names() == []


class TestLooseFiles:
    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "my model.py"
        path.write_text(sound("mine"))
        return path

    def test_is_a_model(self, file):
        model = Registry(points=[]).load(str(file))
        assert model.card.name == "mine"
        assert model.source.is_file
        assert model.source.name == str(file)
        assert model.source.distribution is None

    def test_relative_path_means_the_same(self, file):
        assert Registry(points=[]).load("./my model.py").source.name == str(file.resolve())

    def test_version_follows_the_content(self, file):
        first = Registry(points=[]).load(str(file)).source.version
        assert Registry(points=[]).load(str(file)).source.version == first
        file.write_text(sound("mine") + "# changed\n")
        assert Registry(points=[]).load(str(file)).source.version != first

    # A file has no name of its own that its card's could differ from.
    @pytest.mark.parametrize("name", sorted(set(BROKEN) - {"card-named-otherwise"}))
    def test_broken_file(self, tmp_path, name):
        source, reason = BROKEN[name]
        path = tmp_path / "broken.py"
        path.write_text(source)
        with pytest.raises(PluginError, match=reason):
            Registry(points=[]).load(str(path))

    @pytest.mark.parametrize("kind", ["nothing", "folder"])
    def test_no_such_file(self, tmp_path, kind):
        if kind == "folder":
            (tmp_path / "absent.py").mkdir()
        with pytest.raises(UnknownModel, match="no file"):
            Registry(points=[]).load(str(tmp_path / "absent.py"))

    def test_taken_name(self, file, install_plugin):
        registry = Registry(points=[install_plugin("mine", sound("mine"))])
        with pytest.raises(UsageError, match="'mine', a name that is taken"):
            registry.load(str(file))

    def test_unknown_name_lists_the_known(self, good):
        with pytest.raises(UnknownModel, match=r"no model 'god'; did you mean good\? Choose"):
            Registry(points=[good]).load("god")


EXTENSION = """
from zoo_registry import hookimpl

@hookimpl(wrapper=True)
def train():
    return (yield) * 10

@hookimpl
def zoo_datasets():
    return {"theirs": lambda: None}
"""
BROKEN_EXTENSIONS = {
    "import-error": ("import there_is_no_such_module", "there_is_no_such_module"),
    "system-exit": ("raise SystemExit", "SystemExit"),
    "misspelt-hook": (EXTENSION + "@hookimpl\ndef zoo_data(): pass\n", "zoo_data"),
    "wrong-argument": (EXTENSION.replace("train()", "train(lables)"), "lables"),
}


class TestExtensions:
    def test_wraps_every_model_and_offers_data(self, install_plugin, good):
        point = install_plugin("ext", EXTENSION, group=EXTENSIONS)
        registry = Registry(points=[point, good])
        assert registry.names() == ["good"]
        assert list(registry.extensions) == ["ext"]
        assert fit(registry.load("good")) == 30
        (offer,) = registry.ask("zoo_datasets")
        assert list(offer) == ["theirs"]

    @pytest.mark.parametrize("name", BROKEN_EXTENSIONS)
    def test_broken_one_is_told_and_harms_nobody(self, install_plugin, good, name, caplog):
        source, reason = BROKEN_EXTENSIONS[name]
        points = [
            install_plugin("bad", source, group=EXTENSIONS),
            install_plugin("fine", EXTENSION, group=EXTENSIONS),
            good,
        ]
        registry = Registry(points=points)
        assert [state.status for state in registry.models()] == ["ready"]
        assert fit(registry.load("good")) == 30
        assert len(registry.ask("zoo_datasets")) == 1
        assert list(registry.extensions) == ["fine"]
        (said,) = caplog.messages
        assert said.startswith("the extension bad is left out: ")
        assert reason in said

    def test_hears_of_runs(self, install_plugin, good):
        source = (
            "from zoo_registry import hookimpl\nheard = []\n"
            "@hookimpl\ndef zoo_run_finished(run): heard.append(run)\n"
        )
        registry = Registry(points=[install_plugin("ext", source, group=EXTENSIONS), good])
        list(registry.load("good").announce("zoo_run_finished", run="a run"))
        assert registry.extensions["ext"].heard == ["a run"]


def fit(model: Model):
    nothing = np.zeros(0, int)
    return model.train([], nothing, ["a", "b", "c"], nothing, {}, 0, print, Path("scratch"))


def load(tmp_path, extra: str = "", defaults=(), **replaced) -> Model:
    source = sound("mine") + extra
    for old, new in replaced.items():
        source = source.replace(old, new)
    (tmp_path / "mine.py").write_text(source)
    return Registry(defaults=defaults, points=[]).load(str(tmp_path / "mine.py"))


class TestModel:
    def test_preprocess_is_the_front_end_by_default(self, tmp_path):
        model = load(tmp_path)
        assert not model.overrides_preprocess
        assert model.preprocess(np.arange(4.0)).tolist() == [[0, 1], [2, 3]]

    def test_preprocess_of_its_own(self, tmp_path):
        model = load(tmp_path, "\n@hookimpl\ndef preprocess(audio): return audio[:, None] * 2\n")
        assert model.overrides_preprocess
        assert model.preprocess(np.arange(2.0)).tolist() == [[0], [2]]

    def test_preprocess_without_its_return_is_not_the_default(self, tmp_path):
        model = load(tmp_path, "\n@hookimpl\ndef preprocess(audio): audio[:, None] * 2\n")
        assert model.preprocess(np.arange(2.0)) is None

    @pytest.mark.parametrize(
        "answer",
        [
            [np.full((1, 2), 0.5, np.float32)], [np.full((1, 2), 0.5, np.float16)],
            [np.full((1, 2), 0.5, object)], [np.array([[True, False]])], ([[0, 1]],),
            np.full((1, 3, 2), 0.5), [[["0.5", "0.5"]]],
        ],
    )  # fmt: skip
    def test_any_form_of_numbers_is_taken(self, tmp_path, answer):
        (found,) = self.predicting(tmp_path, lambda model, tracks: answer)
        assert (found.dtype, found.shape[1]) == (np.float64, 2)

    def test_train_returns_a_model(self, tmp_path):
        assert fit(load(tmp_path)) == 3
        model = load(tmp_path, **{"return len(classes)": "pass"})
        with pytest.raises(PluginError, match="mine: train returned None"):
            fit(model)

    def test_predictions_are_checked_float64(self, tmp_path):
        tracks = [np.zeros((2, 1), np.float32), np.zeros((1, 1), np.float32)]
        answers = load(tmp_path).predict(4, tracks, 4)
        assert [(answer.shape, answer.dtype) for answer in answers] == [
            ((2, 4), np.float64), ((1, 4), np.float64),
        ]  # fmt: skip

    def test_small_rounding_is_forgiven(self, tmp_path):
        answers = [np.array([[0.50005, 0.5]], np.float32)]
        (answer,) = self.predicting(tmp_path, lambda model, tracks: answers)
        assert answer.shape == (1, 2)

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [pytest.param(*given, id=name) for name, given in {
            "none": (None, "returned None for 1 tracks"),
            "too few": ([], "0 arrays for 1 tracks"),
            "too many": ([np.full((1, 2), 0.5)] * 2, "2 arrays for 1 tracks"),
            "one dimension": ([np.full(2, 0.5)], r"shape \(2,\)"),
            "three classes": ([np.full((1, 3), 1 / 3)], r"shape \(1, 3\)"),
            "three dimensions": ([np.full((1, 1, 2), 0.5)], r"shape \(1, 1, 2\)"),
            "no window": ([np.zeros((0, 2))], r"shape \(0, 2\)"),
            "nan": ([np.array([[np.nan, 1.0]])], "predict returned NaN, .*; look for a logarithm"),
            "infinite": ([np.array([[np.inf, 1.0]])], "predict returned infinity, .*; look for"),
            "negative": ([np.array([[1.5, -0.5]])], "predict returned -0.5, .*; return a softmax"),
            "scores": ([np.array([[3.0, 4.0]])], "sum to 7 over .*; return a softmax"),
            "zeros": ([np.zeros((1, 2))], "sum to 0 over"),
            "sums": ([np.array([[0.5, 0.5], [0.5, 1.0]])], "sum to 1 to 1.5 over"),
            "a label": ([1], r"predict returned 1 for a track; return \(windows, 2\)"),
            "nothing for a track": ([None], "predict returned None for a track"),
            "a word": ("x", "a str for 1 tracks"),
            "complex": ([np.full((1, 2), 0.5 + 0j)], "not an array of numbers .they are complex"),
            "objects": ([np.full((1, 2), object())], "not an array of numbers"),
            "ragged": ([[[0.5, 0.5], [1.0]]], r"not an array .*; return \(windows, 2\)"),
            "sparse": ([csr_array([[0.5, 0.5]])], r"`\.toarray\(\)` makes an array of a csr_array"),
            "all sparse": (csr_array([[0.5, 0.5]]), r"one array per track; `\.toarray\(\)`"),
            "a tensor": ([Tensor()], r"\(on a device\); .*`\.detach\(\)\.cpu\(\)\.numpy\(\)`"),
            "words": ([[["a", "b"]]], "mine: predict"),
            "a number": (7, "mine: predict"),
            "a generator": ((array for array in [np.full((1, 2), 0.5)]), "mine: predict"),
        }.items()],
    )  # fmt: skip
    def test_wrong_predictions_are_the_plugins_fault(self, tmp_path, answer, reason):
        with pytest.raises(PluginError, match=reason) as caught:
            self.predicting(tmp_path, lambda model, tracks: answer)
        assert str(caught.value).startswith("mine: ")

    def predicting(self, tmp_path, predict):
        real = load(tmp_path)
        module = ModuleType("fake")
        module.card = real.card
        module.train = hookimpl(lambda tracks: 1)
        module.predict = hookimpl(predict)
        return Model(module, Source("fake", "fake", "1")).predict(1, [np.zeros((1, 1))], 2)

    def test_errors_of_hooks_are_not_dressed_up(self, tmp_path):
        model = load(tmp_path, **{"return len(classes)": "raise ZeroDivisionError('theirs')"})
        with pytest.raises(ZeroDivisionError, match="theirs"):
            fit(model)

    def test_export_of_its_own_comes_before_the_default(self, tmp_path):
        default = SimpleNamespace(export=hookimpl(lambda model: "default"))
        assert load(tmp_path, defaults=[default]).export(1) == "default"
        own = "\n@hookimpl\ndef export(model): return 'own'\n"
        assert load(tmp_path, own, defaults=[default]).export(1) == "own"

    def test_export_of_nobody(self, tmp_path):
        with pytest.raises(CannotExport, match="mine has no `export` hook, and its model, a int"):
            load(tmp_path).export(1)

    def test_save_and_load(self, tmp_path):
        own = (
            "\n@hookimpl\ndef save(model, folder): return bool((folder / 'm').write_text(model))\n"
            "\n@hookimpl\ndef load(folder): return (folder / 'm').read_text()\n"
        )
        model = load(tmp_path, own)
        assert model.save("saved", tmp_path) is True
        assert model.load(tmp_path) == "saved"
        bare = load(tmp_path)
        assert bare.save("saved", tmp_path) is False
        with pytest.raises(PluginError, match="no `load` hook"):
            bare.load(tmp_path)


LISTING = """
import json, sys
from zoo_registry import Registry
registry = Registry()
registry.load("pip-good")
assert "stranger_pip_bad" not in sys.modules
print(json.dumps([[s.name, s.status, s.distribution, s.version] for s in registry.models()]))
"""


def test_packages_installed_beside_the_zoo(install_plugin, run_python, tmp_path):
    """A fresh process finds real packages through their entry points, built-in ones included."""
    install_plugin("pip-good", sound("pip-good"), distribution="pip-good", version="7")
    install_plugin("pip-bad", "print('x')\nraise SystemExit(5)", distribution="pip-bad")
    install_plugin("svm", "raise SystemExit(6)", distribution="pip-thief")
    done = run_python(LISTING, path=tmp_path / "site")
    assert (done.returncode, done.stderr) == (0, "")
    states = json.loads(done.stdout)
    assert ["pip-good", "ready", "pip-good", "7"] in states
    assert ["pip-bad", "broken", "pip-bad", "1.2"] in states
    assert [state[1:3] for state in states if state[0] == "svm"] == [
        ["ready", BUILT_IN], ["broken", "pip-thief"],
    ]  # fmt: skip
