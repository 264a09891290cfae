"""The suite of front ends passes what is sound, and each check fails on a culprit of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.testing import FRONT_END_CHECKS, FrontEndSubject, FrontEndSuite, Status, examine
from zoo_registry import Registry, UsageError

SOUND = Path(__file__).with_name("sound_front_end.py").read_text(encoding="utf-8")
CALL = "        count = max(1, len(audio) // self.hop)\n        parts ="
LOG = "np.log10(np.maximum(rows, 1e-12))"


def before(lines):
    """Return a change that puts lines at the begin of the call."""
    return [(CALL, f"        {lines}\n{CALL}")]


# By check: what is changed in the sound front end, and what the suite says then.
CULPRITS = {
    "card-complete": [
        ([("card = FrontEndCard", "cart = FrontEndCard")], "declares no `card` of a front end"),
        ([('title="Loudness"', 'title=" "')], "the card's title is ' '"),
        ([('title="Loudness"', 'title="Loudness", package="weights==1"')], "no `licence`"),
        ([('title="Loudness"', 'title="Loudness", weights={"w": "12"}')], "give its 64 digits"),
        ([("\ncard =", "\nexpected_failures = {'speed': ''}\ncard =")], "expected_failures is"),
        ([('layout: ClassVar[str] = "vectors"', 'layout: ClassVar[str] = "x"')], "is 'x'; give"),
        ([("sample_rate: int = 8_000", "sample_rate: int = 8_000.5")], "is 8000.5; give a whole"),
        ([("reach: int = 0", "reach: float = 0.5")], "is 0.5; give a whole number from 0"),
    ],
    "fields-are-identity": [
        ([("(frozen=True)", "(unsafe_hash=True)")], "can be changed"),
        (
            [
                ("reach: int = 0", "reach: int = field(default=0, compare=False)"),
                ("import dataclass", "import dataclass, field"),
            ],
            "'reach' does not count",
        ),
        (
            [
                (
                    "    @property",
                    "    def __post_init__(self):\n"
                    "        object.__setattr__(self, 'extra', 1)\n\n    @property",
                )
            ],
            "keeps extra beside its fields",
        ),
    ],
    "import-without-framework": [
        ([("import numpy as np", "import numpy as np\nimport scipy")], "imports scipy"),
    ],
    "shapes": [
        ([(".astype(np.float32)", ".astype(float)")], "give a float64 array"),
        (before("if len(audio) > 20_000: return np.zeros((1, 3), 'f')"), "3 columns, others"),
        (before("audio *= 2"), "changes the waveform"),
        (before("return np.zeros((0, 2), np.float32)"), "at least one row"),
    ],
    "any-length": [
        (
            before("if len(audio) > 400_000: raise MemoryError"),
            "MemoryError: no message, given a recording of 600 s",
        ),
        (before("assert len(audio) > 400"), "given a recording of 0.05 s"),
    ],
    "shortest-answered": [
        (before("assert len(audio) > 1, 'too short'"), "too short, given 1 samples"),
        (before("assert len(audio) != 100"), "given 100 samples"),
    ],
    "silence-and-constants": [
        ([(LOG, "np.log10(np.array(rows))")], "not finite; guard"),
        (before("audio = audio / audio.std()"), "given two seconds of"),
    ],
    "any-sound": [
        (before("assert np.abs(audio).max() < 2"), "given sound at thirty times full scale"),
        ([(LOG, "np.log10(np.maximum(rows, 1e-99))")], "given "),
    ],
    "repeatable": [
        (before("audio = audio + np.random.rand()"), "gives different arrays"),
    ],
    "works-in-a-worker": [
        (before("import os; audio = audio + os.getpid()"), "another process prepares"),
    ],
    "thread-safe": [
        (
            [
                *before(
                    "import time; held[:] = [audio]; time.sleep(0.01); audio = held[0]"
                ),
                ("\n\n@dataclass", "\n\nheld = []\n\n\n@dataclass"),
            ],
            "threads that work at once get other arrays",
        ),
    ],
    "streamed-as-whole": [
        (before("audio = audio / np.abs(audio).max()"), "differ from those of the whole"),
    ],
    "graph-alike": [
        ([("both = Concat <axis = 1> (power, peak)", "both = Concat <axis = 1> (peak, power)")],
         "the graph gives other rows than a call"),
        ([("samples] waveform)", "samples] sound)"), ("Squeeze (waveform", "Squeeze (sound")],
         "call its input `waveform`"),
        ([('["": 18]', '["": 99]')], ""),
    ],
    "reference-alike": [
        ([("return self(audio)", "return self(audio) + 9")], "differs from the reference by 1"),
        ([("return self(audio)", "return self(audio)[:1]")], "the reference gives an array of"),
    ],
}  # fmt: skip


@pytest.fixture
def changed(tmp_path):
    """Return a function that writes the sound front end with some changes."""

    def write(changes=()):
        source = SOUND
        for old, new in changes:
            assert old in source, old
            source = source.replace(old, new)
        path = tmp_path / "changed.py"
        path.write_text(source, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def outcome(changed):
    """Return a function that gives the outcome of a check for the sound front end with changes."""

    def examined(check, changes):
        subject = FrontEndSubject(changed(changes))
        try:
            return examine(FRONT_END_CHECKS[check], subject, {})
        finally:
            subject.close()

    return examined


class TestSound(FrontEndSuite, frontend="sound_front_end.py"):
    """A front end without fault."""


class TestSoundWithFields(FrontEndSuite, frontend="handcrafted:window=1"):
    """Fields of a front end count."""

    test_reference_alike = None


def test_every_check_has_a_culprit_and_a_test():
    assert list(CULPRITS) == list(FRONT_END_CHECKS)
    tests = {name for name in vars(FrontEndSuite) if name.startswith("test_")}
    assert tests == {f"test_{check.replace('-', '_')}" for check in FRONT_END_CHECKS}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numpy, about what culprits compute
@pytest.mark.parametrize(
    ("check", "changes", "said"),
    [
        pytest.param(check, *culprit, id=f"{check}-{number}")
        for check, culprits in CULPRITS.items()
        for number, culprit in enumerate(culprits)
    ],
)
def test_a_culprit_fails(check, changes, said, outcome):
    found = outcome(check, changes)
    assert found.status is Status.failed, found
    assert said in found.reason


def test_what_needs_weights_is_skipped_without_them(outcome):
    package = 'title="Loudness", package="no-such-weights==1", licence="MIT"'
    found = outcome("shapes", [('title="Loudness"', package)])
    assert found.status is Status.skipped
    assert "pip install --no-deps no-such-weights==1" in found.reason


def test_an_expected_failure_is_declared_in_the_module(outcome):
    declared = "\nexpected_failures = {'repeatable': 'it rolls dice'}\ncard ="
    dice = before("audio = audio + np.random.rand()")
    found = outcome("repeatable", [("\ncard =", declared), *dice])
    assert found.status is Status.expected
    assert found.reason.startswith("it rolls dice (it says: ")


def test_a_suite_knows_its_checks():
    with pytest.raises(UsageError, match="there is no check 'same-seed'"):

        class _Wrong(FrontEndSuite, frontend="log-mel", expected_failures={"same-seed": ""}):
            pass


@pytest.fixture
def zoo_process():
    """Return a function that runs ``zoo`` in a process."""

    def run(*arguments):
        code = "import sys; sys.argv[0] = 'zoo'; from zoo.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip

    return run


class TestCommand:
    def test_a_front_end_is_checked_by_the_same_command(self, changed, zoo_process):
        done = zoo_process("plugins", "check", changed(), "--only", "shapes", "--format", "json")
        assert done.returncode == 0, done.stderr
        (row,) = json.loads(done.stdout)["checks"]
        assert (row["check"], row["status"]) == ("shapes", "passed")

    def test_failures_are_named(self, changed, zoo_process):
        dice = before("audio = audio + np.random.rand()")
        done = zoo_process("plugins", "check", changed(dice), "--only", "repeatable")
        assert done.returncode == 1
        assert "fails 1 of 1 checks: repeatable" in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("log-mel", "--set", "epochs=3"), "log-mel is a front end, which takes no --set"),
            (("log-mel", "--front-end", "musicnn"), "is a front end, which takes no --set"),
            (("log-mel", "--only", "same-seed"), "there is no check 'same-seed'"),
            (("log-mel:mels=3",), "the front end log-mel has no field 'mels'"),
            (("nothing",), "there is no model 'nothing'"),
            (("./nothing.py",), "there is no file 'nothing.py'"),
        ],
    )
    def test_a_wrong_command_is_one_sentence(self, arguments, sentence, zoo_process):
        done = zoo_process("-q", "plugins", "check", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert sentence in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("word", "is_one"),
    [("log-mel", True), ("log-mel:n_mels=64", True), ("svm", False), ("nothing", False),
     ("nothing.py", False)],
)  # fmt: skip
def test_a_word_for_a_front_end(word, is_one):
    assert Registry().is_frontend(word) is is_one


def test_a_file_of_a_front_end(changed):
    path = changed()
    assert Registry().is_frontend(path)
    assert Registry().is_frontend(f"{path}:hop=2000")
    assert not Registry().is_frontend(str(Path(__file__).with_name("sound.py")))
