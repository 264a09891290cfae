"""What the code of a plugin changes in its process, while it is imported and in its hooks."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from zoo.audio.changes import Change
from zoo.plugins.classical import check_estimator
from zoo_registry.kept import process_kept
from zoo_registry.plugins import Registry

RUDE = """
import os
import signal
import sys

import numpy as np
from zoo import Card, Handcrafted, hookimpl


def behave_badly():
    os.chdir("elsewhere")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: None)
    np.seterr(all="raise")
    sys.setrecursionlimit(sys.getrecursionlimit() - 100)
    sys.stdout.close()


card = Card(name="rude", title="Rude", family="test", frontend=Handcrafted())
behave_badly()


@hookimpl
def train():
    behave_badly()


@hookimpl
def predict(model):
    behave_badly()
    raise ValueError("rude")


@hookimpl
def load(folder):
    behave_badly()
    return 1
"""

MOVING = """
import os
from zoo import Card, Handcrafted, classical

card = Card(name="moving", title="Moving", family="test", frontend=Handcrafted())


def make():
    from sklearn.naive_bayes import GaussianNB

    os.chdir("elsewhere")
    print("built")
    return GaussianNB()


train, predict = classical(make)
"""


def state() -> tuple:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    return Path.cwd(), handlers, np.geterr(), sys.getrecursionlimit(), sys.stderr.closed


@pytest.fixture
def rude(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("elsewhere").mkdir()
    Path("rude.py").write_text(RUDE, encoding="utf-8")
    return "./rude.py"


def test_an_import_and_hooks_leave_everything_as_it_was(rude):
    before = state()
    model = Registry().load(rude)
    assert state() == before
    assert model.load(Path()) == 1
    assert state() == before
    with pytest.raises(ValueError, match="rude"):
        model.predict(1, [], 2)
    assert state() == before


def test_the_trial_of_a_classifier_does(rude, capsys):
    Path("moving.py").write_text(MOVING, encoding="utf-8")
    model, before = Registry().load("./moving.py"), state()
    check_estimator(model, {})
    assert state() == before
    assert capsys.readouterr() == ("", "built\n")


def test_a_change_of_recordings_does(rude):
    def apply(audio, rate):
        os.chdir("elsewhere")
        return audio, rate

    before = state()
    Change("rude", "It moves.", 1, apply)(np.ones(1000, np.float32), 22_050)
    assert state() == before


def test_a_higher_recursion_limit_stays():
    limit = sys.getrecursionlimit()
    try:
        with process_kept():
            sys.setrecursionlimit(limit + 100)
        assert sys.getrecursionlimit() == limit + 100
    finally:
        sys.setrecursionlimit(limit)


def test_a_folder_that_is_gone_is_no_error_of_the_plugin(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with process_kept():
        pass


def test_numpy_that_a_plugin_imports_first_gets_its_own_defaults(run_python):
    done = run_python(
        "import sys\n"
        "from zoo_registry.kept import process_kept\n"
        "assert 'numpy' not in sys.modules\n"
        "with process_kept():\n"
        "    import numpy\n"
        "    before = numpy.geterr()\n"
        "    numpy.seterr(all='raise')\n"
        "assert numpy.geterr() == before\n"
    )
    assert done.returncode == 0, done.stderr
