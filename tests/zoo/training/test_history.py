"""What has changed since the last run on a place is said when training begins."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import zoo
from tests.notes import Notes
from zoo.datasets import Reading, open_dataset
from zoo.workspace import cache_folder


def changes(data: str, protocol: str = "holdout:0.3", **more: object) -> list[str]:
    """Train, and return the notes on changes, without the id of the run."""
    notes = Notes()
    chosen = open_dataset(data, reading=Reading(**more))
    assert zoo.train("logistic", chosen, protocol=protocol, reporter=notes).complete
    return [
        re.sub(r"logistic-\w{10}", "RUN", note) for note in notes.texts if " since logistic" in note
    ]


def test_counts_of_a_table(feature_table):
    path = feature_table(groups=5)
    data, lines = str(path), path.read_text().splitlines()
    assert changes(data) == []
    assert changes(data) == []
    lines[1] = lines[1].replace(",class0,0-0", ",class1,0-0")
    lines[2] = lines[2].replace(",class0,0-1", ",class0,other")
    lines[3] = "0-2,9" + lines[3][lines[3].index(",", 4) :]
    new = [f"{name}{lines[4][3:]}" for name in ("new", "newer")]
    path.write_text("\n".join([*lines[:4], *lines[5:], *new]))
    counts = (
        "2 tracks added, 1 removed, 1 replaced, 1 with another label, 1 with another group or fold"
    )
    assert changes(data, "holdout:0.4") == [f"{counts} since RUN of today: a new board"]
    assert changes(data) == []  # another protocol is no change
    path.write_text("\n".join(lines))
    shutil.rmtree(cache_folder() / "tracks")
    assert changes(data) == ["the dataset has changed since RUN of today: a new board"]


def test_a_former_state_and_a_selection(feature_table):
    data = str(feature_table())
    whole = Path(data).read_text()
    assert changes(data) == changes(data, only=("class0", "class1")) == []
    Path(data).write_text(whole[: whole.rindex("2-9")])
    assert changes(data) == ["1 track removed since RUN of today: a new board"]
    # These classes have the same tracks as before.
    assert changes(data, only=("class0", "class1")) == []
    Path(data).write_text(whole)
    assert changes(data) == ["1 track added since RUN of today: an earlier board"]


def test_another_folder_of_the_same_name_is_no_change(make_tones, tmp_path):
    for number, parent in enumerate("ab"):
        make_tones(tmp_path / parent / "music", seconds=0.3, seed=number)
    assert changes("a/music") == changes("b/music") == []
    shutil.copy("a/music/low/low00.wav", "a/music/high/new.wav")
    (tmp_path / "elsewhere").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "elsewhere")
        note = "1 track added since RUN of today: a new board"
        assert changes("file://" + str(tmp_path / "a" / "music")) == [note]


@pytest.mark.parametrize(("days", "name"), [(2, None), (40, "date")])
def test_the_day(feature_table, days, name):
    path = feature_table()
    run = zoo.train("logistic", str(path), protocol="holdout:0.3")
    when = datetime.now(UTC) - timedelta(days=days)
    run.record.finished = when.isoformat(timespec="seconds").replace("+00:00", "Z")
    run.write()
    path.write_text(path.read_text().replace("2-9", "2-99"))
    local = when.astimezone()
    day = f"{local:%Y-%m-%d}" if name else f"{local:%A}"
    (note,) = changes(str(path))
    assert note == f"1 track added, 1 removed since RUN of {day}: a new board"
