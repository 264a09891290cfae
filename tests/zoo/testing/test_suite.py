"""The suite itself: it passes what is sound, and every check fails on a culprit of its own."""

import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from zoo.testing import CHECKS, ModelSuite, Status, Subject, examine
from zoo_registry.errors import UsageError

SOUND = Path(__file__).with_name("sound.py").read_text(encoding="utf-8")

OWN_FRONT_END = """
from dataclasses import dataclass
from typing import ClassVar

@dataclass{how}
class Mine:
    name: ClassVar = "mine"
    version: ClassVar = 1
    layout: ClassVar = "{layout}"
    sample_rate: int = 22_050
    more: object = {more}

    def __call__(self, audio):
        return LogMel(n_mels=32)(audio)

card ="""


def own_front_end(how="(frozen=True)", layout="frames", more="None"):
    source = OWN_FRONT_END.format(how=how, layout=layout, more=more)
    return [("card =", source), ("frontend=LogMel(n_mels=32)", "frontend=Mine()")]


def before(line, *more):
    """Return a change that puts lines of the same function before one of SOUND."""
    indent = re.search(rf"^ *(?={re.escape(line)})", SOUND, re.MULTILINE).group()
    return [(line, f"\n{indent}".join([*more, line]))]


def hook(source):
    return [("@hookimpl\ndef predict", f"@hookimpl\n{source}\n\n@hookimpl\ndef predict")]


def answering(expression):
    return [("[answer[None] for answer in answers]", expression)]


MEANS = "means = np.stack"
ANSWERS = "answers = [softmax"
RETURNED = '{"weights": weights, "offset": -centre @ weights}'
LABELS_SEEN = "[seen.{how}(track.tobytes(), label) for track, label in zip(tracks, labels)]"
SAVED = (
    "def save(model, folder):\n"
    '    np.save(folder / "weights.npy", model["weights"])\n'
    "    return True\n\n"
    "@hookimpl\n"
    "def load(folder):\n"
    '    weights = np.load(folder / "weights.npy")\n'
    '    return {"weights": weights, "offset": 0}'
)


def reader(update):
    """Return the changes that make a model remember the labels of all tracks it was given."""
    return [
        ("card =", "seen = {}\n\ncard ="),
        *before(MEANS, f"for track, label in zip(tracks, labels): {update}"),
        *answering(
            "[np.eye(model['weights'].shape[1])[[seen[track.tobytes()]]]"
            " if track.tobytes() in seen else answer[None]"
            " for track, answer in zip(tracks, answers)]"
        ),
    ]


# By check: what is changed in the sound plugin, and what the suite says then.
CULPRITS = {
    "hooks-as-specified": [
        ([("def predict(model, tracks)", "def predict(model, tunes)")], "'tunes'"),
        (
            [("@hookimpl\ndef export", "def export")],
            "'export' looks like a hook and is none; mark it @hookimpl",
        ),
        ([("card =", "expected_failures = {'speed': ''}\ncard =")], "expected_failures is"),
        ([('references=("Cox 1958",)', 'references="Cox"')], "is not a tuple of texts"),
        (own_front_end(layout="waves"), "is 'waves'; give one of 'vectors', 'frames'"),
    ],
    "card-complete": [
        ([('"rate": 0.5', '"rate": 5.0')], "default of 'rate', 5.0, lies outside"),
        ([('title="Softmax regression"', 'title=" "')], "the card's title is ' '"),
        ([('references=("Cox 1958",)', 'references=("",)')], "give a tuple of strings"),
    ],
    "front-end-hashable": [
        (own_front_end(""), "cannot be hashed"),
        (own_front_end("(frozen=True, eq=False)"), "differs from a copy"),
        (own_front_end(more="(1, 2)"), "are changed by JSON"),
    ],
    "import-without-framework": [
        ([("import numpy as np", "import numpy as np\nimport scipy")], "imports scipy"),
    ],
    "preprocess-repeatable": [
        (
            hook("def preprocess(audio): return np.random.rand(9, 32).astype('f4')"),
            "gives different arrays",
        ),
        (hook("def preprocess(audio): return audio"), "return float32, (rows, columns)"),
        (
            hook("def preprocess(audio):\n    audio *= 2\n    return LogMel(n_mels=32)(audio)"),
            "changes the waveform",
        ),
        (hook("def preprocess(audio): return np.log(audio[None] * 0)"), "not finite"),
        (hook("def preprocess(audio): return audio[None]"), "all must have as many"),
    ],
    "works-in-a-worker": [
        (
            hook(
                "def preprocess(audio):\n"
                "    import os\n"
                "    return LogMel(n_mels=32)(audio) + np.float32(os.getpid())"
            ),
            "another process prepares the same audio differently",
        ),
        (
            [("card =", "import sys\nif 'pytest' not in sys.modules: raise OSError('no')\ncard =")],
            "in a fresh process it fails to preprocess: ",
        ),
    ],
    "shapes": [
        (answering("[answer for answer in answers]"), "array of shape (3,)"),
        (answering("answers[:1]"), "return one array per track"),
        (own_front_end(layout="vectors"), "each row of the layout 'vectors' is a window"),
    ],
    "probabilities": [
        (answering("[answer[None] * 0.9 for answer in answers]"), "sum to 0.9..0.9"),
        (answering("[answer[None] * np.nan for answer in answers]"), "NaN or infinity"),
        (answering("[answer[None] * 3 - 2 / 3 for answer in answers]"), "within 0 and 1"),
    ],
    "one-window": [
        (
            before(ANSWERS, "if min(map(len, tracks)) < 2: raise ValueError('too short')"),
            "ValueError: too short, given a track of one row (line ",
        ),
    ],
    "any-length": [
        (
            before(ANSWERS, "if max(map(len, tracks)) > 20_000: raise MemoryError"),
            "MemoryError: no message, given a track of 600 s",
        ),
        (
            before(ANSWERS, "if min(map(len, tracks)) < 9: raise ValueError('too short')"),
            "ValueError: too short, given a track of 0.1 s",
        ),
    ],
    "silence": [
        (
            before(ANSWERS, "tracks = [track / (track.max() + 100) for track in tracks]"),
            "given two seconds of digital silence",
        ),
    ],
    "tracks-one-by-one": [
        (
            before(
                ANSWERS,
                "level = np.mean([track.mean() for track in tracks])",
                "tracks = [track - level for track in tracks]",
            ),
            "answered differently alone and with others",
        ),
    ],
    "one-track-a-class": [
        (
            before(MEANS, "if max(np.bincount(labels)) < 2: raise ValueError('too few')"),
            "ValueError: too few, trained on classes of 1, 1, 1 tracks",
        ),
    ],
    "two-classes": [
        (
            answering("[a[None] if len(a) > 2 else a[None, :1] for a in answers]"),
            "return (windows, 2) with at least one window",
        ),
    ],
    "twenty-classes": [
        (before(MEANS, "'0123456789'[len(classes) - 1]"), "IndexError: string index out of range"),
    ],
    "class-without-track": [
        (
            before(MEANS, "classes = sorted(set(labels))"),
            "IndexError: index 2 is out of bounds",
        ),
    ],
    "same-seed": [
        ([("default_rng(seed)", "default_rng()")], "draw everything at random from `seed`"),
    ],
    "refitting-leaves-no-trace": [
        (
            [
                ("card =", "earlier = {}\n\ncard ="),
                (
                    "begin, state =",
                    "weights = earlier.get(weights.shape, weights)\n    begin, state =",
                ),
                (f"return {RETURNED}", f"earlier[weights.shape] = weights\n    return {RETURNED}"),
            ],
            "a fit depends on the one before it",
        ),
        (
            [
                ("card =", "model = {}\n\ncard ="),
                (f"return {RETURNED}", f"model.update({RETURNED})\n    return model"),
            ],
            "predicts differently after another fit",
        ),
    ],
    "inputs-unchanged": [
        (before(MEANS, "for track in tracks: track -= 1"), "changes the tracks, labels"),
        (before(MEANS, "labels[:] = labels[0]"), "changes the tracks, labels"),
        (before(ANSWERS, "for track in tracks: track *= 1"), "writes into the read-only arrays"),
    ],
    "reads-no-test-labels": [
        (reader("seen[track.tobytes()] = label"), "change with the test tracks' labels"),
        (reader("seen.setdefault(track.tobytes(), label)"), "12 are named rightly"),
    ],
    "progress-grows": [
        ([("progress((epoch + 1)", "progress(100 * (epoch + 1)")], "shares from 0 to 1"),
        (
            before("weights = (weights / scale", "progress(0.5)"),
            "progress(0.5) came after progress(1.0)",
        ),
        ([("abs(wrong).mean()", "'little'")], "wrong='little'; give a finite number"),
    ],
    "interrupted-and-resumed": [
        (
            [('int(kept["epoch"]), kept["weights"]', 'int(kept["epoch"]), weights')],
            "predicts differently from an undisturbed one",
        ),
        (
            [
                ("        progress((epoch", "        try: progress((epoch"),
                (
                    "abs(wrong).mean())\n",
                    "abs(wrong).mean())\n        except BaseException: pass\n",
                ),
            ],
            "goes on after the KeyboardInterrupt",
        ),
    ],
    "learns-the-demo-set": [
        (
            before(MEANS, "labels = np.random.default_rng(seed).permutation(labels)"),
            "chance does as well with probability",
        ),
    ],
    "export-or-reason": [
        ([("from onnx import numpy_helper", "from onnx import no_such")], "ImportError: "),
        (
            before(
                "from onnx import numpy",
                "from zoo import CannotExport",
                "raise CannotExport('')",
            ),
            "CannotExport gives no reason",
        ),
    ],
    "export-parity": [
        (
            [("values.astype(np.float32), name", "2 * values.astype(np.float32), name")],
            "the ONNX file differs from the model by",
        ),
    ],
    "saved-and-loaded": [
        (hook(SAVED), "a saved model answers differently when it is loaded"),
        (hook(SAVED.partition("\n\n")[0]), "in a fresh process it fails to predict: "),
    ],
}


def changed(changes):
    source = SOUND
    for old, new in changes:
        assert source.count(old) >= 1, old
        source = source.replace(old, new)
    return source


@pytest.fixture
def plugin(tmp_path):
    """Return a function that writes the sound plugin with some changes, and gives its subject."""
    path = tmp_path / "changed.py"

    def write(changes=()):
        path.write_text(changed(changes), encoding="utf-8")
        return subject

    subject = Subject(str(path))
    yield write
    subject.close()


class TestSound(ModelSuite, model="sound.py"):
    """What a plugin without fault says."""


def test_every_check_has_a_culprit():
    assert list(CULPRITS) == list(CHECKS)


def test_every_check_is_a_test_and_says_what_is_promised():
    tests = {name for name in vars(ModelSuite) if name.startswith("test_")}
    assert tests == {f"test_{check.replace('-', '_')}" for check in CHECKS}
    for name in tests:
        promise = (getattr(ModelSuite, name).__doc__ or "").split("\n\n")[0]
        assert promise.endswith("."), name
        assert "\n" not in promise, name


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numpy, about what culprits compute
@pytest.mark.parametrize(
    ("check", "changes", "said"),
    [
        pytest.param(check, *culprit, id=f"{check}-{number}")
        for check, culprits in CULPRITS.items()
        for number, culprit in enumerate(culprits)
    ],
)
def test_a_culprit_fails(check, changes, said, plugin):
    subject = plugin(changes)
    outcome = examine(CHECKS[check], subject, {})
    assert outcome.status is Status.failed, outcome
    assert said in outcome.reason
    assert outcome.error is not None


class TestExpectedFailures:
    SHORT = CULPRITS["one-window"][0][0]

    @pytest.mark.parametrize("by", ["class", "module"])
    def test_they_are_shown_with_what_went_wrong(self, by, plugin):
        declared = {"one-window": "needs two frames"}
        changes = [("card =", f"expected_failures = {declared}\n\ncard =")] * (by == "module")
        subject = plugin([*self.SHORT, *changes])
        outcome = examine(CHECKS["one-window"], subject, declared if by == "class" else {})
        assert outcome.status is Status.expected
        assert outcome.reason.startswith("needs two frames (it says: ValueError: too short")

    def test_one_that_passes_is_a_failure_that_says_so(self, plugin):
        outcome = examine(CHECKS["one-window"], plugin(), {"one-window": "needs two frames"})
        assert outcome.status is Status.failed
        assert "expected to fail (needs two frames), and passes; take it out" in outcome.reason

    def test_an_unknown_check_is_refused_with_the_class(self):
        with pytest.raises(UsageError, match="no check 'one-windw'; the checks are: hooks-as-"):
            types.new_class("TestIt", (ModelSuite,), {
                "model": "svm", "expected_failures": {"one-windw": "why"},
            })  # fmt: skip


class TestBrokenPlugins:
    def test_one_check_says_why_and_the_others_are_skipped(self, plugin):
        subject = plugin([("card =", "1 / 0\ncard =")])
        outcomes = {name: examine(check, subject, {}) for name, check in CHECKS.items()}
        assert outcomes.pop("hooks-as-specified").reason.endswith(
            "raised ZeroDivisionError: division by zero"
        )
        assert {outcome.status for outcome in outcomes.values()} == {Status.skipped}

    def test_one_that_exits_ends_nothing(self, plugin):
        outcome = examine(CHECKS["same-seed"], plugin(before(MEANS, "raise SystemExit(3)")), {})
        assert outcome.status is Status.failed
        assert outcome.reason.startswith("SystemExit: 3 (line ")

    def test_what_needs_a_module_that_is_missing_is_skipped(self, plugin):
        subject = plugin([('"Cox 1958",)', '"Cox 1958",),\n    requires=("nosuchmodule",)')])
        assert examine(CHECKS["card-complete"], subject, {}).status is Status.passed
        outcome = examine(CHECKS["same-seed"], subject, {})
        assert (outcome.status, outcome.reason) == (
            Status.skipped, "it needs nosuchmodule, which is not installed",
        )  # fmt: skip


def test_epochs_are_limited_but_for_the_demo_set(plugin):
    plugin()
    subject = Subject("changed.py", {"epochs": 3, "rate": 0.2})
    assert subject.params() == {"epochs": 3, "rate": 0.2}
    assert subject.params(epochs=1) == {"epochs": 1, "rate": 0.2}
    assert subject.params(epochs=5) == {"epochs": 3, "rate": 0.2}


def test_pytest_has_one_id_a_check(plugin, tmp_path):
    """As an author runs it: a file beside the plugin, an own pytest."""
    silent = "if min(map(np.ptp, tracks)) == 0: raise ValueError('silent')"
    plugin([*CULPRITS["one-window"][0][0], *before(ANSWERS, silent)])
    (tmp_path / "test_changed.py").write_text(
        "from zoo.testing import ModelSuite\n\n"
        "class TestChanged(\n"
        "    ModelSuite, model='./changed.py', params={'rate': 0.4},\n"
        "    expected_failures={'silence': 'it is never silent here'},\n"
        "):\n"
        "    pass\n",
        encoding="utf-8",
    )
    chosen = ("one_window", "silence", "same_seed", "saved_and_loaded")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "test_changed.py"),
            *("-k", " or ".join(chosen)),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"{len(CHECKS) - len(chosen)} deselected / {len(chosen)} selected" in done.stdout
    ends = re.findall(
        r"^(PASSED|FAILED|XFAIL) \S+::TestChanged::test_(\w+)", done.stdout, re.MULTILINE
    )
    assert {name: end for end, name in ends} == {
        "same_seed": "PASSED", "one_window": "FAILED", "silence": "XFAIL",
    }, done.stdout  # fmt: skip
    assert "it is never silent here (it says: ValueError: silent" in done.stdout
    assert "SKIPPED [1]" in done.stdout
    assert done.returncode == 1
