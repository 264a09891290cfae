"""Parts of which extensions make commands that look and behave like the zoo's own.

A command that uses them takes the options of `zoo predict`, writes results to stdout, notes and
progress to stderr, and prints tables and JSON as all commands do. Errors of
`zoo_registry.errors` become one sentence and an exit status by themselves.
"""

import os
from collections.abc import Callable, Sequence

import typer

from zoo.cli.colour import WARNING
from zoo.cli.console import TerminalReporter
from zoo.cli.options import FormatOption, MinConfidenceOption, PrecisionOption
from zoo.cli.output import Note, columns, make_table, percent, print_data, print_result, say
from zoo.cli.panels import add_to
from zoo_registry.errors import UsageError

__all__ = [
    "WARNING",
    "FormatOption",
    "MinConfidenceOption",
    "Note",
    "PrecisionOption",
    "TerminalReporter",
    "add_command",
    "columns",
    "make_table",
    "percent",
    "print_data",
    "print_result",
    "run_and_paths",
    "say",
]


def add_command(app: typer.Typer, name: str, command: Callable[..., None]) -> None:
    """Add a command to the panel "Use them" of `zoo --help`, with its first line and its example.

    Parameters
    ----------
    app : typer.Typer
        What the hook `zoo_commands` is called with.
    name : str
        Word behind `zoo`.
    command : callable
        Function of the command. Its docstring may end with a line ``Example: zoo NAME …``.
    """
    add_to(app, "Use them", name, command)


def run_and_paths(
    arguments: Sequence[str], note: Callable[[str], None]
) -> tuple[str | None, list[str]]:
    """Return the run at the begin of arguments, None if there is none, and the paths.

    Parameters
    ----------
    arguments : sequence of str
        As for `zoo predict`: perhaps a run or another model, then recordings; at least one.
    note : callable
        Receives a sentence on a run whose name a file or folder has, too.

    Raises
    ------
    UsageError
        If more than one model is named, or something does not exist.
    """
    from zoo.inference.arguments import models_and_recordings, recordings

    models, paths = models_and_recordings(arguments, note)
    if models[1:]:
        raise UsageError(f"{models[0]!r} and {models[1]!r} are both models; name one of them")
    recordings(path for path in paths if not os.path.lexists(path))
    return next(iter(models), None), paths
