"""Extensions: every hook can be wrapped, events come in their order, and calls can be traced."""

import inspect
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import zoo
from zoo.plugins.registry import open_registry
from zoo_registry import Registry
from zoo_registry.discovery import EXTENSIONS
from zoo_registry.hooks import ExtensionSpec, ModelSpec, hookimpl
from zoo_registry.model import call_apart, new_manager
from zoo_registry.runs import Run

MODEL = """
from pathlib import Path
import numpy as np
from zoo_registry import Card, hookimpl
from zoo import Handcrafted

card = Card(name="{name}", title="Mean", family="test", frontend=Handcrafted())

@hookimpl
def train(tracks, labels, classes):
    calls = Path("calls")
    calls.write_text((calls.read_text() if calls.exists() else "") + "x")
    fails = Path("fails")
    if fails.exists() and len(calls.read_text()) == int(fails.read_text()):
        raise ValueError("this fold is cursed")
    return np.bincount(labels, minlength=len(classes)) / len(labels)

@hookimpl
def predict(model, tracks):
    return [np.tile(model, (len(track), 1)) for track in tracks]
"""
# The other hooks of a model, which are not compulsory.
REST = """
@hookimpl
def preprocess(audio): return audio[:, None]

@hookimpl
def export(model): return "a graph"

@hookimpl
def save(model, folder): return True

@hookimpl
def load(folder): return "a model"
"""
WRAPPER = """
from zoo_registry import hookimpl
seen = []

@hookimpl(wrapper=True)
def {hook}({arguments}):
    seen.append(dict({given}))
    answer = yield
    seen.append(answer)
    return answer
"""
LISTENER = """
from zoo_registry import hookimpl
heard = []

@hookimpl
def zoo_run_started(run): heard.append(("started", run.record.status))

@hookimpl
def zoo_fold_finished(run, fold, error):
    assert any(entry.fold == fold for entry in run.record.folds)
    assert run.fold_path(fold).exists() is (error is None)
    heard.append((fold, error))

@hookimpl
def zoo_run_finished(run):
    assert run.card_path.exists() is run.complete
    heard.append(("finished", run.record.status))
"""
EVENTS = ["zoo_run_started", "zoo_fold_finished", "zoo_run_finished"]


def hooks(spec) -> list[str]:
    return [name for name, member in vars(spec).items() if hasattr(member, "zoo_spec")]


def wrapper_of(spec, hook: str) -> str:
    names = [name for name in inspect.signature(getattr(spec, hook)).parameters if name != "self"]
    given = ", ".join(f"{name}={name}" for name in names)
    return WRAPPER.format(hook=hook, arguments=", ".join(names), given=given)


def call(model, hook: str):
    """Call one hook of a model with what the zoo would give it."""
    nothing, tracks = np.zeros(2, np.int64), [np.zeros((1, 1), np.float32)] * 2
    arguments = {
        "preprocess": [np.zeros(3, np.float32)],
        "train": [tracks, nothing, ["a"], nothing, {}, 0, print, Path("scratch")],
        "predict": [np.ones(1), tracks, 1],
        "export": ["a model"],
        "save": ["a model", Path("folder")],
        "load": [Path("folder")],
    }
    assert sorted(arguments) == sorted(hooks(ModelSpec))
    return getattr(model, hook)(*arguments[hook])


class TestWrapping:
    @pytest.mark.parametrize("hook", hooks(ModelSpec))
    def test_every_hook_of_a_model(self, install_plugin, hook):
        points = [
            install_plugin("ext", wrapper_of(ModelSpec, hook), group=EXTENSIONS),
            install_plugin("mean", MODEL.format(name="mean") + REST),
        ]
        registry = Registry(points=points)
        answer = call(registry.load("mean"), hook)
        given, gave = registry.extensions["ext"].seen
        names = inspect.signature(getattr(ModelSpec, hook)).parameters
        assert sorted(given) == sorted(name for name in names if name != "self")
        assert np.array_equal(np.asarray(gave), np.asarray(answer))

    @pytest.mark.parametrize("hook", hooks(ExtensionSpec))
    def test_every_event_and_offer(self, install_plugin, hook):
        names = list(inspect.signature(getattr(ExtensionSpec, hook)).parameters)[1:]
        listener = f"from zoo_registry import hookimpl\n@hookimpl\ndef {hook}(): return 'heard'\n"
        points = [
            install_plugin("ext", wrapper_of(ExtensionSpec, hook), group=EXTENSIONS),
            install_plugin("listener", listener, group=EXTENSIONS),
        ]
        registry = Registry(points=points)
        facts = dict.fromkeys(names, "a fact")
        assert registry.ask(hook, **facts) == ["heard"]
        assert registry.extensions["ext"].seen == [facts, ["heard"]]

    def test_a_default_is_wrapped_like_a_hook_of_the_model(self, install_plugin, feature_table):
        point = install_plugin("ext", wrapper_of(ModelSpec, "export"), group=EXTENSIONS)
        registry = open_registry()
        registry.entries.extend(Registry(points=[point]).entries)
        run = zoo.train("logistic", str(feature_table()), protocol="kfold:2", registry=registry)
        assert run.complete
        _, gave = registry.extensions["ext"].seen
        assert type(gave).__name__ == "ModelProto"

    def test_wrappers_of_several_extensions_are_nested(self, install_plugin):
        source = (
            "from zoo_registry import hookimpl\n"
            "@hookimpl(wrapper=True)\ndef load(): return (yield) + ', wrapped by {name}'\n"
        )
        points = [
            install_plugin("mean", MODEL.format(name="mean") + REST),
            *(
                install_plugin(name, source.format(name=name), group=EXTENSIONS)
                for name in ("one", "two")
            ),
        ]
        loaded = call(Registry(points=points).load("mean"), "load")
        assert sorted(loaded.split(", ")) == ["a model", "wrapped by one", "wrapped by two"]


class TestEvents:
    @pytest.fixture
    def train(self, install_plugin, feature_table):
        """Return a function that trains with these extensions, and gives run and registry."""
        table = str(feature_table(classes=2, tracks=6))
        model = install_plugin("mean", MODEL.format(name="mean"))

        def run(**sources: str):
            points = [
                install_plugin(name, source, group=EXTENSIONS) for name, source in sources.items()
            ]
            registry = Registry(points=[model, *points])
            return zoo.train("mean", table, protocol="kfold:3", registry=registry), registry

        return run

    def test_order(self, train):
        run, registry = train(ext=LISTENER)
        assert run.complete
        assert registry.extensions["ext"].heard == [
            ("started", "running"), (0, None), (1, None), (2, None), ("finished", "complete"),
        ]  # fmt: skip

    def test_a_failed_fold_is_told_and_only_what_is_missing_is_told_again(self, train):
        Path("fails").write_text("2", encoding="utf-8")
        run, registry = train(ext=LISTENER)
        heard = registry.extensions["ext"].heard
        reason = heard[2][1]
        assert reason.startswith("ValueError: this fold is cursed (line ")
        assert heard == [
            ("started", "running"), (0, None), (1, reason), (2, None), ("finished", "failed"),
        ]  # fmt: skip
        heard.clear()
        run, _ = train(ext=LISTENER)
        assert run.complete
        assert heard == [("started", "running"), (1, None), ("finished", "complete")]

    def test_nothing_happens_to_a_run_that_is_complete(self, train):
        train()
        _, registry = train(ext=LISTENER)
        assert registry.extensions["ext"].heard == []

    @pytest.mark.parametrize("event", EVENTS)
    @pytest.mark.parametrize("error", ["ValueError", "SystemExit"])
    def test_one_that_raises_stops_neither_run_nor_others(self, train, event, error, caplog):
        bad = f"from zoo_registry import hookimpl\n@hookimpl\ndef {event}(): raise {error}('bad')\n"
        run, registry = train(bad=bad, ext=LISTENER)
        assert run.complete
        assert len(registry.extensions["ext"].heard) == 5
        said = f"the extension stranger_bad failed in {event}: {error}: bad"
        assert caplog.messages == [said] * (3 if event == "zoo_fold_finished" else 1)

    def test_what_an_extension_returns_is_kept_in_the_record(self, train, caplog):
        source = "from zoo_registry import hookimpl\n" + "".join(
            f"@hookimpl\ndef {event}(run):\n"
            f"    known = run.record.extensions.get('ext', [])\n"
            f"    return {{'ext': [*known, '{event}']}}\n"
            for event in EVENTS
        )
        later = (
            "from zoo_registry import hookimpl\n@hookimpl(trylast=True)\n"
            "def zoo_run_finished(run): return {'later': list(run.record.extensions['ext'])}\n"
        )
        odd = (
            "import numpy as np\nfrom zoo_registry import hookimpl\n"
            "@hookimpl\ndef zoo_run_started(): return 5\n"
            "@hookimpl\ndef zoo_run_finished(): return {'odd': {'loss': np.float32(1)}}\n"
        )
        run, _ = train(ext=source, later=later, odd=odd)
        kept = ["zoo_run_started", *["zoo_fold_finished"] * 3, "zoo_run_finished"]
        assert Run.read(run.folder).record.extensions == {"ext": kept, "later": kept}
        assert caplog.messages == [
            f"what the extension stranger_odd returned from {event} is not kept ({why}); "
            "its author should return a mapping of plain JSON values"
            for event, why in (
                ("zoo_run_started", "'int' object is not iterable"),
                ("zoo_run_finished", "Object of type float32 is not JSON serializable"),
            )
        ]

    def test_an_extension_of_the_former_contract_writes_into_the_record(self, train):
        source = "from zoo_registry import hookimpl\n" + "".join(
            f"@hookimpl\ndef {event}(run):\n"
            f"    run.record.extensions.setdefault('ext', []).append('{event}')\n"
            for event in EVENTS
        )
        run, _ = train(ext=source)
        assert Run.read(run.folder).record.extensions == {
            "ext": ["zoo_run_started", *["zoo_fold_finished"] * 3, "zoo_run_finished"]
        }

    def test_one_that_looks_fields_up_as_in_a_dictionary_keeps_working(self, train):
        source = (
            "from zoo_registry import hookimpl\n@hookimpl\ndef zoo_run_finished(run):\n"
            "    record = run.record\n"
            "    record.extensions['ext'] = [\n"
            "        record.model['name'], record.dataset['tracks'], record.protocol['spec'],\n"
            "        [entry['fold'] for entry in record.folds if 'train_seconds' in entry],\n"
            "        record.artefact.get('error'), dict(record.machine)['python'],\n"
            "    ]\n"
        )
        run, _ = train(ext=source)
        record = run.record
        assert Run.read(run.folder).record.extensions["ext"] == [
            record.model.name, record.dataset.tracks, "kfold:3", [0, 1, 2], record.artefact.error,
            record.machine.python,
        ]  # fmt: skip

    def test_the_first_registered_is_the_first_to_hear_unless_it_says_otherwise(self):
        order: list[str] = []

        def listener(name: str, **options: bool) -> ModuleType:
            module = ModuleType(name)
            module.zoo_run_started = hookimpl(**options)(lambda: order.append(name))
            return module

        plugins = [
            listener("last", trylast=True), listener("one"), listener("two"),
            listener("first", tryfirst=True),
        ]  # fmt: skip
        list(call_apart(new_manager(plugins), "zoo_run_started", {"run": None}))
        assert order == ["first", "one", "two", "last"]


class TestTrace:
    CODE = (
        "import sys, zoo\n"
        "assert zoo.train(sys.argv[1], sys.argv[2], protocol='kfold:2').complete\n"
        "assert 'stranger_ext' in sys.modules\n"
    )

    @pytest.fixture
    def lines(self, install_plugin, feature_table, run_python, monkeypatch, tmp_path):
        """Return what a training prints on stderr, with a wrapper and a listener installed."""
        source = (
            WRAPPER.format(hook="train", arguments="", given="")
            + "@hookimpl\ndef zoo_run_finished(): pass\n"
            + "@hookimpl\ndef zoo_run_started(): raise ValueError('odd')\n"
        )
        install_plugin("ext", source, group=EXTENSIONS)
        Path("my_model.py").write_text(MODEL.format(name="mean"), encoding="utf-8")

        def run(value: str) -> list[str]:
            monkeypatch.setenv("ZOO_TRACE", value)
            table = feature_table(classes=2, tracks=6)
            done = run_python(self.CODE, "./my_model.py", str(table), path=tmp_path / "site")
            assert (done.returncode, done.stdout) == (0, ""), done.stderr
            return [line.rsplit(" in 0.", 1)[0] for line in done.stderr.splitlines()]

        return run

    def test_every_call_says_who_answered(self, lines):
        said = [line for line in lines("1") if line.startswith("zoo: ")]
        said.remove("zoo: zoo_datasets by zoo_plugins.loaders gave a dict")
        fold = [
            "zoo: train is wrapped by stranger_ext",
            "zoo: train by my_model.py gave a ndarray",
        ]
        predict = "zoo: predict by my_model.py gave a list"
        default = [f"zoo: {hook} by EstimatorDefaults gave nothing" for hook in ("export", "save")]
        assert said[0] == "zoo: zoo_run_started by stranger_ext raised ValueError"
        assert said[1:7] == [*fold, predict, *fold, predict]
        assert said[7:9] == fold
        assert [line for line in said if line in default] == default
        assert said[-1] == "zoo: zoo_run_finished by stranger_ext gave nothing"

    def test_it_is_off(self, lines):
        assert lines("0") == [
            "the extension stranger_ext failed in zoo_run_started: ValueError: odd"
        ]


def test_a_name_in_the_environment_that_no_plugin_has_is_named_once(monkeypatch, caplog):
    monkeypatch.setenv("ZOO_PLUGINS_ENABLED", "tensorbord, genre-zoo, timing")
    for _ in range(2):
        _ = Registry().extensions
    (warning,) = [record for record in caplog.records if "ENABLED" in record.getMessage()]
    assert "'tensorbord', which is no plugin" in warning.getMessage()
    assert "'tensorboard'" in warning.getMessage()
