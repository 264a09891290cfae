"""Options -v, -q and --log of all commands: which messages are printed, and which file has all."""

import logging
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import Any

from typer.core import TyperOption

from zoo.execution.log import begin_log, logs_apart
from zoo_registry.errors import UsageError
from zoo_registry.places import at_home, cache_folder, models_folder
from zoo_registry.text import shown

__all__ = ["accept_everywhere", "command_word", "is_printed", "messages", "passes"]

_PRINTED = logging.getLogger("zoo.cli.printed")  # what the command line prints by itself
_PRINTED.addHandler(logging.NullHandler())  # without any, `logging` prints it once more
# These begin the names of loggers whose warnings are printed; a server logs a failed request.
_OWN = ("zoo", "uvicorn")
_TEXTS = ("note", "given_name")  # parameters of commands that are never a path
_level = logging.INFO


def passes(text: str, level: int = logging.INFO) -> bool:
    """Return whether a message is to be printed; the log gets it in any case.

    Parameters
    ----------
    text : str
        The message.
    level : int
        One of `logging`: INFO is not printed with --quiet, DEBUG with --verbose only.
    """
    _PRINTED.log(level, "%s", text)
    return is_printed(level)


def is_printed(level: int = logging.INFO) -> bool:
    """Return whether messages of this level are printed."""
    return level >= _level


@contextmanager
def messages() -> Iterator[None]:
    """Print the usual messages, until an option of the command says otherwise."""
    _set_level(logging.INFO)
    with logs_apart(_Console(logging.WARNING)):
        try:
            if "ZOO_LOG" in os.environ:
                _begin()
            yield
        finally:
            _set_level(logging.INFO)


class _Console(logging.Handler):
    """Warnings of the zoo, its plugins and its servers on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message of a record."""
        if record.name.startswith(_OWN) and record.name != _PRINTED.name:
            for line in self.format(record).split("\n"):
                sys.stderr.write(f"{shown(line)}\n")


def command_word() -> str | None:
    """Return the first word behind ``zoo`` that is no option."""
    words = iter(sys.argv[1:])
    for word in words:
        if word == "--log":
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


def accept_everywhere(command: Any, hidden: bool = False) -> None:
    """Give a command, and those below it, the options for messages; only the first shows them.

    Parameters
    ----------
    command : click.Command
        Command or group.
    hidden : bool
        Whether its help does without.
    """
    command.params += [
        _option(
            "-v", "--verbose", hidden, "Also print versions, folders, and the time of each step."
        ),
        _option("-q", "--quiet", hidden, "Print only results, errors, and warnings that matter."),
        TyperOption(
            param_decls=["--log"],
            type=str,
            metavar="FILE",
            hidden=hidden,
            expose_value=False,
            callback=_log_to,
            help="Append all messages, but no results, to a file, with their times. These three "
            "options may also stand behind the command.",
        ),
    ]
    for param in command.params:
        if param.name not in _TEXTS:
            param.type = copy(param.type)
            param.type.convert = partial(_at_home, param.type.convert)
    for below in getattr(command, "commands", {}).values():
        accept_everywhere(below, hidden=True)


def _at_home(convert: Any, value: Any, *more: Any) -> Any:
    """Convert the value of an option or argument, in which ``~`` is the home."""
    if value == "" and convert.__self__.name in ("path", "file", "directory"):
        raise UsageError("an empty text is no file or folder; give its name")
    return convert(at_home(value) if isinstance(value, str) else value, *more)


def _option(short: str, name: str, hidden: bool, text: str) -> TyperOption:
    return TyperOption(
        param_decls=[short, name],
        type=bool,
        is_flag=True,
        default=False,
        hidden=hidden,
        expose_value=False,
        is_eager=True,
        callback=_make_verbose if name == "--verbose" else _make_quiet,
        help=text,
    )


def _make_verbose(context: Any, option: Any, wanted: bool) -> None:
    if wanted and _level != logging.DEBUG:
        _set_level(logging.DEBUG)
        for line in _surroundings():
            sys.stderr.write(f"{shown(line)}\n")


def _make_quiet(context: Any, option: Any, wanted: bool) -> None:
    if wanted:
        _set_level(logging.WARNING)


def _log_to(context: Any, option: Any, file: str | None) -> None:
    if file is not None:
        begin_log(file)
        _begin()


def _begin() -> None:
    """Write to the log what was asked for, and where."""
    _PRINTED.info("%s", shlex.join(["zoo", *sys.argv[1:]]))
    for line in _surroundings():
        _PRINTED.debug("%s", line)


def _surroundings() -> Iterator[str]:
    """Yield versions, and the folders of runs and of the cache."""
    from importlib.metadata import version

    system = f"{platform.system()} {platform.machine()}"
    yield f"genre-zoo {version('genre-zoo')}, Python {platform.python_version()}, {system}"
    yield f"runs in {models_folder().absolute()}, cache in {cache_folder()}"


def _set_level(level: int) -> None:
    global _level  # noqa: PLW0603  (a process has one terminal)
    _level = level
