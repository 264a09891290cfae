"""The file of ``zoo predict --output``: what is continued, what is refused, who writes it."""

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.inference.output_file import OutputFile, csv_header, csv_lines, is_stdout, json_line
from zoo.inference.prediction import UNKNOWN, Prediction, Section, doubt
from zoo_registry.errors import StorageError, UsageError

FORMS = [(False, False), (False, True), (True, False), (True, True)]
SONG = Prediction(
    "songs/é, \"1\"\n.wav", "high", "low", 0.75, {"high": 2}, {"high": 0.75, "low": 0.25}, 2, 2.5,
    run="run", timeline=[Section(0, 1, "high", 0.75), Section(1, 2.5, "unknown", None, "silence")],
)  # fmt: skip
SONGS = [
    replace(SONG, path=name, heard=heard)
    for name, heard in ((SONG.path, None), ("\udcff.wav", "it has 2 sound tracks"))
]
WRONG = Prediction("d.wav", error="d.wav is no audio", run="run")


def written(path: Path, as_csv: bool, timeline: bool) -> bytes:
    with OutputFile(path, as_csv, timeline, "run").open() as file:
        for song in (*SONGS, WRONG):
            found = song if timeline or song.error else replace(song, timeline=None)
            file.write(csv_lines(found, timeline) if as_csv else json_line(found))
    return path.read_bytes()


@pytest.mark.parametrize(("as_csv", "timeline"), FORMS)
def test_a_file_that_was_cut_anywhere_is_continued(tmp_path, as_csv, timeline):
    path = tmp_path / "out"
    whole = written(path, as_csv, timeline)
    head = whole.index(b"\n") + 1 if as_csv else len('{"path": "')
    for size in [*range(head, len(whole), 5), len(whole)]:
        zeros = b"\0" * (size % 2 * 9)  # as a power cut leaves them
        path.write_bytes(whole[:size] + zeros)
        done = OutputFile(path, as_csv, timeline, "run").done
        assert whole.startswith(path.read_bytes()), size
    assert len(done) == len(SONGS)


@pytest.mark.parametrize(
    "text",
    [
        "notes", "notes\n", "{", "{}", "[]", "null", "0", "\n", "\0\0", '{"path": "x"}',
        '{"path": "x"}\n', '{"path": "x", "run": "run", "error": null}\n',
        '{"path": "x", "run": "run", "error": "e"}\n', '{"run":"run","path":"x","error":"e"}',
        '{"path": "a"}{"path": "b"}', "path,label", "path,label\n1,2\n",
        "path,label,label_mean,confidence,windows,seconds,reason,error,run",
        "path,start,end,label,confidence,reason,error,run\nx,y\n", "\ufeff", "[" * 10_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize(("as_csv", "timeline"), FORMS)
def test_a_foreign_file_is_refused_and_kept(tmp_path, text, as_csv, timeline):
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"file exists, .* --force"):
        OutputFile(path, as_csv, timeline, "run")
    assert path.read_text() == text
    assert OutputFile(path, as_csv, timeline, "run", force=True).done == set()
    assert path.read_bytes().count(b"\n") == as_csv


@pytest.mark.parametrize(("as_csv", "timeline"), FORMS)
def test_lines_of_somebody_else_among_ours_are_refused(tmp_path, as_csv, timeline):
    path = tmp_path / "file"
    whole = written(path, as_csv, timeline).decode()
    changed = [
        whole + "reviewed\n", "reviewed\n" + whole, whole + "\n", whole.replace("\n", "\r\n"),
        "\ufeff" + whole, whole.replace("high", '"high"' if as_csv else "h\\u0069gh"),
    ]  # fmt: skip
    if not as_csv:
        line, rest = whole.split("\n", 1)
        row = json.loads(line)
        for other in ({**row, "note": "mine"}, {**row, "windows": "2"}, dict(sorted(row.items()))):
            changed.append(json.dumps(other, ensure_ascii=False) + "\n" + rest)
        changed += [whole + "reviewed", json.dumps(row, indent=1) + "\n" + rest]
    for text in changed:
        path.write_bytes(text.encode())
        with pytest.raises(UsageError, match="--force"):
            OutputFile(path, as_csv, timeline, "run")
        assert path.read_bytes() == text.encode()


@settings(max_examples=100, deadline=None)
@given(
    st.binary(min_size=1)
    | st.text(min_size=1).map(str.encode)
    | st.recursive(
        st.none() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(lambda value: json.dumps(value).encode())
    | st.lists(st.lists(st.text(), min_size=1), min_size=1).map(
        lambda rows: _csv(rows).encode("utf-8", "replace")
    ),
    st.sampled_from(FORMS),
)
def test_no_other_content_is_taken_for_answers(content, form):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(content)
        with pytest.raises(UsageError):
            OutputFile(path, *form, "run")
        assert path.read_bytes() == content


def _csv(rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize(("as_csv", "timeline"), FORMS)
def test_a_command_with_other_options_does_not_continue(tmp_path, as_csv, timeline):
    path = tmp_path / "file"
    whole = written(path, as_csv, timeline)
    for other, least, words in (
        (not timeline, 0.0, "--timeline"),
        (timeline, 0.8, "of another --min-confidence than 0.8"),
    ):
        with pytest.raises(UsageError, match=rf"file holds answers .*{words}.*--force"):
            OutputFile(path, as_csv, other, "run", min_confidence=least)
        assert path.read_bytes() == whole
    for least in (0.0, 0.5, 0.75):  # the same answers
        path.write_bytes(whole)
        again = OutputFile(path, as_csv, timeline, "run", min_confidence=least)
        assert len(again.done) == len(SONGS)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(FORMS))
def test_a_command_continues_its_own_min_confidence(confidence, least, form):
    as_csv, timeline = form
    reason = doubt(confidence, least)
    label = UNKNOWN if reason else "high"
    window = Section(0, 1, label, confidence, reason)
    song = replace(
        SONG,
        label=label,
        confidence=confidence,
        reason=reason,
        timeline=[window] * timeline or None,
    )
    text = csv_lines(song, timeline) if as_csv else json_line(song)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_text((csv_header(timeline) if as_csv else "") + text, newline="")
        content = path.read_bytes()
        OutputFile(path, as_csv, timeline, "run", min_confidence=least)
        path.write_bytes(content)  # of a timeline in CSV, the last file is classified again
        if reason:
            with pytest.raises(UsageError, match="--min-confidence than 0;"):
                OutputFile(path, as_csv, timeline, "run")


def test_forged_confidences_are_refused(tmp_path):
    path = tmp_path / "file"
    lines = written(path, False, True).decode().splitlines(keepends=True)
    section = ', "reason": null}, {"start"'
    for old, new in ((section, '}, {"start"'), ('0.75, "votes"', f'{10**400}, "votes"')):
        assert old in lines[0]
        path.write_text(lines[0].replace(old, new, 1))
        with pytest.raises(UsageError, match="--force"):
            OutputFile(path, False, True, "run", min_confidence=0.8)


def test_an_unchanged_file_is_not_written_again(tmp_path):
    path = tmp_path / "file"
    with OutputFile(path, False, False, "run").open() as file:
        file.write(json_line(replace(SONG, timeline=None)))
    before = path.stat()
    assert OutputFile(path, False, False, "run").done == {SONG.path}
    assert path.stat().st_ino == before.st_ino


SECOND = """
import sys
from pathlib import Path
from zoo.inference.output_file import OutputFile
try:
    OutputFile(Path(sys.argv[1]), False, False, "run")
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def test_one_command_writes_a_file_by_whatever_name(tmp_path):
    path = tmp_path / "file"
    answers = OutputFile(path, False, False, "run")
    with answers.open() as file:
        (tmp_path / "symbolic").symlink_to(path)
        os.link(path, tmp_path / "hard")
        for name in ("file", "symbolic", "hard", "../" + tmp_path.name + "/file"):
            second = [sys.executable, "-c", SECOND, str(tmp_path / name)]
            done = subprocess.run(second, capture_output=True, text=True, check=False)
            assert "is being written by another command" in done.stderr, name
            assert done.stderr.startswith("UsageError")
        file.write(json_line(replace(SONG, timeline=None)))
    done = subprocess.run(second, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert path.read_bytes().count(b"\n") == 1


def test_a_file_that_goes_away_meanwhile_is_named(tmp_path):
    path = tmp_path / "file"
    for leave in (path.unlink, lambda: (tmp_path / "other").replace(path)):
        (tmp_path / "other").write_text("other")
        path.unlink(missing_ok=True)
        with (
            pytest.raises(StorageError, match="removed or replaced"),
            OutputFile(path, False, False, "run").open(),
        ):
            leave()


def test_streams_are_written_and_stay_what_they_are(tmp_path):
    with OutputFile(Path(os.devnull), True, False, "run").open() as file:
        file.write("nothing")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="pipe cannot be written: nobody reads"):
        OutputFile(pipe, False, False, "run")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with OutputFile(pipe, False, False, "run").open() as file:
        file.write("an answer")
    assert os.read(reader, 99) == b"an answer"
    os.close(reader)
    assert pipe.is_fifo()
    log = tmp_path / "log"
    with log.open("w") as opened:
        opened.write("before ")
        opened.flush()
        link = tmp_path / "link"
        link.symlink_to(f"/dev/fd/{opened.fileno()}")
        with OutputFile(link, False, False, "run").open() as file:
            file.write("after")
    assert log.read_text() == "before after"
    assert link.is_symlink()


def test_the_names_of_the_standard_output(tmp_path):
    (tmp_path / "link").symlink_to("/dev/stdout")
    for name in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", tmp_path / "link"):
        assert is_stdout(Path(name)), name
    for name in ("/dev/stderr", "/dev/null", "/dev/fd/12", "stdout", "1", "x" * 999):
        assert not is_stdout(Path(name)), name


def test_a_link_in_a_circle_is_named(tmp_path):
    path = tmp_path / "circle.jsonl"
    path.symlink_to(path)
    with pytest.raises(UsageError, match="circle"), OutputFile(path, False, False, "run").open():
        pass
    assert path.is_symlink()
