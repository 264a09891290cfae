"""The table of labels: what spreadsheets and people do to it stays, and no cell is a formula."""

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.datasets import open_dataset
from zoo.execution.progress import Reporter
from zoo.inference.label_sheet import COLUMNS, LabelSheet
from zoo_registry.errors import UsageError

NAMES = ["=1+1.wav", "+a.wav", "-b.wav", "@c.wav", "a,b.wav", "two\nlines.wav", 'q"uote.wav',
         " blank.wav", "Überfall.wav", "file:x.wav", "http:y.wav", "x/~z.wav", "tab\t.wav",
         "r\rn.wav", "a;b.wav", "#1.wav"]  # fmt: skip


def row(path: object, **known: str) -> dict[str, str]:
    return dict.fromkeys(COLUMNS, "") | {"path": str(path)} | known


def cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@given(
    name=st.sampled_from(NAMES) | st.text(
        st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=9
    ).map(lambda text: f"{text}.wav"),
    group=st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=5),
)  # fmt: skip
def test_every_name_is_found_again_and_no_cell_is_a_formula(tmp_path_factory, name, group):
    folder = tmp_path_factory.mktemp("sheet")
    sheet = LabelSheet(folder / "labels.csv")
    files = [str(folder / name), f"/elsewhere/{name}"]
    sheet.add([row(file, group=group, guess="=2") for file in files])
    again = LabelSheet(sheet.path)
    assert [again.file(own) for own in again.rows] == files
    assert all(own["group"].strip() == group.strip() for own in again.rows)
    for line in cells(sheet.path):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in line)


def test_the_zoo_reads_what_the_table_names(workspace, make_tones):
    tones = make_tones(Path("tones"), tracks=8)
    sheet = LabelSheet(Path("labels.csv"))
    for old, new in zip(sorted(tones.rglob("*.wav")), NAMES, strict=True):
        target = old.parent / new
        target.parent.mkdir(exist_ok=True)
        old.rename(target)
        sheet.add([row(target.absolute())])
    sheet.add([row("/nowhere/gone.wav")])
    for own in list(sheet.rows)[:-3]:
        place = Path(sheet.file(own))
        sheet.set_label(str(place), "high" if "high" in place.parts else "low")
    said: list[str] = []
    reporter = Reporter()
    reporter.note = said.append  # type: ignore[method-assign]
    dataset = open_dataset("labels.csv", reporter=reporter)
    assert len(dataset) == len(NAMES) - 2
    assert {Path(str(track.path)).name for track in dataset.tracks} <= {Path(n).name for n in NAMES}
    assert "2 rows without a label are not used" in " ".join(said)


@pytest.mark.parametrize(
    ("separator", "encoding", "label"),
    [
        *((",", "utf-8", "label"), (",", "utf-8-sig", "Label"), (";", "cp1252", "Genre")),
        *((";", "utf-8-sig", "label"), ("\t", "utf-16", "Label"), ("\t", "utf-8", "Genre")),
    ],
)
def test_what_a_spreadsheet_saves_is_read_and_kept(workspace, separator, encoding, label):
    sheet = LabelSheet(Path("labels.csv"))
    sheet.add([row(workspace / "Ä.wav", reason="why; or not"), row(workspace / "b.wav")])
    head, *lines = cells(sheet.path)
    head = [label if name == "label" else name for name in head]
    lines[0][1] = "Märchen"
    edited = [[*head, "note"], [*lines[0], "mine"], [*lines[1], ""]]
    with sheet.path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=separator).writerows(edited)
    sheet.add([row(workspace / "c.wav")])  # which an earlier look does not overwrite
    sheet.set_label(str(workspace / "b.wav"), "=rock")
    again = LabelSheet(sheet.path)
    assert [own["label"].strip() for own in again.rows] == ["Märchen", "=rock", ""]
    assert [own["note"] for own in again.rows] == ["mine", "", ""]
    assert [Path(again.file(own)).name for own in again.waiting()] == ["c.wav"]
    first = sheet.path.read_text(encoding="utf-8-sig").splitlines()[0]
    assert first == separator.join([*head, "note"])


def test_labels_that_were_written_meanwhile_are_kept(workspace):
    ours, theirs = LabelSheet(Path("labels.csv")), None
    ours.add([row(workspace / f"{name}.wav") for name in "abc"])
    theirs = LabelSheet(ours.path)
    theirs.set_label(str(workspace / "a.wav"), "rock")
    ours.set_label(str(workspace / "b.wav"), "pop")
    assert [own["label"] for own in LabelSheet(ours.path).rows] == ["rock", "pop", ""]
    ours.path.write_text("path,label,group,guess,confidence,reason\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"has no row of 'c\.wav' any more"):
        ours.set_label(str(workspace / "c.wav"), "pop")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("path,label\na.wav,rock\n", "is not a table of `zoo label`: it has no column 'group'"),
        ("hello", "not a table of `zoo label`"),
        ("a,b\n1,2,3\n", "3 values for 2 columns; or give another --out"),
    ],
)
def test_other_files_are_left_alone(workspace, content, words):
    Path("labels.csv").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        LabelSheet(Path("labels.csv"))
    assert Path("labels.csv").read_text(encoding="utf-8") == content


def test_what_cannot_be_a_table(workspace):
    Path("folder").mkdir()
    os.mkfifo("pipe")
    for name in ("folder", "pipe", "labels.csv/x"):
        Path("labels.csv").touch()
        with pytest.raises(UsageError, match="give another --out"):
            LabelSheet(Path(name)).add([row("/a.wav")])
    assert LabelSheet(Path("labels.csv")).rows == []  # an empty one can be


def test_what_a_training_lacks_is_said(workspace):
    sheet = LabelSheet(Path("labels.csv"))

    def lack(*given: tuple[str, str]) -> str:
        rows = ({"label": label, "group": group} for label, group in given)
        sheet.rows = [dict.fromkeys(COLUMNS, "") | {"path": f"{n}"} | r for n, r in enumerate(rows)]
        return sheet.lack()

    assert lack(("a", ""), ("a", ""), ("b", "x"), ("b", "y"), ("", "")) == ""
    assert lack(("", "")).endswith("; there is no label.")
    assert lack(("a", ""), ("a", "")).endswith("; there is one class.")
    # Two recordings of one group are used either for training or for testing.
    assert lack(("a", ""), ("b", "x"), ("b", "x")).endswith("; too few for 'a', 'b'.")
