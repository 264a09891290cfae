"""The log of a command and of its workers: a file that gets all messages, each with its time.

Warnings of Python and messages of libraries go there, and nowhere else.
"""

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zoo_registry.errors import UsageError
from zoo_registry.silence import CHATTER

__all__ = ["begin_log", "keep_apart", "logs_apart", "without_secrets"]

_OWN = ("zoo", "zoo_registry", "zoo_plugins")
_LINE = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ [A-Z]+ \S+: ")  # of `_Formatter`
_SECRETS = re.compile(
    r"(?P<kept>://)[^/\s@]+(?=@)"  # a password before the host
    r"|(?P<path>://[^\s?'\"]*\?)[^\s'\"]+"  # a signature behind the path
    r"|(?P<name>(?i:[\w-]*(?:token|secret|password|key))=)[^\s'\"]+"
    r"|(?P<option>--(?i:[\w-]*(?:token|secret|password|key))\s+)[^\s'\"]+"
)


def without_secrets(text: str) -> str:
    """Return a text in which passwords, signatures and tokens are replaced by three stars."""
    return _SECRETS.sub(lambda found: f"{found[found.lastgroup or 0]}***", text)


class _Formatter(logging.Formatter):
    """Lines with time, process, level and logger."""

    def __init__(self) -> None:
        super().__init__("{asctime} {process} {levelname} {name}: {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, without secrets."""
        return without_secrets(super().format(record))


class _File(logging.FileHandler):
    """A log file; if it cannot be written any more, the work goes on without it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (of logging)
        """Warn once, and end the log."""
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)  # a message that cannot be formatted
            return
        logging.getLogger().removeHandler(self)
        os.environ.pop(CHATTER, None)
        self.close()
        logging.getLogger(__name__).warning(
            "the log %s cannot be written any more: %s; the work goes on without it",
            self.baseFilename, error.strerror,
        )  # fmt: skip

    def close(self) -> None:
        """Close the file, whose last line may be lost."""
        with suppress(OSError):
            super().close()


def _check_is_log(file: Path) -> None:
    """Refuse a file that holds something else, such as a recording."""
    if not file.is_file():  # a new one, or a device
        return
    with file.open("rb") as opened:
        begin = opened.read(1000)
    if begin and not _LINE.match(begin):
        raise UsageError(f"{file} is no log of the zoo, so nothing is written to it; name another")


def begin_log(path: str | os.PathLike[str]) -> logging.Handler:
    """Append all messages from now on to a file; a kill loses none that was written.

    Worker processes that are started later do the same, and so do those parts of libraries that
    write to the error stream of the process.

    Parameters
    ----------
    path : path
        The file; made if it is missing, together with nothing else. One that is there already is
        empty, or a log of the zoo.

    Returns
    -------
    logging.Handler
        What writes the file.

    Raises
    ------
    UsageError
        If the file cannot be written, or holds something else.
    """
    if not os.fspath(path):
        raise UsageError("the name of the log is empty; give a file, such as zoo.log")
    file = Path(path).absolute()
    try:
        _check_is_log(file)
        handler = _File(file, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"the log {path} cannot be written: {error.strerror}") from None
    handler.setFormatter(_Formatter())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for name in _OWN:
        logging.getLogger(name).setLevel(logging.DEBUG)
    os.environ[CHATTER] = str(file)
    return handler


def keep_apart(console: logging.Handler | None = None) -> None:
    """Keep warnings and messages of libraries off the terminal; a log gets them.

    Parameters
    ----------
    console : logging.Handler, optional
        What prints the messages that matter.

    Raises
    ------
    UsageError
        If the environment names a log that cannot be written.
    """
    logging.getLogger().addHandler(console or logging.NullHandler())
    logging.captureWarnings(capture=True)
    if path := os.environ.get(CHATTER):
        begin_log(path)


@contextmanager
def logs_apart(console: logging.Handler | None = None) -> Iterator[None]:
    """Do the same while the block runs.

    Parameters
    ----------
    console : logging.Handler, optional
        What prints the messages that matter.
    """
    root, former = logging.getLogger(), os.environ.get(CHATTER)
    before, levels = list(root.handlers), {n: logging.getLogger(n).level for n in ("", *_OWN)}
    try:
        keep_apart(console)
        yield
    finally:
        logging.captureWarnings(capture=False)
        for handler in [each for each in root.handlers if each not in before]:
            root.removeHandler(handler)
            handler.close()
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        os.environ.pop(CHATTER, None)
        if former:
            os.environ[CHATTER] = former
