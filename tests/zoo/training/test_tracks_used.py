"""A run is known by the tracks that it used; a file that is away is no track that is left out."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from tests.notes import Notes
from zoo.datasets import open_dataset
from zoo.datasets.checks.recordings import check
from zoo.training.verify import verify_run
from zoo_registry import DatasetError, FileUnavailable
from zoo_registry.runs import Run

HEARD = """
import os
from pathlib import Path
import numpy as np
from zoo import Card, Handcrafted, hookimpl

card = Card(name="heard", title="Heard", family="test", frontend=Handcrafted())

@hookimpl
def preprocess(audio):
    {meanwhile}
    return np.array([[audio.std(), np.abs(np.diff(audio)).mean()]], np.float32)

@hookimpl
def train(tracks, labels, classes):
    return np.bincount(labels, minlength=len(classes)) / len(labels)

@hookimpl
def predict(model, tracks):
    return [np.tile(model, (len(track), 1)) for track in tracks]
"""
AWAY = """
    try:
        os.rename("flag", "done")
        os.rename("tones/low", "away")
    except OSError:
        pass
"""
TRAIN = ("train", "./heard.py", "--data", "tones", "--protocol", "kfold:2", "--jobs", "2")


def heard(meanwhile: str = "pass") -> str:
    Path("heard.py").write_text(HEARD.format(meanwhile=meanwhile))
    return "./heard.py"


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("zoo"))
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def test_a_class_folder_that_goes_away_ends_the_command(tone_folder):
    tone_folder(classes=("high", "low", "mid"), tracks=5, seconds=0.2)
    heard(AWAY)
    Path("flag").touch()
    done = command(*TRAIN)
    assert done.returncode == 1, done.stderr
    *_, last = done.stderr.splitlines()
    assert "/low/low0" in last
    assert last.endswith(
        "cannot be opened: No such file or directory; once it can be, give the same command again"
    )
    assert "Traceback" not in done.stderr
    assert not list(Path("models").rglob("predictions.csv"))
    Path("away").rename("tones/low")
    done = command(*TRAIN)
    assert done.returncode == 0, done.stderr
    (row,) = zoo.leaderboard()[0].rows
    assert (row.status, row.tracks) == ("complete", 15)


def test_a_file_that_was_replaced_since_its_hash_was_taken_is_noticed(tone_folder):
    folder = tone_folder(tracks=3, seconds=0.2)
    song, other = folder / "low" / "low00.wav", folder / "high" / "high00.wav"
    dataset = open_dataset(str(folder))
    shutil.copy(other, song)
    with pytest.raises(FileUnavailable, match=r"low00\.wav was changed while it was in use"):
        zoo.train("decision-tree", dataset, protocol="kfold:3", jobs=1)
    with pytest.raises(FileUnavailable, match=r"low00\.wav was changed while it was in use"):
        check(dataset, jobs=1)
    run = zoo.train("decision-tree", str(folder), protocol="kfold:3", jobs=1)
    assert run.record.dataset.fingerprint == open_dataset(str(folder)).fingerprint
    assert verify_run(run) == []


def test_other_bytes_of_the_same_size_and_time_are_hashed_again(tone_folder):
    folder = tone_folder(tracks=3, seconds=0.2)
    song = folder / "low" / "low00.wav"
    before = open_dataset(str(folder)).fingerprint
    status, content = song.stat(), bytearray(song.read_bytes())
    content[-1] ^= 1
    song.write_bytes(content)
    os.utime(song, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(FileUnavailable, match="give the same command again"):
        zoo.train("decision-tree", str(folder), protocol="kfold:3", jobs=1)
    run = zoo.train("decision-tree", str(folder), protocol="kfold:3", jobs=1)
    assert run.record.dataset.fingerprint != before
    assert verify_run(run) == []


def test_a_file_that_goes_away_is_an_answer_of_a_prediction(hearing, in_seconds):
    hearing("seconds")
    here, gone = in_seconds(0.4, name="here.wav"), in_seconds(0.4, name="gone.wav")
    found = zoo.predict("seconds", [gone, here], jobs=1)
    gone.unlink()
    first, second = found
    assert "gone.wav cannot be opened: No such file or directory" in first.error
    assert second.label
    assert not second.error


def test_a_link_to_nothing_is_an_answer_of_a_prediction(hearing, in_seconds):
    hearing("seconds")
    here = in_seconds(0.4, name="here.wav")
    (here.parent / "gone.wav").symlink_to(here.parent / "away" / "gone.wav")
    found = {Path(answer.path).name: answer for answer in zoo.predict("seconds", [here.parent])}
    assert found["here.wav"].label
    assert "gone.wav cannot be opened: No such file or directory" in found["gone.wav"].error


def test_a_check_does_not_call_a_missing_file_undecodable(tone_folder):
    folder = tone_folder(tracks=3, seconds=0.2)
    dataset = open_dataset(str(folder))
    (folder / "low" / "low01.wav").unlink()
    with pytest.raises(FileUnavailable, match=r"low01\.wav cannot be opened: No such file"):
        check(dataset, jobs=1)


def test_a_class_of_which_no_file_can_be_decoded_is_no_dataset(tone_folder):
    folder = tone_folder(classes=("high", "low", "mid"), tracks=3, seconds=0.2)
    for path in (folder / "low").iterdir():
        path.write_text(f"no sound: {path.name}")
    with pytest.raises(DatasetError, match=r"no track of the class 'low' in .* could be used"):
        zoo.train("decision-tree", str(folder), protocol="kfold:3", jobs=1)
    assert zoo.leaderboard() == []


def test_runs_that_left_out_different_tracks_are_no_match(tone_folder):
    folder = tone_folder(tracks=4, seconds=0.2)
    data, song = str(folder), folder / "low" / "broken.wav"
    song.write_text("no sound")
    protocol = {"protocol": "kfold:2", "jobs": 1}
    first = zoo.train("decision-tree", data, **protocol)
    # A front end that fails on more tracks than decoding does.
    heard("if audio.size > 5_200: raise ValueError('it is too long')")
    other = zoo.train("./heard.py", data, **protocol)
    assert 1 == len(first.record.skipped) < len(other.record.skipped)
    boards = {board.rows[0].run: board for board in zoo.leaderboard()}
    assert {run: board.left_out for run, board in boards.items()} == {
        first.id: 1,
        other.id: len(other.record.skipped),
    }
    assert boards[first.id].fingerprint != boards[other.id].fingerprint
    # The same tracks are used, so it is the same run, whatever else the folder holds.
    notes = Notes()
    assert zoo.train("decision-tree", data, reporter=notes, **protocol).id == first.id
    song.unlink()
    assert zoo.train("decision-tree", data, reporter=notes, **protocol).id == first.id
    assert sum("trained already" in note for note in notes.texts) == 2
    assert verify_run(first) == []
    # With one more it is another run, and none is overwritten.
    shutil.copy(folder / "high" / "high00.wav", song)
    more = zoo.train("decision-tree", data, **protocol)
    assert more.id != first.id
    assert len(more.predictions()) == len(first.predictions()) + 1
    assert not [path for path in first.folder.parent.iterdir() if not list(path.iterdir())]


def as_before(run: Run) -> Run:
    """Let a run be as earlier versions wrote it: known by all tracks, those left out included."""
    path = run.folder / "run.json"
    record = json.loads(path.read_text())
    record["dataset"]["fingerprint"] = record["dataset"].pop("whole")
    path.write_text(json.dumps(record))
    run = Run.read(run.folder)
    return Run.read(run.folder.rename(run.folder.with_name(run.record.id)))


def test_a_run_of_an_earlier_version_that_left_out_tracks(tone_folder):
    folder = tone_folder(tracks=4, seconds=0.2)
    song = folder / "low" / "low00.wav"
    marked = {"protocol": "kfold:2", "jobs": 1}
    content = song.read_bytes()
    song.write_text("no sound")
    old = as_before(zoo.train("decision-tree", str(folder), **marked))
    assert {finding.what for finding in verify_run(old)} == {"card"}  # which shows the fingerprint
    zoo.train("logistic", str(folder), **marked)
    assert [len(board.rows) for board in zoo.leaderboard()] == [1, 1]
    # Its id is the one of a run on all tracks, which takes its place.
    song.write_bytes(content)
    whole = open_dataset(str(folder))
    record = json.loads((old.folder / "run.json").read_text())
    record["dataset"]["fingerprint"] = whole.fingerprint
    (old.folder / "run.json").write_text(json.dumps(record))
    old.folder.rename(old.folder.with_name(Run.read(old.folder).record.id))
    notes = Notes()
    run = zoo.train("decision-tree", str(folder), reporter=notes, **marked)
    assert not any("trained already" in note for note in notes.texts)
    assert (len(run.predictions()), run.record.skipped) == (8, [])


def test_what_was_tuned_on_the_tracks_that_can_be_used_is_found(tone_folder):
    folder = tone_folder(tracks=8, seconds=0.2)
    (folder / "low" / "broken.wav").write_text("no sound")
    tuning = zoo.tune("decision-tree", str(folder), trials=1, protocol="kfold:2", jobs=1)
    run = zoo.train("decision-tree", str(folder), tuned=True, protocol="kfold:2", jobs=1)
    assert run.complete
    assert run.record.tuned.tuning == tuning.id
