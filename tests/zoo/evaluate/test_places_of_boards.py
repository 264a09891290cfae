"""Boards of the place that --data names, and titles that tell boards apart."""

import json
import shutil
import sys
from pathlib import Path

import pytest

import zoo
from zoo.cli.app import run as run_command
from zoo.datasets import Reading, open_dataset
from zoo.report.tables import heading
from zoo_registry.errors import DatasetError


def train(data: str, **more: object) -> str:
    """Return the fingerprint of the board of a new run."""
    run = zoo.train("logistic", data, protocol="holdout:0.3", **more)
    assert run.complete
    return run.record.used


def fingerprints(data: str | None = None, **more: str) -> set[str]:
    return {board.fingerprint for board in zoo.leaderboard(data, **more)}


@pytest.fixture
def folders(make_tones, workspace) -> tuple[str, str]:
    """Return two folders of one name with different tones."""
    for number, parent in enumerate("ab"):
        make_tones(workspace / parent / "music", seconds=0.3, seed=number)
    return "a/music", "b/music"


def test_two_folders_of_one_name(folders, workspace, monkeypatch):
    one, other = map(train, folders)
    assert fingerprints() == fingerprints("music") == {one, other}
    for data, own in zip(folders, (one, other), strict=True):
        for name in (
            data,
            f"{data}/",
            f"./{data}",
            str(workspace / data),
            f"file://{workspace / data}",
        ):
            assert fingerprints(name) == {own}
    Path("a/music/low/low00.wav").rename("a/music/high/new.wav")
    changed = train(folders[0])
    assert fingerprints(folders[0]) == {one, changed}
    assert fingerprints(folders[1]) == {other}
    # Seen from elsewhere, the same folders, and another one of that name, which was not trained on.
    (workspace / "c" / "a").mkdir(parents=True)
    shutil.copytree("b/music", "c/a/music")
    monkeypatch.chdir(workspace / "c")
    assert fingerprints("../a/music") == {one, changed}
    assert fingerprints("a/music") == set()
    assert train("a/music") == other  # the same tracks, hence the same run
    assert fingerprints("a/music") == {other}
    shutil.rmtree("a/music")
    assert fingerprints("a/music") == {other}


def test_equal_folders_of_two_names(folders):
    shutil.copytree(folders[0], "other")
    boards = {data: train(data) for data in ("other", folders[0])}
    assert len(set(boards.values())) == 1
    for data in boards:
        assert [board.dataset for board in zoo.leaderboard(data)] == [Path(data).name]


def test_a_folder_that_was_moved(folders):
    one, other = map(train, folders)
    Path("there").mkdir()
    Path(folders[0]).rename("there/music")
    assert fingerprints("there/music") == {one}
    assert fingerprints(folders[1]) == {other}


def test_runs_of_earlier_versions(folders):
    boards = set(map(train, folders))
    for path in Path("models").rglob("run.json"):
        record = json.loads(path.read_text())
        del record["dataset"]["place"]
        path.write_text(json.dumps(record))
    shutil.rmtree(Path("cache") / "trained")
    first, second = map(fingerprints, folders)
    assert first | second == boards
    assert len(first) == len(second) == 1


def test_titles_tell_boards_apart(folders):
    for data in folders:
        train(data)
    titles = [heading(board) for board in zoo.leaderboard()]
    assert len(set(titles)) == 2
    for board, title in zip(zoo.leaderboard(), titles, strict=True):
        finished = zoo.workspace.find_run(board.rows[0].run).record.finished[:10]
        tracks = f"{board.rows[0].tracks} tracks"
        mark = f"last run {finished}, fingerprint {board.fingerprint[:8]}"
        assert title == f"music, holdout:0.3, {tracks}, {mark}"
    shutil.rmtree(Path("models") / "music" / "holdout-0.3" / zoo.leaderboard()[0].rows[0].run)
    assert [board.mark for board in zoo.leaderboard()] == [""]


def test_a_name_that_nothing_has(folders, monkeypatch, capfd):
    def command(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["zoo", *words])
        return run_command(), "".join(capfd.readouterr())

    assert zoo.leaderboard("musci") == []
    status, text = command("leaderboard", "--data", "musci")
    assert (status, "There is no run of 'musci' to show" in text) == (0, True)
    train(folders[0])
    sentence = (
        "zoo: there is no dataset 'musci', and no run of one of that name; the closest is 'music'\n"
    )
    for name in ("leaderboard", "report"):
        assert command(name, "--data", "musci") == (2, sentence)
    assert "music" in command("leaderboard", "--data", "music")[1]
    with pytest.raises(DatasetError, match="empty"):
        zoo.leaderboard("")
    # What could be trained on is no error, nor is a protocol that nothing was trained with.
    for name in ("demo", folders[1]):
        status, text = command("leaderboard", "--data", name)
        assert (status, "There is no run of" in text) == (0, True)
    assert zoo.leaderboard("music", protocol="kfold:7") == []
    status, text = command("runs", "list")
    assert "fingerprint" not in text
    train(folders[1])
    lines = command("runs", "list")[1].splitlines()
    for board in zoo.leaderboard():
        assert any(f", 8 tracks, {board.fingerprint[:8]}" in line for line in lines)


def test_titles_have_the_columns_that_were_named(make_tones, workspace):
    folder = make_tones(workspace / "musik", tracks=4, seconds=0.3)
    rows = [
        f"{path.relative_to(folder)},{path.parent.name},Band {n // 2}"
        for n, path in enumerate(sorted(folder.rglob("*.wav")))
    ]
    (folder / "list.csv").write_text("\n".join(["file,genre,Band", *rows]))
    for reading in (None, Reading(group="Band")):
        zoo.train("decision-tree", open_dataset("musik", reading=reading), protocol="kfold:2")
    titles = {heading(board) for board in zoo.leaderboard()}
    assert titles == {"musik, kfold:2, 8 tracks", "musik, groups by Band, kfold:2, 8 tracks"}
