"""Help texts: commands by task, each with a summary and an example; options in a column."""

import inspect
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

__all__ = ["Group", "add_to"]

# What an option takes, by the begin of its type's name.
_METAVARS = {"int": "N", "float": "NUMBER", "path": "PATH", "file": "PATH", "directory": "PATH"}


class Group(TyperGroup):
    """Group of commands whose options take one short word, so that their help has the room."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, with the choices of an option in its help."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            _make_roomy(command)
        return command


def _make_roomy(command: Any) -> None:
    for own in getattr(command, "commands", {}).values():
        _make_roomy(own)
    # typer keeps the line breaks of the docstring in all paragraphs but the first one.
    paragraphs = (command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(text.split()) for text in paragraphs)
    for option in command.params:
        if option.param_type_name != "option" or option.metavar or option.is_flag:
            continue
        choices = getattr(option.type, "choices", ())
        if choices:
            option.help = f"{option.help or ''} One of {', '.join(choices)}.".lstrip()
        kinds = (word for kind, word in _METAVARS.items() if option.type.name.startswith(kind))
        option.metavar = "NAME" if choices else next(kinds, "TEXT")


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
