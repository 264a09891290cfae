"""Answers of the JSON endpoint as types, from which ``/openapi.json`` is made."""

from dataclasses import dataclass
from typing import Literal

from zoo.inference.prediction import Prediction

__all__ = ["Error", "Failed", "Health", "Limit", "Predicted", "Progress"]


@dataclass(frozen=True)
class Predicted(Prediction):
    """Prediction of one recording, as `zoo predict --format json` prints it.

    Attributes
    ----------
    file : int or None
        Number of the recording in the form, from 0; in a batch.
    seconds_taken : float or None
        Seconds of decoding and prediction; with `waveform`.
    waveform : list of float or None
        Loudest sample of each of 400 equal parts, from 0 to 1; with `waveform`.
    """

    file: int | None = None
    seconds_taken: float | None = None
    waveform: list[float] | None = None


@dataclass(frozen=True)
class _OfBatch:
    """A line of a batch.

    Attributes
    ----------
    path : str
        The client's name of the recording, without folders.
    run : str
        Run that was asked.
    file : int
        Number of the recording in the form, from 0.
    """

    path: str
    run: str
    file: int


@dataclass(frozen=True)
class Failed(_OfBatch):
    """A recording of a batch that has no prediction.

    Attributes
    ----------
    error : str
        The reason, one sentence.
    """

    error: str


@dataclass(frozen=True)
class Progress(_OfBatch):
    """Progress of one recording of a batch by one model.

    Attributes
    ----------
    progress : float
        Share of the recording whose windows are classified, from 0 to 1.
    """

    progress: float


@dataclass(frozen=True)
class Limit:
    """Limits of the server, and what it is.

    Attributes
    ----------
    megabytes : float
        Largest body of a request; a megabyte has 1,000,000 bytes.
    minutes : float
        Longest recording.
    suffixes : list of str
        Suffixes of the audio files that can be decoded.
    read_only : bool
        Whether the server writes nothing but uploads.
    version : str
        Version of genre-zoo.
    """

    megabytes: float
    minutes: float
    suffixes: list[str]
    read_only: bool
    version: str


@dataclass(frozen=True)
class Health:
    """State of the server.

    Attributes
    ----------
    status : str
        "ok", or "stopping" with status 503.
    models : int
        Number of models that are served.
    """

    status: Literal["ok", "stopping"]
    models: int


@dataclass(frozen=True)
class Error:
    """The reason for a refusal.

    Attributes
    ----------
    error : str
        One sentence.
    """

    error: str
