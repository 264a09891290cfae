"""Help of all commands in a narrow terminal."""

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from zoo.cli.app import app

WIDE = 80


def _commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, own in getattr(command, "commands", {}).items():
        yield from _commands(own, (*words, name))


@pytest.mark.parametrize("words", _commands(get_command(app)), ids=" ".join)
def test_help_has_room_in_a_narrow_terminal(words, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(WIDE))
    found = CliRunner().invoke(app, [*words, "--help"])
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert max(map(len, lines)) <= WIDE
    (shown,) = [line for line in lines if "Show this message" in line]
    assert WIDE - shown.index("Show") > 30, "the options squeeze their help"


def test_help_names_choices_once_and_joins_the_lines_of_a_paragraph(monkeypatch):
    monkeypatch.setenv("COLUMNS", str(WIDE))
    for _ in range(2):
        text = CliRunner().invoke(app, ["train", "--help"]).stdout
        assert text.count("hyperband") == 1
    lines = CliRunner().invoke(app, ["models", "--help"]).stdout.splitlines()
    (first,) = [line for line in lines if "With a name, print its card" in line]
    assert len(first.rstrip()) > WIDE - 15
