"""A run is complete when it can be used: what its artefact lacks, the same command makes."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import zoo
from tests.notes import Notes
from zoo.artefacts.bundle import hand_over
from zoo.cli.app import run as run_command
from zoo.inference.predictors import open_model
from zoo.report.page import write_report
from zoo.training.verify import verify_run
from zoo.web.refusals import Refused
from zoo.web.served_models import ServedModels
from zoo_registry import PluginError, UsageError
from zoo_registry.runs import Run

# While `block` exists it has no artefact; each fit adds a byte to `fits`.
BLOCKED = """
from pathlib import Path
import numpy as np
from zoo import Card, Handcrafted, classical, hookimpl

card = Card(name="blocked", title="Blocked", family="classical", frontend=Handcrafted())

def make():
    from sklearn.ensemble import RandomForestClassifier
    return RandomForestClassifier(3, random_state=0)

hooks = classical(make)
predict = hooks[1]

@hookimpl
def train(tracks, labels, classes, groups, params, seed):
    with open("fits", "a") as file:
        file.write(".")
    return hooks[0](tracks, labels, classes, groups, params, seed)

@hookimpl
def export(model):
    if Path("block").exists():
        raise OSError(28, "No space left on device")

@hookimpl(tryfirst=True)
def save(model, folder):
    if Path("block").exists() and "save" in Path("block").read_text():
        raise OSError(28, "No space left on device")

@hookimpl(tryfirst=True)
def load(folder):
    return {} if Path("lossy").exists() else None
"""
LINE = BLOCKED.split("    raise", maxsplit=1)[0].count("\n") + 1
FOLDS = 3


@pytest.fixture
def train(workspace: Path, feature_table) -> Callable[..., Run]:
    """Return a function that trains the model; its artefact cannot be made at first."""
    Path("blocked.py").write_text(BLOCKED)
    Path("block").touch()
    table = str(feature_table(classes=2, tracks=8))
    return lambda **more: zoo.train(
        "./blocked.py", table, protocol=f"kfold:{FOLDS}", jobs=1, **more
    )


def reason() -> str:
    place = Path("blocked.py").resolve()
    return f"OSError: [Errno 28] No space left on device (line {LINE} of {place})"


def again(run: Run) -> str:
    command = (
        f"once that is corrected, run `{run.record.command}` again; if its file was changed since, "
    )
    return (
        f"{run.id} has no artefact yet ({reason()}): {command}`zoo runs remove {run.id}` removes it"
    )


def fits() -> int:
    return len(Path("fits").read_text())


def command(*words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["zoo", *words])
    return run_command()


def test_its_damage_is_shown_like_that_of_a_complete_run(train, monkeypatch, capsys):
    run = train()
    run.predictions_path.write_bytes(b"")
    assert command("runs", "list", "--format", "json", monkeypatch=monkeypatch) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    sentence = run.damage(["predictions.csv"])
    assert (listed["status"], listed["error"]) == ("damaged", sentence)
    ((row,),) = [board.rows for board in zoo.leaderboard()]
    assert (row.status, row.error) == ("damaged", sentence)


def test_a_run_without_its_artefact_says_so_everywhere(train, monkeypatch, capsys, shelf):
    run = train()
    assert (run.complete, run.status, run.record.error) == (False, "no artefact", reason())
    assert json.loads((run.folder / "run.json").read_text())["status"] == "no artefact"
    (board,) = zoo.leaderboard()
    (row,) = board.rows
    assert (row.status, row.rank, row.error) == ("no artefact", 1, again(run))
    assert row.accuracy is not None
    for refused in (
        lambda: open_model("blocked"),
        lambda: hand_over(run, Path("out")),
        lambda: ServedModels([run.id]),
    ):
        with pytest.raises(UsageError) as caught:
            refused()
        assert str(caught.value) == again(run)
    run.record.frontend["name"] = "handcrafted"  # as if it took sound
    run.write()
    said = ServedModels().none_yet()
    assert said.startswith(f"{run.id} has no artefact yet; the command that trained a run")
    assert str(Path.cwd()) not in said  # which concerns no client
    with pytest.raises(Refused, match="has no artefact yet"):
        ServedModels().find("blocked")
    assert ServedModels().all() == []
    run = train()
    assert again(run) in [finding.detail for finding in verify_run(run)]
    assert (
        f"There is none yet: {reason()}. Run `{run.record.command}` again."
        in run.card_path.read_text()
    )
    (page,) = write_report(Path("report"))
    assert "blocked (no artefact)" in page.read_text()
    for words in (["runs", "list"], ["runs", "show", run.id], ["leaderboard"]):
        monkeypatch.setenv("COLUMNS", "2000")
        assert command(*words, monkeypatch=monkeypatch) == 0
        printed = "".join(capsys.readouterr())
        assert "no artefact" in printed
        assert f"run `{run.record.command}` again" in printed
    assert command(*shlex.split(run.record.command)[1:], monkeypatch=monkeypatch) == 1
    printed = capsys.readouterr()
    sentence = f"not everything could be trained: {again(run)}"
    said = printed.err.splitlines()
    assert f"making the artefact of {run.id}" in said
    assert said[-1] == f"zoo: {sentence}"
    assert run.id not in printed.out  # the sentence is there once
    assert "blocked (no artefact)" in printed.out
    assert "trained already" not in printed.err
    Path("block").unlink()
    assert command(*shlex.split(run.record.command)[1:], monkeypatch=monkeypatch) == 0
    assert Run.read(run.folder).complete


@pytest.mark.parametrize(("block", "repeated"), [("", 0), ("save", 1)], ids=["kept", "not kept"])
def test_the_same_command_makes_only_the_artefact(block, repeated, train):
    Path("block").write_text(block)
    run = train()
    folds = run.record.folds
    assert fits() == FOLDS + 1
    assert run.saved_path.exists() == (not repeated)
    train()  # it cannot be made yet
    Path("block").unlink()
    notes = Notes()
    mended = train(reporter=notes)
    assert fits() == FOLDS + 1 + 2 * repeated
    assert notes.texts[0] == f"making the artefact of {run.id}"
    assert (mended.folder, mended.complete, mended.record.folds) == (run.folder, True, folds)
    assert verify_run(mended) == []
    left = {"README.md", "model.onnx", "predictions.csv", "run.json", "windows.npy"}
    assert {path.name for path in run.folder.iterdir()} == left
    undisturbed = train(root=Path("other"))
    assert mended.artefact_path.read_bytes() == undisturbed.artefact_path.read_bytes()
    assert train().complete
    assert zoo.leaderboard()[0].rows[0].status == "complete"


def test_a_kept_model_that_is_damaged_is_fitted_again(train):
    run = train()
    (saved,) = run.saved_path.iterdir()
    saved.write_bytes(b"")
    Path("block").unlink()
    assert train().complete
    assert fits() == FOLDS + 2


def test_a_run_of_a_former_version_is_mended(train):
    run = train()
    run.saved_path.rename("elsewhere")
    path = run.folder / "run.json"
    record = json.loads(path.read_text()) | {"status": "complete", "error": None}
    del record["artefact"]["saved"], record["artefact"]["impossible"]
    path.write_text(json.dumps(record))
    assert Run.read(run.folder).status == zoo.leaderboard()[0].rows[0].status == "no artefact"
    Path("block").unlink()
    assert train().complete
    assert fits() == FOLDS + 2


@pytest.mark.parametrize(
    "error",
    [
        "counted has no `export` hook, and its model, a dict, is neither a scikit-learn "
        "estimator nor a Keras network",
        "m prepares audio in a `preprocess` hook, which has no ONNX form; declare a front end",
    ],
)
def test_a_run_of_a_former_version_that_can_have_no_artefact_is_complete(error, train):
    path = train().folder / "run.json"
    record = json.loads(path.read_text()) | {"status": "complete", "error": None}
    record["artefact"] = {"fit_seconds": 1.0, "error": error}
    path.write_text(json.dumps(record))
    assert Run.read(path.parent).complete


def test_a_run_of_a_former_version_that_saved_its_model_is_complete(train):
    path = train().folder / "run.json"
    record = json.loads(path.read_text()) | {"status": "complete", "error": None}
    del record["artefact"]["impossible"]
    path.write_text(json.dumps(record))
    assert Run.read(path.parent).complete


# The file of a hook's name has a statement, which the hook runs first.
OWN = """
import sys
from pathlib import Path
import numpy as np
from zoo import CannotExport, Card, Handcrafted, hookimpl

card = Card(name="own", title="Own", family="test", frontend=Handcrafted())

class Strange(BaseException):
    pass

def act(hook):
    if Path(hook).exists():
        exec(Path(hook).read_text(), globals())

@hookimpl
def train(tracks, labels, classes):
    return np.bincount(labels, minlength=len(classes)) / len(labels)

@hookimpl
def predict(model, tracks):
    return [np.tile(model, (len(track), 1)) for track in tracks]

@hookimpl
def export(model):
    act("export")
    raise CannotExport("it calls a web service")

@hookimpl
def save(model, folder):
    act("save")
    np.save(folder / "m.npy", model)
    return True

@hookimpl
def load(folder):
    act("load")
    return np.load(folder / "m.npy")
"""


@pytest.fixture
def own(workspace: Path, feature_table) -> Callable[..., Run]:
    Path("own.py").write_text(OWN)
    table = str(feature_table(classes=2, tracks=8))
    return lambda **more: zoo.train("./own.py", table, protocol=f"kfold:{FOLDS}", jobs=1, **more)


def as_if_of_sound(run: Run) -> Run:
    run.record.frontend["name"] = "handcrafted"
    run.write()
    return run


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("sys.exit('bye')", "SystemExit: bye"),
        ("sys.exit(0)", "SystemExit: 0"),
        ("raise Strange('x')", "Strange: x"),
    ],
)
def test_no_hook_ends_the_command(statement, said, own, monkeypatch, capsys):
    Path("export").write_text(statement)
    run = own()
    assert (run.status, run.saved_path.is_dir()) == ("no artefact", True)
    assert run.lack.startswith(f"{run.id} has no artefact yet ({said} (line ")
    assert command(*shlex.split(run.record.command)[1:], monkeypatch=monkeypatch) == 1
    assert said in capsys.readouterr().err
    Path("export").unlink()
    Path("load").write_text(statement)
    run = as_if_of_sound(own())
    with pytest.raises(PluginError, match=f"its plugin cannot load what it saved: {said} "):
        open_model("./own.py")
    Path("save").write_text(statement)
    notes = Notes()
    own(root=Path("other"), reporter=notes)
    assert any(f"could not be saved: {said} (line " in note for note in notes.texts)


def test_an_interruption_by_a_hook_is_one(own):
    Path("export").write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        own()


@pytest.mark.parametrize(
    ("statement", "instead"),
    [
        ("", "its plugin answers"),
        ("raise ValueError", "it has scores only and cannot predict"),
    ],
)
def test_a_complete_run_without_an_onnx_file_says_what_it_has(
    statement, instead, own, monkeypatch, capsys
):
    Path("save").write_text(statement)
    notes = Notes()
    run = own(reporter=notes)
    form = f"no ONNX file (it calls a web service); {instead}"
    assert f"{run.id} has {form}" in notes.texts
    assert (run.complete, run.state) == (True, "complete, scores only" if statement else "complete")
    monkeypatch.setenv("COLUMNS", "200")
    assert command("runs", "show", run.id, monkeypatch=monkeypatch) == 0
    shown = capsys.readouterr().out
    assert f"artefact   {form}" in shown
    assert command("runs", "list", monkeypatch=monkeypatch) == 0
    assert run.state in shown
    assert run.state in capsys.readouterr().out


def test_a_long_error_is_shortened(own):
    Path("export").write_text("raise ValueError('long ' * 5000)")
    assert len(own().record.error) < 700


def test_a_saved_model_that_is_not_known_any_more_is_fitted_again(train, monkeypatch):
    text = BLOCKED.replace('raise OSError(28, "No', 'raise CannotExport("No', 1)
    Path("blocked.py").write_text(text.replace("zoo import", "zoo import CannotExport,"))
    run = as_if_of_sound(train())
    assert run.complete
    assert open_model("./blocked.py").name == run.id
    folds = run.record.folds
    monkeypatch.setenv("ZOO_CACHE", "another")
    with pytest.raises(PluginError, match=r"Tree, and only .*; `zoo train .*` fits it again here"):
        open_model("./blocked.py")
    run.record.frontend["name"] = "table"
    run.write()
    notes = Notes()
    again = train(reporter=notes)
    assert notes.texts[0].startswith(f"{run.id} is fitted to all tracks again: ")
    assert (again.complete, again.record.folds, fits()) == (True, folds, FOLDS + 2)
    train()
    assert fits() == FOLDS + 2
    as_if_of_sound(again)
    assert open_model("./blocked.py").name == run.id


def test_a_kept_model_that_cannot_be_exported_is_fitted_again(train):
    train()
    Path("lossy").touch()
    train()  # for the same reason, which is not that of the kept model
    assert fits() == FOLDS + 1
    Path("block").unlink()
    assert train().complete
    assert fits() == FOLDS + 2


def test_the_list_names_a_damaged_run(own, train, monkeypatch, capsys):
    Path("block").unlink()
    run, other = train(), own()
    run.artefact_path.write_bytes(b"")
    for words in (["runs", "list"], ["leaderboard"]):
        assert command(*words, "--format", "json", monkeypatch=monkeypatch) == 0
        read = json.loads(capsys.readouterr().out)
        rows = read[0]["rows"] if words == ["leaderboard"] else read
        found = {row["run"]: (row["status"], row["error"]) for row in rows}
        assert found[run.id] == ("damaged", run.damage(["model.onnx"]))
        assert found[other.id][0] == "complete"
    assert command("runs", "list", monkeypatch=monkeypatch) == 0
    assert "repairs it" in capsys.readouterr().err


SLOW = """
import os, sys, time
from pathlib import Path
import numpy as np
from zoo import Card, Handcrafted, hookimpl

card = Card(name="slow", title="Slow", family="test", frontend=Handcrafted())

@hookimpl
def train(tracks, labels, classes, scratch):
    if scratch.name == os.environ.get("STOP"):
        Path("here").touch()
        if "pytest" in sys.modules:
            raise KeyboardInterrupt
        time.sleep(600)
    return np.bincount(labels, minlength=len(classes)) / len(labels)

@hookimpl
def predict(model, tracks):
    return [np.tile(model, (len(track), 1)) for track in tracks]
"""


@pytest.fixture
def slow(workspace: Path, feature_table) -> list[str]:
    """Return the command of a training that stops where `STOP` says."""
    Path("slow.py").write_text(SLOW)
    table = str(feature_table(classes=2, tracks=8))
    code = "import sys, zoo; zoo.train('./slow.py', sys.argv[1], protocol='kfold:3', jobs=1)"
    return [sys.executable, "-c", code, table]


def stored() -> Run:
    (record,) = Path("models").rglob("run.json")
    return Run.read(record.parent)


@pytest.mark.parametrize(
    ("stop", "place"), [("1.unfinished", "fold 2 of 3"), ("3.unfinished", "fit on all tracks")]
)
def test_a_killed_training_is_interrupted(stop, place, slow, monkeypatch, capsys):
    process = subprocess.Popen(slow, env={**os.environ, "STOP": stop})
    try:
        while not Path("here").exists():
            assert process.poll() is None
        run = stored()
        assert (run.status, run.state) == ("running", f"running, {place}")
        assert run.lack == f"{run.id} is running, {place}: wait for its end"
        (row,) = zoo.leaderboard()[0].rows
        assert row.status == "running"
    finally:
        process.kill()
    # Nobody has asked for its exit status yet, as in a container without an init process.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    run = stored()
    assert (run.status, run.state) == ("interrupted", f"interrupted, {place}")
    process.wait()
    (row,) = zoo.leaderboard()[0].rows  # from the cache, as far as it lasts
    assert (row.status, row.rank) == ("interrupted", None)
    assert f"was interrupted, {place}: run `zoo train " in row.error
    (page,) = write_report(Path("report"))
    assert f"interrupted, {place}" in page.read_text()
    monkeypatch.setenv("COLUMNS", "200")
    for words in (["runs", "list"], ["runs", "show", "slow"], ["leaderboard"]):
        assert command(*words, monkeypatch=monkeypatch) == 0
        assert f"interrupted, {place}" in capsys.readouterr().out
    assert command("runs", "list", "--format", "json", monkeypatch=monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)[0]["status"] == "interrupted"
    with pytest.raises(UsageError, match=f"was interrupted, {place}: run `zoo train "):
        open_model("slow")
    assert zoo.train("./slow.py", slow[-1], protocol="kfold:3", jobs=1).complete
    assert "process" not in stored().record.machine


def test_a_training_that_was_interrupted_in_a_process_that_goes_on(slow, monkeypatch):
    monkeypatch.setenv("STOP", "1.unfinished")
    with pytest.raises(KeyboardInterrupt):
        zoo.train("./slow.py", slow[-1], protocol="kfold:3", jobs=1)
    assert stored().state == "interrupted, fold 2 of 3"


def test_a_training_on_another_machine_is_not_known_to_run(slow, monkeypatch):
    monkeypatch.setenv("STOP", "1.unfinished")
    with pytest.raises(KeyboardInterrupt):
        zoo.train("./slow.py", slow[-1], protocol="kfold:3", jobs=1)
    run = stored()
    run.record.machine.process = "01234567-1-89abcdef"
    run.write()
    assert run.status == "running"
    assert run.state == "running or interrupted on another machine, fold 2 of 3"
    assert run.lack.startswith(f"{run.id} is {run.state}: if it does not run there any more, run `")
