"""Prediction of one file, and of each of its windows."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zoo_registry.frames import data_frame

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "NONE_OF_THEM",
    "OPTIONAL",
    "UNKNOWN",
    "UNLIKE",
    "Prediction",
    "Section",
    "agrees",
    "doubt",
    "narrow",
]

UNKNOWN = "unknown"
UNLIKE = "unlike the training recordings"
NONE_OF_THEM = "none of the trained classes"
# Keys that JSON has only if they have a value.
OPTIONAL = ("guess", "silent", "unlike", "heard", "band", "dataset", "timeline")
_NARROW = 0.9  # of the bandwidth that is usual; less is another one
_STEP, _BLUR = 500, 0.03  # Hz to which a bandwidth is rounded up, from a little less
_UNSURE = "unsure"
_ROUNDING = 1e-6  # of the six digits in a CSV


@dataclass(frozen=True)
class Section:
    """Prediction of one window.

    Attributes
    ----------
    start : float
        Its begin in seconds.
    end : float
        Its end in seconds.
    label : str
        The most probable class, or "unknown".
    confidence : float or None
        Probability of the most probable class; None for silence, and for sound that is too short.
    reason : str or None
        Reason for "unknown".
    """

    start: float
    end: float
    label: str
    confidence: float | None
    reason: str | None = None

    @property
    def shown(self) -> str:
        """The label, or the reason in a few words where the sound can have none."""
        if self.reason and not self.reason.startswith(_UNSURE):
            return self.reason.partition(":")[0]
        return self.label


@dataclass(frozen=True, repr=False)
class Prediction:
    """Prediction of one file.

    Attributes
    ----------
    path : str
        The file.
    label : str or None
        Winner of the vote of the windows, ties broken by mean probability; of an ensemble, the
        class with the highest mean probability; or "unknown".
    label_mean : str or None
        Class with the highest mean probability.
    confidence : float or None
        Mean probability of the winner of the vote. If the label is "unknown", that is the `guess`,
        or "_other" if the recording is of none of the trained classes.
    votes : dict of str to int
        Number of windows per class that has any. Silent windows do not vote, nor do windows unlike
        the training recordings, unless most are so.
    probabilities : dict of str to float
        Mean over the windows that vote, per class.
    windows : int
        Number of windows that vote.
    seconds : float or None
        Length of the decoded sound.
    reason : str or None
        Reason for "unknown".
    error : str or None
        Reason for a missing label.
    run : str or None
        Run of the model.
    guess : str or None
        Winner of the vote if the label is "unknown" all the same; the best of the real classes.
    silent : int or None
        Number of silent windows, if there are any.
    unlike : int or None
        Number of windows unlike the training recordings, if there are any.
    heard : str or None
        Description of sound that is not used as it is: a channel or a track that is used alone.
    band : str or None
        Sentence about treble that the training recordings have and this one lacks.
    dataset : str or None
        Name of the dataset that the model was trained on, and what was taken of it, such as
        "tracks, 2 of 3 classes"; None if it is not known.
    timeline : list of Section or None
        Windows in order of time, if requested. Windows of networks overlap.
    """

    path: str
    label: str | None = None
    label_mean: str | None = None
    confidence: float | None = None
    votes: dict[str, int] | None = None
    probabilities: dict[str, float] | None = None
    windows: int = 0
    seconds: float | None = None
    reason: str | None = None
    error: str | None = None
    run: str | None = None
    guess: str | None = None
    silent: int | None = None
    unlike: int | None = None
    heard: str | None = None
    band: str | None = None
    dataset: str | None = None
    timeline: list[Section] | None = None

    def __iter__(self) -> Iterator["Prediction"]:
        """Yield the prediction: a loop reads that of one recording like those of several."""
        yield self

    def __hash__(self) -> int:
        return hash((self.path, self.run, self.label, self.confidence))

    def __repr__(self) -> str:
        """Return the recording, the label with its confidence, and what else matters."""
        sure = "" if self.confidence is None else f", confidence={self.confidence:.3f}"
        more = {"reason": self.reason, "guess": self.guess, "error": self.error, "run": self.run}
        texts = "".join(f", {name}={text!r}" for name, text in more.items() if text is not None)
        label = "" if self.error else f", label={self.label!r}{sure}"
        return f"Prediction({self.path!r}{label}{texts})"

    @property
    def row(self) -> dict[str, Any]:
        """The cells of a row of a data frame, with the probability of each class."""
        plain = {
            name: value
            for name, value in vars(self).items()
            if name not in {"timeline", "votes", "probabilities"}
        }
        means = self.probabilities or {}
        return plain | {f"probability:{name}": mean for name, mean in means.items()}

    def to_frame(self) -> "DataFrame":
        """Return a data frame with one row, as `Answers.to_frame` has one per recording."""
        return data_frame([self.row])

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; those of `OPTIONAL` only if they have a value."""
        plain = asdict(self)
        for name in OPTIONAL:
            if plain[name] is None:
                del plain[name]
        return plain


def doubt(confidence: float, least: float) -> str | None:
    """Return the reason for "unknown" if the confidence is below the least one that is wanted."""
    return f"{_UNSURE}: {confidence:.3f} is below {least:g}" if confidence < least else None


def narrow(bandwidth: int | None, usual: int, rate: int) -> str | None:
    """Return a sentence if a recording lacks treble that the training recordings have.

    Parameters
    ----------
    bandwidth : int or None
        Frequency in Hz above which the recording has nothing; None for silence.
    usual : int
        The same of nearly all training recordings; 0 if it is not known.
    rate : int
        Hz of the waveform that the model hears.
    """
    if bandwidth is None or bandwidth >= _NARROW * min(usual, rate / 2):
        return None
    least = max(_STEP, -(-bandwidth * (1 - _BLUR) // _STEP) * _STEP) / 1000
    return f"nothing above {least:g} kHz, {UNLIKE}: the answer may be wrong"


def agrees(confidence: float, reason: str | None, least: float) -> bool:
    """Return whether an answer may come from a command with this least confidence.

    Parameters
    ----------
    confidence : float
        Confidence of the answer, as JSON or CSV holds it.
    reason : str or None
        Its reason, which is that of `doubt`, begins with `UNLIKE` or `NONE_OF_THEM`, or is none.
    least : float
        Least confidence.
    """
    if reason:
        return reason.startswith((UNLIKE, NONE_OF_THEM)) or reason.endswith(f" is below {least:g}")
    return confidence > least - _ROUNDING
