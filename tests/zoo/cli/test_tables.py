"""Tables of all commands, in terminals of several widths and in a pipe."""

import re

import pytest
from rich.cells import cell_len

RIGHT = ([0, 0, 1, 1], [0, 0, 1, 1])
COMMANDS = [
    ("leaderboard",), ("leaderboard", "--by", "log-loss"), ("runs", "list"),
    ("runs", "show", "RUN"), ("compare", "RUN", "OTHER"), ("models",), ("models", "cnn2d"),
    ("models", "gtzan"), ("models", "musicnn"), ("plugins", "list"), ("data", "list"),
]  # fmt: skip
LEFT = "Not shown for lack of room: "


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_table_fits_or_names_what_it_leaves_out(words, write_run, command, monkeypatch):
    names = {"RUN": "random-forest-0123456789", "OTHER": "svm-0123456789"}
    for name in names.values():
        write_run(name, *RIGHT, model=name.rpartition("-")[0])
    words = [names.get(word, word) for word in words]
    status, whole, _ = command(*words)
    assert status == 0
    assert LEFT not in whole
    pipe = _words(whole)
    monkeypatch.setattr("sys.__stdout__", type("Terminal", (), {"isatty": lambda self: True})())
    for wide in (60, 80, 120, 200):
        monkeypatch.setenv("COLUMNS", str(wide))
        _, out, _ = command(*words)
        lines = out.splitlines()
        long = [line for line in lines if cell_len(line.rstrip()) > wide]
        assert all(" " not in line.strip() for line in long), long  # one word, such as a path
        text = re.sub(r"\s+", " ", out)
        lost = pipe - _words(out)
        if LEFT in text:
            named = text.partition(LEFT)[2].partition(";")[0]
            assert named
            assert wide < 200
        elif "confusion" not in out:  # whose headings are as long as there is room
            assert not lost, (wide, lost)


def _words(text: str) -> set[str]:
    # Lines of a table, and of a path that was broken, are as long as the terminal is wide.
    return {word for word in text.split() if not set(word) <= set("─│├└ ")}
