"""Typer application, in which errors become one sentence and an exit status."""

import logging
import os
import select
import shlex
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli import (
    compare,
    data,
    ensemble,
    label,
    leaderboard,
    models,
    plugins,
    predict,
    report,
    runs,
    serve,
    train,
    tune,
)
from zoo.cli.ending import Interrupted, fail, flush
from zoo.cli.messages import accept_everywhere, command_word, messages
from zoo.cli.output import escaped
from zoo.cli.panels import Group, add_to
from zoo_registry.errors import UsageError, ZooError
from zoo_registry.places import hint
from zoo_registry.text import first_line, in_a_line

if TYPE_CHECKING:
    from zoo_registry.plugins import Registry

__all__ = ["BUILT_IN", "app", "run"]

_log = logging.getLogger(__name__)

app = typer.Typer(
    name="zoo",
    cls=Group,
    help="Train audio classifiers, compare them honestly, use them.",
    epilog="Start with `zoo train svm`, which makes and uses the demo set.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


_add = partial(add_to, app)
_add("Compare models", "models", models.command)
_add("Compare models", "train", train.command)
_add("Compare models", "tune", tune.command)
_add("Compare models", "leaderboard", leaderboard.command)
_add("Compare models", "compare", compare.command)
_add("Compare models", "ensemble", ensemble.command)
_add("Compare models", "report", report.command)
_add("Use them", "predict", predict.command)
_add("Use them", "serve", serve.command)
_add("Use them", "label", label.command)
_add("Use them", "runs", runs.app, "zoo runs export svm handed-over")
_add("Bring your own", "data", data.app, "zoo data check ./my-music --write")
_add("Bring your own", "plugins", plugins.app, "zoo plugins new my-model")

BUILT_IN = {command.name for command in app.registered_commands} | {
    group.name for group in app.registered_groups
}
"""Names of the commands that are none of a plugin."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"genre-zoo {version('genre-zoo')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Train audio classifiers, compare them honestly, use them."""
    del version  # its callback has acted


def run(interrupted: Interrupted | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    interrupted : Interrupted, optional
        The handler of Ctrl-C and SIGTERM, if there is one already.

    Returns
    -------
    int
        Exit status: 0 done; 1 something failed, which is named on stderr; 2 the command was
        wrong; 130 interrupted; 143 terminated.
    """
    try:
        with messages():
            return _run(interrupted or Interrupted())
    except UsageError as error:  # the log of ZOO_LOG cannot be written
        return fail(str(error), error.exit_status)


def _run(interrupted: Interrupted) -> int:
    try:
        _add_commands_of_plugins()
        command = typer.main.get_command(app)
        accept_everywhere(command)
        status = command(standalone_mode=False)
        if status == _INTERRUPTED:  # Typer converts KeyboardInterrupt to this status
            raise KeyboardInterrupt
    except ZooError as error:
        # An import that was interrupted looks like a library that is missing.
        return interrupted.status() if interrupted.signal else fail(str(error), error.exit_status)
    except KeyboardInterrupt:
        return interrupted.status()
    except BrokenPipeError as error:
        return _unread(error)
    except SystemExit as ended:  # so does Typer end then
        if isinstance(ended.__context__, BrokenPipeError):
            # Rich has redirected stdout then; Typer has wrapped it.
            return 0 if sys.stdout is sys.__stdout__ else _unread(ended.__context__)
        code = ended.code  # or the text of a plugin
        status = code if isinstance(code, int | None) else fail(first_line(ended), 1)
    except BaseException as error:
        # Libraries may raise other errors after an interruption.
        return interrupted.status() if interrupted.signal else _other(error)
    return status if isinstance(status, int) else 0


_INTERRUPTED = 128 + signal.SIGINT


def _unread(error: BrokenPipeError) -> int:
    """Return the exit status if a pipe has lost its reader: 0 if that was `head`, or the like."""
    if sys.__stdout__ is not None:
        sys.stdout = sys.__stdout__  # Typer has put another in its place, which hides the error
    try:
        sys.stdout.flush()
        if hasattr(select, "poll"):  # not on Windows
            asked = select.poll()
            asked.register(sys.stdout, 0)
            if any(event & select.POLLERR for _, event in asked.poll(0)):
                return 0
    except OSError:
        return 0
    return _other(error)  # another pipe, such as that of a worker that could not be started


def _other(error: BaseException) -> int:
    """Return the exit status for errors of Typer, and for unexpected errors."""
    if isinstance(error, typer.Abort):
        return fail("not confirmed, so nothing was done", 1)
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        show = getattr(error, "show", None)
        if show is not None:
            error.message = escaped(error.message + _meant())  # type: ignore[attr-defined]
            show()
        return code
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return fail(f"the Python package {package} is missing; install genre-zoo again", 1)
    return fail(
        f"this should not have happened: {type(error).__name__}: {error}; "
        "ZOO_DEBUG=1 shows where, for a bug report",
        1,
    )


def _of_system(error: OSError) -> int:
    """Return the exit status for a file that cannot be used."""
    # A stream has no name; what it holds fails again.
    if not error.filename and (status := flush(0)):
        return status
    try:
        Path.cwd()
    except OSError:
        return fail("the current directory was deleted; change to another one", 1)
    path = error.filename or "a file"
    return fail(f"{path}: {error.strerror or error}{hint(path, error)}", 1)


def _meant() -> str:
    """Return how to name files that look like options, if there are any."""
    files = [word for word in sys.argv[1:] if word.startswith("-") and os.path.lexists(word)]
    return f" (the file of this name is {shlex.quote('./' + files[0])})" if files else ""


def _add_commands_of_plugins() -> None:
    if command_word() in BUILT_IN:
        return  # plugins cannot replace a command, so that none is needed
    from zoo_registry.plugins import Registry

    try:
        registry = Registry()
        if any(entry.kind == "extension" and not entry.withheld for entry in registry.entries):
            # An application of their own, so that they cannot change other commands.
            added = typer.Typer()
            registry.ask("zoo_commands", app=added)
            _take_over(added)
        reason = _switched_off(registry)
    except ZooError as error:
        # Help has to work in spite of the error; completion must not print it.
        if "_ZOO_COMPLETE" not in os.environ:
            fail(str(error), error.exit_status)
        return
    if reason:
        raise UsageError(reason)


def _switched_off(registry: "Registry") -> str | None:
    """Return why an extension with the name of the command is not used, if there is no command."""
    known = {command.name for command in app.registered_commands} | BUILT_IN
    for entry in registry.entries:
        is_meant = command_word() == entry.name and entry.name not in known
        if is_meant and entry.kind == "extension" and entry.withheld:
            return f"the extension {entry.name!r} is not used: {entry.reason}"
    return None


def _take_over(extra: typer.Typer) -> None:
    """Add the commands of plugins, except broken ones and those whose name is taken."""
    for kind in ("registered_commands", "registered_groups"):
        for added in getattr(extra, kind):
            alone = typer.Typer(callback=lambda: None)
            getattr(alone, kind).append(added)
            try:
                names = set(getattr(typer.main.get_command(alone), "commands", ()))
            except Exception as error:
                _leave_out(added, in_a_line(error))
                continue
            if taken := sorted(names & BUILT_IN):
                _leave_out(added, f"the name {taken[0]!r} is taken")
            else:
                getattr(app, kind).append(added)


def _leave_out(added: Any, reason: str) -> None:
    origin = getattr(added.callback, "__module__", None) or added.name
    _log.warning("a command of the extension %s is left out: %s", origin, reason)
