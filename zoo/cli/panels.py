"""Panels of ``zoo --help``: commands by task, each with a summary and an example."""

import inspect
from collections.abc import Callable

import typer

__all__ = ["add_to"]


def add_to(
    app: typer.Typer,
    task: str,
    name: str,
    what: Callable[..., None] | typer.Typer,
    example: str = "",
) -> None:
    """Add a command, or a group of commands, to the panel of a task.

    Parameters
    ----------
    app : typer.Typer
        Application that gets the command.
    task : str
        Title of the panel.
    name : str
        Name of the command or group.
    what : callable or typer.Typer
        Function of a command, whose docstring ends with an example; or a group.
    example : str, optional
        Example of a group.
    """
    if isinstance(what, typer.Typer):
        summary = what.info.help or ""
        app.add_typer(what, name=name, rich_help_panel=task, short_help=_short(summary, example))
    else:
        summary, _, example = (inspect.getdoc(what) or "").partition("Example: ")
        summary = summary.split("\n\n")[0]
        app.command(name, rich_help_panel=task, short_help=_short(summary, example))(what)


def _short(summary: str, example: str) -> str:
    return f"{summary}\n[dim]{example}[/dim]"
