"""Errors that the zoo raises on purpose.

::

    ZooError                 exit status 1: something failed, and the message names it
    ├── UsageError           exit status 2: the command or its input is wrong
    │   ├── LayoutError      a model does not take the rows of a front end
    │   ├── UnknownModel     no plugin has a model of this name
    │   ├── ArtefactError    an ONNX file cannot be trusted, or cannot be run
    │   ├── DatasetError     the data cannot be used as a dataset
    │   └── ProtocolError    the dataset cannot be split as asked
    ├── LimitError           an ONNX file from elsewhere exceeds a limit
    ├── AudioError           one track cannot be decoded, or its features not computed
    ├── PluginError          a plugin cannot be loaded or breaks its contract
    │   └── CannotExport     a model has no ONNX form; the message says why
    ├── RunError             a run on disk is damaged or incomplete
    ├── EngineError          no worker is left, or the scheduler of a cluster is gone
    └── StorageError         nothing more can be written, or a file was deleted
        └── FileUnavailable  a recording cannot be opened, or was changed meanwhile

A message is one sentence (what, where), followed by what to do if something can be done.
"""

import re
from pathlib import Path

__all__ = [
    "IN_PYTHON",
    "ArtefactError",
    "AudioError",
    "CannotExport",
    "DatasetError",
    "EngineError",
    "FileUnavailable",
    "LayoutError",
    "LimitError",
    "PluginError",
    "ProtocolError",
    "RunError",
    "StorageError",
    "UnknownModel",
    "UsageError",
    "ZooError",
]


IN_PYTHON = "In Python,"  # begins the note on a message

# What the options and commands in messages are in Python.
_PYTHON = {
    "--ungrouped": "grouped=False",
    "--exclude-class": 'zoo.open_dataset(..., without=["name"])',
    "--only-class": 'zoo.open_dataset(..., only=["name"])',
    "--limit": "zoo.open_dataset(..., limit=10)",
    "--protocol": 'protocol="..."',
    "--front-end": 'frontend="..."',
    "--set": 'params={"name": ...}',
    "--min-confidence": "min_confidence=...",
    "--precision": "precision=...",
    "--from": 'from_run="..."',
    "zoo train": "zoo.train(...)",
    "zoo tune": "zoo.tune(...)",
    "zoo predict": "zoo.predict(...)",
    "zoo runs list": "zoo.runs()",
    "zoo models": "zoo.models()",
}


class ZooError(Exception):
    """A failure; the message names it, its place and what to do next.

    Messages are in the words of the command line. Below a traceback, a note has those of Python.

    Parameters
    ----------
    *args : object
        The message, as for every exception.
    """

    exit_status = 1

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        text = str(args[0]) if args else ""
        known = [
            f"{word} is {python}"
            for word, python in _PYTHON.items()
            if re.search(rf"(?<![\w-]){word}(?![\w-])", text)
        ]
        if known:
            self.add_note(f"{IN_PYTHON} {'; '.join(known)}")


class UsageError(ZooError):
    """The command or its input is wrong."""

    exit_status = 2


class LayoutError(UsageError):
    """A model does not take the rows of a front end; `layout` is the one that it takes."""

    layout = ""


class UnknownModel(UsageError):
    """No plugin has a model of this name."""


class ArtefactError(UsageError):
    """An ONNX file cannot be trusted, or cannot be run."""


class DatasetError(UsageError):
    """The data cannot be used as a dataset."""


class ProtocolError(UsageError):
    """The dataset cannot be split as asked."""


class LimitError(ZooError):
    """An ONNX file from elsewhere takes more time or memory than it may, or ends its process."""


class AudioError(ZooError):
    """One track cannot be decoded, or its features not computed; others are not affected."""


class PluginError(ZooError):
    """A plugin cannot be loaded or breaks its contract."""


class CannotExport(PluginError):
    """A model has no ONNX form; the message names the reason."""


class RunError(ZooError):
    """A run on disk is damaged or incomplete."""

    folder: Path | None = None  # of a run whose record cannot be read


class EngineError(ZooError):
    """No worker is left, or the scheduler of a cluster is gone; the same command continues."""


class StorageError(ZooError, OSError):
    """Nothing more can be written, or a file was deleted; neither model nor data is the cause."""

    # Also an OSError, so that code that can work without the file handles both alike.
    def __init__(self, message: str, reason: str | None) -> None:
        super().__init__(message, reason)
        self.strerror = reason

    def __str__(self) -> str:
        return str(self.args[0])


class FileUnavailable(StorageError, AudioError):
    """A recording cannot be opened, or was changed since its hash was taken.

    Prediction names the file and goes on. Training ends, because the recording itself is sound.
    """
