"""The Typer application, and how every error becomes one sentence and an exit status."""

import inspect
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import typer

from zoo.cli import (
    data,
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
from zoo_registry.errors import ZooError
from zoo_registry.text import shown

__all__ = ["app", "run"]

_log = logging.getLogger(__name__)

_EPILOG = "Start with `zoo train svm`, which makes and uses the demo set."

app = typer.Typer(
    name="zoo",
    help="Train audio classifiers, compare them honestly, use them.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _add(task: str, name: str, what: Callable[..., None] | typer.Typer, example: str = "") -> None:
    """Add a command, or a group of commands, to the list of those that serve a task."""
    if isinstance(what, typer.Typer):
        summary = what.info.help or ""
        app.add_typer(what, name=name, rich_help_panel=task, short_help=_short(summary, example))
    else:
        summary, _, example = (inspect.getdoc(what) or "").partition("Example: ")
        summary = summary.split("\n\n")[0]
        app.command(name, rich_help_panel=task, short_help=_short(summary, example))(what)


def _short(summary: str, example: str) -> str:
    return f"{summary}\n[dim]{example}[/dim]"


_add("Compare models", "models", models.command)
_add("Compare models", "train", train.command)
_add("Compare models", "tune", tune.command)
_add("Compare models", "leaderboard", leaderboard.command)
_add("Compare models", "report", report.command)
_add("Use them", "predict", predict.command)
_add("Use them", "serve", serve.command)
_add("Use them", "runs", runs.app, "zoo runs export svm handed-over")
_add("Bring your own", "data", data.app, "zoo data check ./my-music --write")
_add("Bring your own", "plugins", plugins.app, "zoo plugins new my-model")

_BUILT_IN = {command.name for command in app.registered_commands} | {
    group.name for group in app.registered_groups
}


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


def run() -> int:
    """Run the command line; return the exit status.

    0 done; 1 something failed, and is named on stderr; 2 the command was wrong;
    130 interrupted, 143 told to end.
    """
    if logging.lastResort is not None:  # what tells of plugins on stderr
        logging.lastResort.setFormatter(_Shown())
    interrupted = _Interrupted()
    try:
        _add_commands_of_plugins()
        status = app(standalone_mode=False)
        if status == _INTERRUPTED:  # Typer makes a status of it
            raise KeyboardInterrupt
    except ZooError as error:
        return _fail(str(error), error.exit_status)
    except KeyboardInterrupt:
        return interrupted.status()
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        # What a library makes of an interruption is no error of its own.
        return interrupted.status() if interrupted.signal else _other(error)
    return status if isinstance(status, int) else 0


_INTERRUPTED = 128 + signal.SIGINT


class _Shown(logging.Formatter):
    """Of what is logged, lines that can be shown."""

    def format(self, record: logging.LogRecord) -> str:
        """Return what is logged."""
        return _seen(super().format(record))


def _seen(text: str) -> str:
    """Return lines in which whatever a name holds is seen."""
    return "\n".join(map(shown, text.split("\n")))


class _Interrupted:
    """Ctrl-C, and what a scheduler or a closing machine sends: both end the work in order."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:  # as in the background
                    signal.signal(number, self._told)

    def _told(self, number: int, frame: object) -> None:
        self.signal = signal.Signals(number)
        # The threads of a library, whose work is taken away, would each show a traceback.
        threading.excepthook = lambda _: None
        warnings.simplefilter("ignore")
        raise KeyboardInterrupt

    def status(self) -> int:
        """Say so; return the exit status that shells give to the signal."""
        number = self.signal or signal.SIGINT
        what = "interrupted" if number == signal.SIGINT else "told to end"
        sentence = f"{what}; what was finished is kept, and the same command goes on"
        return _fail(sentence, 128 + number)


def _other(error: Exception) -> int:
    """Return the status for what Typer raises, and for what nobody foresaw."""
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        show = getattr(error, "show", None)
        if show is not None:
            error.message = _seen(error.message)  # type: ignore[attr-defined]
            show()
        return code
    if isinstance(error, OSError):
        return _fail(f"{error.filename or 'a file'}: {error.strerror or error}", 1)
    return _fail(
        f"this should not have happened: {type(error).__name__}: {error}; "
        "ZOO_DEBUG=1 shows where, for a bug report",
        1,
    )


def _fail(sentence: str, status: int) -> int:
    if os.environ.get("ZOO_DEBUG"):
        traceback.print_exc()
    sys.stderr.write(f"zoo: {shown(sentence)}\n")
    return status


def _add_commands_of_plugins() -> None:
    if sys.argv[1:2] and sys.argv[1] in _BUILT_IN:
        return  # no plugin can take the name of a command, so none needs to be looked for
    from zoo_registry.plugins import Registry

    try:
        registry = Registry()
        if any(entry.kind == "extension" and not entry.withheld for entry in registry.entries):
            # Into an application of their own, so that none can change what is there.
            theirs = typer.Typer()
            registry.ask("zoo_commands", app=theirs)
            _take_over(theirs)
    except ZooError as error:
        # Help is wanted all the more where something is wrong; a line being typed is left in peace.
        if "_ZOO_COMPLETE" not in os.environ:
            _fail(str(error), error.exit_status)


def _take_over(theirs: typer.Typer) -> None:
    """Add what plugins have added to `theirs`, but for what is broken or takes a name."""
    from zoo_registry.text import error_with_type

    for kind in ("registered_commands", "registered_groups"):
        for added in getattr(theirs, kind):
            alone = typer.Typer(callback=lambda: None)
            getattr(alone, kind).append(added)
            try:
                names = set(getattr(typer.main.get_command(alone), "commands", ()))
            except Exception as error:
                _leave_out(added, error_with_type(error))
                continue
            if taken := sorted(names & _BUILT_IN):
                _leave_out(added, f"the name {taken[0]!r} is taken")
            else:
                getattr(app, kind).append(added)


def _leave_out(added: Any, reason: str) -> None:
    origin = getattr(added.callback, "__module__", None) or added.name
    _log.warning("a command of the extension %s is left out: %s", origin, reason)
