"""Models of folds are also asked about changed tracks: what is stored, resumed and repaired."""

import csv
import json
from pathlib import Path

import pytest

import zoo
from tests.notes import Notes
from zoo.audio.changes import CHANGES
from zoo.cli.app import run as run_command
from zoo.plugins.registry import all_changes, open_registry
from zoo.report.tables import notes
from zoo.training.verify import verify_run
from zoo_registry import Registry
from zoo_registry.discovery import EXTENSIONS
from zoo_registry.errors import UsageError
from zoo_registry.runs import ROBUSTNESS, Run

# It logs each fit, stops where a file says so, and fails to answer where another one does.
MODEL = """
from pathlib import Path
import numpy as np
from zoo import Card, Handcrafted, hookimpl

card = Card(name="mean", title="Mean", family="test", frontend=Handcrafted())
log, stop, limit = Path("fits"), Path("stop"), Path("limit")

@hookimpl
def preprocess(audio):
    peak = np.abs(audio).max()
    loud = audio[np.abs(audio) > 0.1 * peak]
    return np.array([[peak, (loud[1:] * loud[:-1] < 0).mean()]], np.float32)

@hookimpl
def train(tracks, labels, classes):
    fits = log.read_text() if log.exists() else ""
    if stop.exists() and len(fits) == int(stop.read_text()):
        raise KeyboardInterrupt
    log.write_text(fits + "x")
    rows = np.stack([track[0, 1:] for track in tracks])
    return np.stack([rows[labels == n].mean(axis=0) for n in range(len(classes))])

@hookimpl
def predict(model, tracks):
    answers = []
    for track in tracks:
        if limit.exists() and track[0, 0] < float(limit.read_text()):
            raise ValueError("too quiet for me")
        far = ((track[:, None, 1:] - model) ** 2).sum(axis=2)
        answers.append((far == far.min(axis=1, keepdims=True)).astype(float))
    return answers
"""
HOOK = """
import numpy as np
from zoo import Change, hookimpl

def backwards(audio, rate):
    return audio[::-1].copy(), rate

def raises(audio, rate):
    raise LookupError("no such room")

def leaves(audio, rate):
    raise SystemExit(0)

@hookimpl
def zoo_changes():
    return {offer}
"""


@pytest.fixture
def data(workspace: Path, make_tones) -> str:
    Path("mean.py").write_text(MODEL, encoding="utf-8")
    return str(make_tones(workspace / "tones", tracks=4, seconds=0.4))


def train(data: str, **options) -> Run:
    options = {"protocol": "kfold:2", "jobs": 1, "robustness": 6} | options
    return zoo.train("./mean.py", data, **options)


def fits() -> int:
    return len(Path("fits").read_text())


def table(run: Run) -> list[dict[str, str]]:
    with run.robustness_path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_file_has_the_changes_of_the_sample_and_a_row_of_the_board_their_shares(data):
    run = train(data)
    rows = table(run)
    assert [row["change"] for row in rows] == [name for name in CHANGES for _ in range(6)]
    assert {(row["track"], row["fold"]) for row in rows[:6]} == {
        (row["track"], row["fold"]) for row in rows[-6:]
    }
    info = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["robustness"]
    assert info["tracks"] == 6
    assert info["changes"] == {name: change.version for name, change in CHANGES.items()}
    assert info["sha256"] == run.hashes[ROBUSTNESS] == run.sha256(run.robustness_path)
    assert fits() == 3  # two folds, and all tracks
    shares = {}
    for name in CHANGES:
        of = [row for row in rows if row["change"] == name]
        shares[name] = sum(row[f"votes:{row['label']}"] == "1" for row in of) / len(of)
    ((row,),) = [board.rows for board in zoo.leaderboard()]
    assert row.by_change == pytest.approx(shares)
    assert row.robustness == pytest.approx(sum(shares.values()) / len(shares))
    assert row.worst_robustness == pytest.approx(min(shares.values()))
    assert shares[row.worst_change] == min(shares.values())
    card = run.card_path.read_text(encoding="utf-8")
    assert "## How well after everyday handling" in card
    assert all(f"| {name}: {change.sentence} |" in card for name, change in CHANGES.items())
    assert verify_run(run, rerun=True, file="mean.py") == []


def test_small_data_without_a_wish_and_no_robustness_have_none(data):
    for robustness in (None, 0):
        run = train(data, robustness=robustness, seed=int(robustness is None))
        assert run.record.robustness is None
        assert "robustness" not in json.loads((run.folder / "run.json").read_text("utf-8"))
        assert not run.robustness_path.exists()
    rows = [row for board in zoo.leaderboard() for row in board.rows]
    assert {row.robustness for row in rows} == {None}


def test_more_tracks_are_asked_about_only_if_the_user_wants_more(data):
    notes = Notes()
    run = train(data, robustness=0)
    before, artefact = fits(), run.artefact_path.stat().st_mtime_ns if run.has_artefact else None
    for robustness, folds, tracks in (
        (None, 0, None),
        (4, 2, 4),
        (3, 0, 4),
        (None, 0, 4),
        (8, 2, 8),
    ):
        run = train(data, robustness=robustness, reporter=notes)
        assert fits() == before + folds  # what is fitted to all tracks stays
        assert (run.record.robustness and run.record.robustness.tracks) == tracks
        before = fits()
    assert sum("folds of" in text and "fitted again" in text for text in notes.texts) == 2
    assert len(table(run)) == 8 * len(CHANGES)
    assert train(data, robustness=0).record.robustness.tracks == 8
    assert artefact is None or run.artefact_path.stat().st_mtime_ns == artefact


def test_a_run_that_was_interrupted_asks_no_fold_twice(data):
    whole = train(data, seed=0)
    expected = whole.robustness_path.read_bytes()
    (whole.folder / "run.json").unlink()
    Path("stop").write_text(str(fits() + 1))
    with pytest.raises(KeyboardInterrupt):
        train(data)
    Path("stop").unlink()
    before = fits()
    run = train(data, robustness=None)  # what was asked for at first holds on
    assert run.complete
    assert run.robustness_path.read_bytes() == expected
    assert fits() == before + 2


@pytest.mark.parametrize("damage", [b"", None, b"change,track\r\n"])
def test_a_damaged_file_is_named_and_repaired(data, damage):
    run = train(data)
    expected = run.robustness_path.read_bytes()
    run.robustness_path.unlink()
    if damage is not None:
        run.robustness_path.write_bytes(damage)
    assert run.damaged() == [ROBUSTNESS]
    (finding,) = verify_run(run)
    assert finding.what == "robustness"
    assert "repairs it" in finding.detail
    ((row,),) = [board.rows for board in zoo.leaderboard()]
    assert (row.status, row.robustness) == ("damaged", None)
    assert row.accuracy is not None
    repaired = train(data, robustness=None)
    assert repaired.robustness_path.read_bytes() == expected
    assert repaired.damaged() == []


def test_an_answer_that_is_missing_is_not_right(data):
    Path("limit").write_text("0.1")
    run = train(data)
    rows = [row for row in table(run) if row["change"] == "quiet"]
    assert {row[f"votes:{label}"] for row in rows for label in ("high", "low")} == {"0"}
    ((row,),) = [board.rows for board in zoo.leaderboard()]
    assert row.by_change["quiet"] == 0
    skipped = [item for fold in run.record.folds for item in fold.skipped]
    assert {(item.change, "too quiet" in item.reason) for item in skipped} == {("quiet", True)}
    assert len(skipped) == 6
    assert verify_run(run) == []


def test_a_table_of_features_has_none(feature_table):
    table = str(feature_table(tracks=25))
    assert zoo.train("svm", table, jobs=1).record.robustness is None
    with pytest.raises(UsageError, match="only recordings can be changed"):
        zoo.train("svm", table, robustness=5)


def with_hook(install_plugin, offer: str) -> Registry:
    point = install_plugin("offering", HOOK.format(offer=offer), group=EXTENSIONS)
    return Registry(defaults=open_registry()._defaults, points=[point])


def test_changes_of_an_extension_count(data, install_plugin):
    offer = "[Change('reversed', 'from its end', 3, backwards), Change('vain', 'no', 1, raises)]"
    registry = with_hook(install_plugin, offer)
    notes = Notes()
    run = train(data, registry=registry, reporter=notes)
    assert run.record.robustness.changes["reversed"] == 3
    ((row,),) = [board.rows for board in zoo.leaderboard()]
    assert list(row.by_change) == [*CHANGES, "reversed"]
    (told,) = [text for text in notes.texts if "vain" in text]
    assert "6 tracks" in told
    assert "LookupError: no such room" in told


def test_a_complete_run_keeps_its_tracks_when_there_is_another_change(data, install_plugin):
    notes = Notes()
    train(data, robustness=8, reporter=notes)
    before = fits()
    registry = with_hook(install_plugin, "[Change('reversed', 'from its end', 3, backwards)]")
    run = train(data, robustness=4, registry=registry, reporter=notes)
    again = f"the folds of {run.id} are fitted again: it was not tested on"
    assert f"{again} reversed" in notes.texts
    assert run.record.robustness.tracks == 8
    assert run.record.robustness.changes["reversed"] == 3
    run = train(data, robustness=4, reporter=notes)  # without the plugin
    assert fits() == before + 2
    assert "reversed" in run.record.robustness.changes
    run.record.robustness.changes["quiet"] = 7
    run.write()
    run = train(data, robustness=4, reporter=notes)
    assert f"{again} version 1 of quiet" in notes.texts
    assert run.record.robustness.tracks == 8


def test_a_change_that_failed_for_all_tracks_is_shown_for_good(
    data, install_plugin, monkeypatch, capsys
):
    registry = with_hook(install_plugin, "[Change('vain', 'no', 1, leaves)]")
    run = train(data, registry=registry)
    assert run.complete
    sentence = "vain: none of 6 tracks could be changed"
    assert sentence in run.card_path.read_text(encoding="utf-8")
    (board,) = zoo.leaderboard()
    assert board.rows[0].failed_changes == {"vain": 6}
    assert f"{board.name(board.rows[0])}, {sentence}." in notes(board)
    monkeypatch.setattr("sys.argv", ["zoo", "runs", "show", run.id])
    run_command()
    assert sentence in capsys.readouterr().out.splitlines()
    assert verify_run(run) == []


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        ("5", "offers its changes as a int"),
        ("[backwards]", "it is a function"),
        ("[Change('8-khz', 'mine', 1, backwards)]", "'8-khz' is taken"),
        ("[Change('Loud One', 'x', 1, backwards)]", "lower-case words"),
        (
            "[Change('lambda', 'x', 1, lambda audio, rate: (audio, rate))]",
            "a function of the module",
        ),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_change_that_cannot_be_used_is_named_and_left_out(install_plugin, caplog, offer, reason):
    assert all_changes(with_hook(install_plugin, offer)) == CHANGES
    assert reason in caplog.text
