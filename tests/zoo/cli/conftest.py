"""Fixtures for tests of commands."""

from collections.abc import Callable

import pytest

from zoo.cli.app import run as run_command


@pytest.fixture
def terminal(monkeypatch) -> int:
    """Print to a terminal, and return its width."""
    monkeypatch.setattr("sys.__stdout__", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setenv("COLUMNS", "80")
    return 80


@pytest.fixture
def command(workspace, monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command: its status, what it prints, and its notes."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["zoo", *map(str, arguments)])
        status = run_command()
        return status, *capsys.readouterr()

    return run
