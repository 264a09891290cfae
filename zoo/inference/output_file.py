"""Predictions as lines of JSON or CSV, and a file of them that can be continued."""

import codecs
import csv
import errno
import io
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from zoo.inference.prediction import OPTIONAL, Prediction, agrees
from zoo.workspace import sole_writer
from zoo_registry.errors import StorageError, UsageError
from zoo_registry.files import check_replaceable, naming, sync, write_text
from zoo_registry.structures import from_plain
from zoo_registry.text import brief, csv_text, encodable, json_text

__all__ = ["OutputFile", "csv_header", "csv_lines", "is_stdout", "json_line"]

_FORMER = (
    *("path", "label", "label_mean", "confidence", "windows", "seconds", "reason", "error"),
    "run",
)
_COLUMNS = (*_FORMER, *(name for name in OPTIONAL if name not in ("dataset", "timeline")))
_EARLIER = (_FORMER, (*_FORMER, "guess"))  # columns of earlier versions
_TIMELINE = ("path", "start", "end", "label", "confidence", "reason", "error", "run")
_KEYS = tuple(field.name for field in fields(Prediction))  # of a line of JSON, in order
_QUOTED = re.compile(r'"[^"]*("|$)')  # in CSV
_OPENING = '{"path": "'
_INSTEAD = "give another --output, or --force to replace it"
_LINKS = 40  # that are followed, as by the system

_Row: TypeAlias = tuple[dict[str, Any], str]  # and its line


def json_line(prediction: Prediction) -> str:
    """Return one line of JSON."""
    return json_text(prediction.to_json()) + "\n"


def csv_header(timeline: bool) -> str:
    """Return the line with the names of the columns."""
    return _csv([_TIMELINE if timeline else _COLUMNS])


def csv_lines(prediction: Prediction, timeline: bool) -> str:
    """Return the row of a file, or with its timeline one row per window."""
    plain = prediction.to_json()
    windows = plain["timeline"] if timeline and prediction.error is None else [{}]
    columns = _TIMELINE if timeline else _COLUMNS
    cells = ([(plain | window).get(name) for name in columns] for window in windows)
    return _csv([f"{x:.6g}" if isinstance(x, float) else x for x in row] for row in cells)


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    return encodable(csv_text(rows))


class OutputFile:
    """File of predictions that grows during a command.

    Predictions of an interrupted command are kept, so that the same command continues it.
    Files with an error are classified again. A pipe or a device receives new predictions only. No
    other process can open the file until `open` has ended.

    Parameters
    ----------
    path : Path
        The file; created if it does not exist.
    as_csv, timeline : bool
        Whether it holds CSV rather than lines of JSON; and one row per window, in CSV.
    run : str
        Name of the model.
    force : bool
        Whether the predictions replace whatever the file holds.
    min_confidence : float
        Mean probability below which the label is "unknown".

    Attributes
    ----------
    done : set of str
        Audio files that have a prediction.

    Raises
    ------
    UsageError
        If the file holds something else, or predictions of another run or with other options, or
        cannot be written.
    """

    def __init__(
        self,
        path: Path,
        as_csv: bool,
        timeline: bool,
        run: str,
        force: bool = False,
        min_confidence: float = 0.0,
    ) -> None:
        self.path = path
        self.done: set[str] = set()
        self._timeline, self._least = timeline, min_confidence
        self._columns = (_TIMELINE if timeline else _COLUMNS) if as_csv else None
        self._rows: list[_Row] = []
        self._stream = _open_stream(path)
        if self._stream is not None:
            return
        with ExitStack() as held:
            held.enter_context(sole_writer(path))
            content = check_replaceable(path, self._recognise, force)
            # Some windows of the last file may be missing.
            last = self._rows[-1][0]["path"] if self._rows and as_csv and timeline else None
            head = csv_header(timeline) if as_csv else ""
            kept = head + "".join(self._kept(run, last))
            del self._rows
            if kept.encode() != content or not content:
                write_text(path, kept)
            self._held = held.pop_all()  # released by `open`, or with this object

    def _recognise(self, content: bytes) -> bool:
        """Read the rows of a file; return False if it is not exactly what this class writes."""
        # An interruption may have cut the last line, also within a character, and a power cut may
        # have left zeros.
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            text = decoder.decode(content.rstrip(b"\0"))
            if self._columns and text.startswith(csv_header(not self._timeline)):
                list(_csv_rows(text, _COLUMNS if self._timeline else _TIMELINE))
                raise self._refusal(self._other_timeline)
            former = [each for each in _EARLIER if text.startswith(_csv([each]))]
            if self._columns == _COLUMNS and former:
                rows: Iterable[_Row] = map(_completed, _csv_rows(text, former[0]))
            else:
                rows = _csv_rows(text, self._columns) if self._columns else _json_rows(text)
            self._rows = list(rows)
        except (ValueError, RecursionError):
            return False
        return True

    def _kept(self, run: str, last: str | None) -> Iterator[str]:
        """Yield the lines of complete predictions."""
        for row, line in self._rows:
            if row["run"] != run:
                raise self._refusal(f"of {brief(str(row['run']))}, not of {run}")
            if row["error"]:
                continue
            if not self._columns and ("timeline" in row) != self._timeline:
                raise self._refusal(self._other_timeline)
            if not all(map(self._agrees, (row, *(row.get("timeline") or ())))):
                raise self._refusal(f"of another --min-confidence than {self._least:g}")
            if row["path"] != last:
                self.done.add(row["path"])
                yield line

    @property
    def _other_timeline(self) -> str:
        return "without --timeline" if self._timeline else "with --timeline"

    def _refusal(self, what: str) -> UsageError:
        return UsageError(f"{self.path} holds answers {what}; {_INSTEAD}")

    def _agrees(self, answer: dict[str, Any]) -> bool:
        """Return whether a file or a window may be an answer of this command."""
        confidence = answer["confidence"]
        if confidence in (None, ""):  # of silence
            return True
        try:
            return agrees(float(confidence), answer.get("reason"), self._least)
        except (ValueError, OverflowError):
            return False

    def holds(self, path: str) -> bool:
        """Return whether an audio file has a prediction, also if its name is not UTF-8."""
        return path in self.done or encodable(path) in self.done

    @contextmanager
    def open(self) -> Iterator[TextIO]:
        """Open the file to add lines, which survive a power cut after the block.

        Raises
        ------
        UsageError
            If another command writes the file.
        StorageError
            If nothing more can be written, or the file was replaced during the block.
        """
        if self._stream is not None:
            with naming(self.path), self._stream as stream:
                yield stream
            return
        with (
            self._held,
            naming(self.path),
            sole_writer(self.path),  # it may be another file than before, of the same name
            self.path.open("a", encoding="utf-8", newline="") as file,
        ):
            yield file
            file.flush()
            if not self._is_there(file):
                reason = "it was removed or replaced while this command wrote it"
                raise StorageError(f"{self.path} does not hold the answers: {reason}", reason)
            target = self.path.resolve()
            sync(target)
            sync(target.parent)

    def _is_there(self, file: TextIO) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(file.fileno()))
        except OSError:
            return False


def _json_rows(text: str) -> Iterator[_Row]:
    """Yield the predictions of lines of JSON; raises ValueError if one is none."""
    # A name may contain other line ends of `splitlines`; JSON ends lines with this one.
    *lines, rest = text.split("\n")
    for line in lines:
        row = json.loads(line)
        from_plain(row, Prediction)
        wanted = tuple(name for name in _KEYS if name in row or name not in OPTIONAL)
        if (*row,) != wanted or json_text(row) != line:
            raise ValueError("another program wrote it")
        yield row, line + "\n"
    if not (_is_beginning(rest) and (lines or rest.startswith(_OPENING))):
        raise ValueError("no line of this command begins like this")


def _is_beginning(text: str) -> bool:
    """Return whether a text is the beginning of a prediction as a line of JSON."""
    decoder = json.JSONDecoder()
    for name in _KEYS:
        if name in OPTIONAL and text == "}":
            return True
        expected = f'{"{" if name == _KEYS[0] else ", "}"{name}": '
        if not text.startswith(expected):
            if name in OPTIONAL and not expected.startswith(text):
                continue
            return expected.startswith(text)
        text = text.removeprefix(expected)
        try:
            _, end = decoder.raw_decode(text)
        except ValueError:  # it was cut within the value
            return True
        text = text[end:]
        if text and not text.strip("0123456789.e+-"):  # it was cut within a number
            return True
    return text in ("", "}")


def _csv_rows(text: str, columns: tuple[str, ...]) -> Iterator[_Row]:
    """Yield the rows of a table; raises ValueError if one is not of these columns."""
    head = _csv([columns])
    if not text.startswith(head):
        raise ValueError("its columns are others")
    place = len(head)
    with suppress(csv.Error):  # it was cut within a name in quotation marks
        for cells in csv.reader(io.StringIO(text[place:], newline=""), strict=True):
            line = _csv([cells])
            if len(cells) != len(columns) or not text.startswith(line, place):
                break
            yield dict(zip(columns, cells, strict=True)), line
            place += len(line)
    rest = text[place:]
    if "\n" in _QUOTED.sub("", rest):
        raise ValueError("another program wrote it")


def _completed(former: _Row) -> _Row:
    """Return a row of a file that was begun with fewer columns."""
    row = dict.fromkeys(_COLUMNS, "") | former[0]
    return row, _csv([row.values()])


def is_stdout(path: Path) -> bool:
    """Return whether a path such as ``-`` or ``/dev/stdout`` names the standard output."""
    return str(path) == "-" or _descriptor(path) == 1


def _descriptor(path: Path) -> int | None:
    """Return the number of the open file of this process that a path names."""
    folder = os.path.realpath("/dev/fd")
    for _ in range(_LINKS):
        if os.path.realpath(path.parent) == folder and path.name.isdigit():
            return int(path.name)
        if not os.path.islink(path):  # noqa: PTH114  (pathlib raises OSError for a long name)
            break
        path = path.parent / os.readlink(path)  # noqa: PTH115  (Path.readlink is the same)
    return None


def _open_stream(path: Path) -> TextIO | None:
    """Open a pipe, a device or an open file of this process; None for any other path."""
    try:
        number = _descriptor(path)
        if number is None:
            mode = path.stat().st_mode
            if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
                return None
    except (OSError, ValueError):
        return None
    try:
        if number is None:
            # Without O_NONBLOCK, opening a pipe would wait for a reader for ever.
            opened = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            os.set_blocking(opened, True)
        else:
            opened = os.dup(number)
    except OSError as error:
        nobody = error.errno == errno.ENXIO
        reason = "nobody reads from it; start its reader first" if nobody else error.strerror
        raise UsageError(f"{path} cannot be written: {reason}") from error
    return os.fdopen(opened, "w", encoding="utf-8", newline="")
