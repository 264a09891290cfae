"""Every error that the zoo raises on purpose.

::

    ZooError                 exit status 1: something failed, and the message names it
    ├── UsageError           exit status 2: the command, or what it was given, is wrong
    │   ├── UnknownModel     no plugin offers a model of this name
    │   ├── ArtefactError    an ONNX file cannot be trusted, or not be run
    │   ├── DatasetError     the data cannot be used as a dataset
    │   └── ProtocolError    the dataset cannot be split as asked
    ├── AudioError           one track cannot be decoded or described
    ├── PluginError          a plugin cannot be loaded or breaks its contract
    │   └── CannotExport     a model has no ONNX form; the message says why
    ├── RunError             a run on disk is damaged or incomplete
    ├── EngineError          no worker is left, or the scheduler of a cluster is gone
    └── StorageError         nothing more can be written, or what lay on disk is gone

A message is one sentence (what, where) and, if something can be done, a second (what to do).
"""

__all__ = [
    "ArtefactError",
    "AudioError",
    "CannotExport",
    "DatasetError",
    "EngineError",
    "PluginError",
    "ProtocolError",
    "RunError",
    "StorageError",
    "UnknownModel",
    "UsageError",
    "ZooError",
]


class ZooError(Exception):
    """Something failed; the message says what, where and what to do next."""

    exit_status = 1


class UsageError(ZooError):
    """The command, or what it was given, is wrong."""

    exit_status = 2


class UnknownModel(UsageError):
    """No plugin offers a model of this name."""


class ArtefactError(UsageError):
    """An ONNX file cannot be trusted, or not be run."""


class DatasetError(UsageError):
    """The data cannot be used as a dataset."""


class ProtocolError(UsageError):
    """The dataset cannot be split as asked."""


class AudioError(ZooError):
    """One track cannot be decoded or described; the others can go on."""


class PluginError(ZooError):
    """A plugin cannot be loaded or breaks its contract."""


class CannotExport(PluginError):
    """A model has no ONNX form; the message says why."""


class RunError(ZooError):
    """A run on disk is damaged or incomplete."""


class EngineError(ZooError):
    """No worker is left, or the scheduler of a cluster is gone; the same command goes on."""


class StorageError(ZooError, OSError):
    """Nothing more can be written, or what lay on disk is gone; no fault of model or data.

    An OSError too, so that who can do without the file does not have to tell the two apart.

    Parameters
    ----------
    message : str
    reason : str or None
        What the system says.
    """

    def __init__(self, message: str, reason: str | None) -> None:
        super().__init__(message, reason)
        self.strerror = reason

    def __str__(self) -> str:
        return str(self.args[0])
