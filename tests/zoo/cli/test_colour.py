"""Colours: where they are, where not, and whether they can be read."""

import io
import os
import re
import subprocess
import sys

import pytest

from zoo.cli.colour import BEST, ERROR, TIED, WARNING, is_coloured, painted

SIGN = re.compile(r"\x1b\[([\d;]*)m")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _contrast(number: int) -> tuple[float, float]:
    """Return the contrast of one of the 256 colours on white and on black (WCAG 2)."""
    levels = (0, 95, 135, 175, 215, 255)
    parts = (number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6
    red, green, blue = (
        (level / 255 / 12.92 if level < 11 else ((level / 255 + 0.055) / 1.055) ** 2.4)
        for level in (levels[part] for part in parts)
    )
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 1.05 / (light + 0.05), (light + 0.05) / 0.05


@pytest.mark.parametrize("style", [BEST, TIED, WARNING, ERROR])
def test_a_colour_can_be_read_on_white_and_on_black(style):
    assert min(_contrast(int(re.search(r"\((\d+)\)", style)[1]))) > 3.8


@pytest.mark.parametrize(
    ("env", "stream", "signs"),
    [
        ({}, io.StringIO(), []),
        ({}, _Terminal(), ["1;38;5;160", "0"]),
        ({"NO_COLOR": "1"}, _Terminal(), ["1", "0"]),
        ({"TERM": "dumb"}, _Terminal(), []),
        ({"FORCE_COLOR": "1"}, io.StringIO(), ["1;38;5;160", "0"]),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, io.StringIO(), ["1", "0"]),
    ],
)
def test_variables_and_pipes_are_respected(env, stream, signs, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"TERM": "xterm"} | env).items():
        monkeypatch.setenv(name, value)
    text = painted("zoo:", ERROR, stream)
    assert SIGN.findall(text) == signs
    assert SIGN.sub("", text) == "zoo:"
    assert is_coloured(stream) == bool(signs)


@pytest.mark.parametrize(
    ("variables", "signs"),
    [
        ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "0"}, False), ({"FORCE_COLOR": ""}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)  # fmt: skip
def test_help_results_and_errors_in_a_pipe_follow_the_same_variables(variables, signs):
    clean = {name: own for name, own in os.environ.items() if not name.endswith("_COLOR")}
    for words in (["--help"], ["models"], ["runs", "show", "no-such-run"]):
        done = subprocess.run(
            [sys.executable, "-m", "zoo", *words], env=clean | {"TERM": "xterm"} | variables,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert bool(SIGN.search(done.stdout + done.stderr)) == signs, words


def test_an_error_in_a_pipe_has_no_colour_unless_it_is_forced(command, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    words = ("runs", "show", "no-such-run")
    assert command(*words)[2].startswith("zoo: ")
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = command(*words)[2]
    assert SIGN.search(coloured)
    assert SIGN.sub("", coloured).startswith("zoo: ")
