"""Output of commands: one result in every format."""

import contextlib
import io
import json
import os
import pty
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

import zoo
from zoo.cli import output
from zoo.cli.app import app
from zoo.cli.confusion import confusion_table
from zoo.cli.console import TerminalReporter
from zoo.cli.leaderboard import _cells, board_text
from zoo.cli.output import Note, cell, columns, make_table, print_result, print_text
from zoo.evaluate.board import TITLES, Board, Row, metric_key


def _never():
    raise AssertionError("a format that was not chosen is not made")
    yield


def test_json_is_all_that_is_printed(capsys):
    print_result("json", json=[{"a": "é"}], table=_never(), csv=_never, markdown=_never)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == [{"a": "é"}]
    assert captured.err == ""


def test_an_iterator_is_a_list_in_json(capsys):
    print_result("json", json=map(str, (1, 2)), table=())
    assert json.loads(capsys.readouterr().out) == ["1", "2"]


def test_lines_and_tables_go_to_stdout_and_notes_to_stderr(capsys):
    table = make_table(
        [*columns("name", overflow="fold"), *columns("tracks", "groups", justify="right")],
        [("[red]", 10, None), (("two", "lines"), 2, "\x1b")],
        "title",
        [None, "dim"],
    )
    print_result("table", json=_never(), table=["first", table, Note("aside"), "last\x07"])
    captured = capsys.readouterr()
    assert captured.err == "aside\n"
    lines = [line.rstrip() for line in captured.out.splitlines()]
    assert (lines[0], lines[1], lines[-1]) == ("first", "title", "last\\x07")
    assert [line.split() for line in lines[3:8] if "─" not in line] == [
        ["name", "tracks", "groups"],
        ["[red]", "10"],
        ["two", "2", "\\x1b"],
        ["lines"],
    ]


@pytest.mark.parametrize(
    ("format", "printed"),
    [("csv", "a,b\n"), ("markdown", "*a*\n"), ("html", "<p><em>a</em></p>\n")],
)
def test_text_is_printed_as_it_is(capsys, format, printed):
    given = {
        "csv": lambda: "a,b\n", "markdown": lambda: "*a*\n", "html": lambda: "<p><em>a</em></p>\n"
    }  # fmt: skip
    print_result(format, json=_never(), table=_never(), **given)
    assert capsys.readouterr().out == printed


def test_cells():
    assert [cell(value) for value in (None, 1, "a\nb", ("a", None))] == ["", "1", "a\\nb", "a\n"]


def test_a_narrow_board_leaves_out_empty_columns_first(feature_table, workspace, monkeypatch):
    zoo.train("decision-tree", str(feature_table(tracks=20)), protocol="kfold:2")
    boards = {}
    for columns_shown in (80, 200):
        monkeypatch.setattr("zoo.cli.output.width", lambda own=columns_shown: own)
        boards[columns_shown] = CliRunner().invoke(app, ["leaderboard"]).stdout
    for board in boards.values():
        assert "robustness" not in board
        assert "mean prob." in board
    assert "log loss" in _left(boards[80])
    assert not _left(boards[200])


@pytest.mark.parametrize("to_file", [False, True], ids=["terminal", "file"])
def test_answers_beside_a_bar_have_lines_of_their_own(to_file, tmp_path):
    code = (
        "import time; from zoo.cli.console import TerminalReporter; from zoo.cli.output import *\n"
        "with TerminalReporter().bar('listening', 3) as bar:\n"
        "    for done in range(3):\n"
        "        time.sleep(0.6); bar.update(done)\n"
        "        say(f'said {done}'); print_data(f'data {done}\\n')\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"
    answers = tmp_path / "answers"
    if to_file:
        command += f" > {shlex.quote(str(answers))}"
    env = os.environ | {"TERM": "xterm", "COLUMNS": "120", "ZOO_PROGRESS": "1"}
    raw = _in_terminal(["sh", "-c", command], env)
    seen = [re.split(r"\r|\x1b\[2K", line)[-1] for line in raw.split("\r\n")]
    expected = [f"{kind} {done}" for done in range(3) for kind in ("said", "data")]
    assert "listening" in raw
    if to_file:
        assert sorted(answers.read_text().splitlines()) == sorted(expected)
        assert "said" not in raw
        assert "data" not in raw
    else:
        assert [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line) for line in seen][:6] == expected


def _in_terminal(command: list[str], env: dict[str, str]) -> str:
    """Return what a command writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        found = b""
        with contextlib.suppress(OSError):  # Linux raises it at the end
            while part := os.read(ours, 65536):
                found += part
    os.close(ours)
    assert process.returncode == 0, found
    return found.decode()


@pytest.mark.parametrize(
    ("name", "wide", "broken"),
    [
        ("svm", 80, False),
        ("logistic on musicnn:window=3.0", 80, False),
        ("logistic on musicnn:window=3.0", 60, False),
        ("logistic on an-encoder-of-mine:step=0.5,window=30.0", 80, False),
        ("logistic on " + "a" * 90, 80, True),
    ],
)
def test_a_narrow_board_breaks_no_name(name, wide, broken, monkeypatch):
    monkeypatch.setattr("zoo.cli.output.width", lambda: wide)
    row = Row(
        rank=1, rank_low=1, rank_high=2, tied_with=("b",), model=name.split()[0], run="a",
        status="complete",
        accuracy=0.75, robustness=0.5, worst_change="narrow-band", worst_robustness=0.25,
        by_change={"narrow-band": 0.25}, ci_low=0.6, ci_high=0.9, p=0.012,
        intervals={"accuracy": (0.6, 0.9)}, macro_f1=0.7,
        accuracy_mean=0.7, fold_accuracy=(0.6, 0.9), train_seconds=2.0,
        frontend=name.rpartition(" ")[2], frontend_given=name != "svm", name=name,
    )  # fmt: skip
    board = Board("mine", "0" * 64, "kfold:5", True, None, (row,))
    text = "\n".join(map(_drawn, board_text(board, ())))
    words = set(text.split())
    assert (set(name.split()) <= words) != broken
    assert {".750", ".600-.900"} <= words
    left = _left(text)
    for column in ("mean prob.", "folds", "train s"):
        assert column in left
    assert ("worst change" in left) == (name != "svm")
    monkeypatch.setattr("zoo.cli.output.width", lambda: 200)
    assert not any("Not shown" in _drawn(item) for item in board_text(board, ()))


@given(
    wide=st.integers(40, 200),
    by=st.sampled_from(list(TITLES)),
    names=st.lists(st.text("abc模=-+é ", min_size=1, max_size=70), min_size=1, max_size=3),
    seeds=st.booleans(),
    changed=st.booleans(),
    rank=st.sampled_from([1, 11, 1999]),
    figure=st.sampled_from([0.0, 0.808, 1.0, 1234.5]),
)
def test_no_figure_of_a_board_is_cut_at_any_width(wide, by, names, seeds, changed, rank, figure):
    robust = {"by_change": {"narrow-band": 1.0}, "worst_change": "narrow-band"} if changed else {}
    share = min(figure, 1.0)
    rows = tuple(
        Row(
            rank=number, rank_low=1, rank_high=rank, model="m", run=f"m-{number}", name=name,
            status="complete", spread=0.0354 if seeds else None, p=0.731 if rank > 1 else None,
            intervals=dict.fromkeys(map(metric_key, TITLES), (0.0, figure)), accuracy_mean=share,
            fold_accuracy=(0.0, 1.0), train_seconds=figure, robustness=1.0 if changed else None,
            worst_robustness=1.0 if changed else None, **robust,
            **{metric_key(key): figure if "log" in key else share for key in TITLES},
        )
        for number, name in enumerate(names, 1)
    )  # fmt: skip
    board = Board("mine", "0" * 64, "kfold:5", True, None, rows, by)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.cli.output.width", lambda: wide)
        table, *sentences = map(_drawn, board_text(board, ()))
    text, left = " ".join(sentences), _left(table)
    assert all(cell_len(line.rstrip()) <= wide for line in table.splitlines())
    table = table.partition("Not shown")[0]
    assert TITLES[by] not in left
    for row in rows:
        for name, figures in _cells(board, row).items():
            if name in (*left, "model") or figures == "-":  # names may be broken
                continue
            whole = figures.split()[:1] if name == "worst change" else [figures]
            for each in whole:
                assert re.search(rf"(?<!\S){re.escape(each)}(?!\S)", table), (name, each)
    assert (" p: " in text) == ("p" not in left and rank > 1 and len(rows) > 1)
    assert ("worst change: " in text) == ("worst change" not in left and changed)


def _left(text: str) -> list[str]:
    """Return the columns that a note names as not shown."""
    found = re.search("Not shown for lack of room: ([^;]*);", " ".join(text.split()))
    return found[1].split(", ") if found else []


def _drawn(item) -> str:
    if isinstance(item, str):
        return item
    file = io.StringIO()
    Console(file=file, width=output.width()).print(item, markup=False)
    return file.getvalue()


def test_sentences_are_wrapped_at_words_on_a_terminal_only(monkeypatch, capsys):
    text = " ".join(["predefined"] * 20)
    print_text([Note(text), ""])
    TerminalReporter().note(text)
    assert capsys.readouterr() == ("\n", f"{text}\n{text}\n")
    monkeypatch.setattr("zoo.cli.wrapping.is_terminal", lambda err=False: True)
    monkeypatch.setenv("COLUMNS", "80")
    print_text([text, ""])
    TerminalReporter().note(text)
    out, err = capsys.readouterr()
    assert out == f"{err}\n"
    assert max(map(len, out.splitlines())) <= 80
    assert set(out.split()) == {"predefined"}


@pytest.mark.parametrize("count", [3, 10, 30])
def test_classes_of_a_confusion_are_as_long_as_fit(count, monkeypatch):
    names = tuple(f"{number} percussion" for number in range(count))
    answers = SimpleNamespace(classes=names, real=range(count))

    def headings() -> list[str]:
        return [str(column.header) for column in table.table.columns][1:]

    table = confusion_table(answers, np.eye(count, dtype=int))
    assert headings() == list(names)  # in a pipe
    monkeypatch.setenv("COLUMNS", "80")
    table = confusion_table(answers, np.eye(count, dtype=int))
    length = {3: None, 10: 5, 30: 4}[count]
    assert headings() == [name[:length] for name in names[: len(headings())]]
    assert len(headings()) == {3: 3, 10: 10, 30: 13}[count]  # beside "9 percussion"
    assert table.left == names[len(headings()) :]


@pytest.mark.parametrize(
    "words",
    [["models"], ["runs", "list"], ["leaderboard"], ["runs", "show", "svm"], ["--help"],
     ["leaderboard", "--format", "json"], ["plugins", "list"]],
    ids=" ".join,
)  # fmt: skip
def test_a_reader_that_has_enough_is_no_error(words, mistaken):
    theirs, ours = os.pipe()
    os.close(theirs)
    done = subprocess.run(
        [sys.executable, "-m", "zoo", "-q", *words], stdout=ours, stderr=subprocess.PIPE, text=True,
        check=False,
    )  # fmt: skip
    os.close(ours)
    assert (done.returncode, done.stderr) == (0, "")
