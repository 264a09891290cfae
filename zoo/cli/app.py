"""The Typer application, and how every error becomes one sentence and an exit status."""

import os
import sys
import traceback
from typing import Annotated

import typer

from zoo.cli import data, leaderboard, models, predict, report, runs, train, tune
from zoo_registry.errors import ZooError

__all__ = ["app", "run"]

_EPILOG = "Start with `zoo train svm`, which makes and uses the demo set."

app = typer.Typer(
    name="zoo",
    help="Train audio classifiers, compare them honestly, use them.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("models")(models.command)
app.command("train")(train.command)
app.command("tune")(tune.command)
app.command("leaderboard")(leaderboard.command)
app.command("predict")(predict.command)
app.command("report")(report.command)
app.add_typer(data.app, name="data")
app.add_typer(runs.app, name="runs")

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
    130 interrupted.
    """
    try:
        _add_commands_of_plugins()
        status = app(standalone_mode=False)
    except ZooError as error:
        return _fail(str(error), error.exit_status)
    except KeyboardInterrupt:
        return _fail("interrupted; what was finished is kept, and the same command goes on", 130)
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _other(error)
    return status if isinstance(status, int) else 0


def _other(error: Exception) -> int:
    """Return the status for what Typer raises, and for what nobody foresaw."""
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        show = getattr(error, "show", None)
        if show is not None:
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
    sys.stderr.write(f"zoo: {sentence}\n")
    return status


def _add_commands_of_plugins() -> None:
    if sys.argv[1:2] and sys.argv[1] in _BUILT_IN:
        return  # no plugin can take the name of a command, so none needs to be looked for
    from importlib.metadata import entry_points

    if entry_points(group="zoo.extensions"):
        from zoo.plugins import open_registry

        open_registry().hook.zoo_commands(app=app)
