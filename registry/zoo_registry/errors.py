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
    └── RunError             a run on disk is damaged or incomplete

A message is one sentence (what, where) and, if something can be done, a second (what to do).
"""

__all__ = [
    "ArtefactError",
    "AudioError",
    "CannotExport",
    "DatasetError",
    "PluginError",
    "ProtocolError",
    "RunError",
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
