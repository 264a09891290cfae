"""Prediction: from a run's artefact and audio files to labels."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo.audio.suffixes import is_audio
from zoo.workspace import find_run
from zoo_registry.errors import AudioError, PluginError, UsageError
from zoo_registry.runs import Run

__all__ = ["Prediction", "audio_files", "load_predictor", "predict"]


@dataclass(frozen=True)
class Prediction:
    """What a model says of one file.

    Attributes
    ----------
    path : str
    label : str or None
        Winner of the vote of the windows, ties broken by mean probability.
    confidence : float or None
        Mean probability of `label`.
    votes : dict of str to int
        Windows by the class they were given.
    probabilities : dict of str to float
        Mean over the windows, by class.
    windows : int
    error : str or None
        Why there is no label.
    """

    path: str
    label: str | None = None
    confidence: float | None = None
    votes: dict[str, int] | None = None
    probabilities: dict[str, float] | None = None
    windows: int = 0
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def predict(model: str, paths: Iterable[str | Path]) -> Iterator[Prediction]:
    """Classify audio files.

    Parameters
    ----------
    model : str
        A run's folder or id, or a model's name, which means its newest complete run.
    paths : iterable of str or Path
        Files, and folders, which are searched for audio files.

    Yields
    ------
    Prediction
        One a file, in order; an unreadable file has an `error`.

    Raises
    ------
    UsageError
        If the run or a path does not exist, or the run is not complete.
    PluginError, RunError
        If the run has no artefact that can be run.
    """
    files = audio_files(paths)
    predictor = load_predictor(find_run(model))
    return (predictor(path) for path in files)


def audio_files(paths: Iterable[str | Path]) -> list[Path]:
    """Return the files, with each folder replaced by the audio files in it, sorted.

    Raises
    ------
    UsageError
        If a path does not exist, or a folder holds no audio.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(item for item in path.rglob("*") if item.is_file() and is_audio(item))
            if not inside:
                raise UsageError(f"the folder {path} holds no audio file")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise UsageError(f"there is no file or folder {str(path)!r}")
    return found


class _Predictor:
    """A run's artefact with its front end."""

    def __init__(self, run: Run) -> None:
        from zoo.artefact import Artefact
        from zoo.audio.frontends import from_identity

        record = run.record
        if not run.complete:
            raise UsageError(
                f"{run.id} is {record.status}, so it has no artefact; "
                f"`zoo train {record.model['name']} --data {record.dataset['source']}` finishes it"
            )
        if reason := record.artefact.get("error"):
            raise PluginError(f"{run.id} has no artefact: {reason}")
        if record.frontend["name"] == "table":
            raise UsageError(
                f"{run.id} was trained on a table of features, whose computation is not known; "
                "train on the folder of the recordings to predict from audio"
            )
        if "preprocess" in record.frontend:
            raise UsageError(
                f"{run.id} needs its plugin to prepare audio, which its artefact does not hold"
            )
        self._frontend = from_identity(record.frontend)
        self._artefact = Artefact(run.artefact_path, record.artefact["sha256"])

    def __call__(self, path: Path) -> Prediction:
        from zoo.audio.decode import decode
        from zoo.evaluate.vote import count_votes, vote_winners

        try:
            rows = self._frontend(decode(path, self._frontend.sample_rate))
        except AudioError as error:
            return Prediction(str(path), error=str(error))
        windows = self._artefact.predict(rows)
        votes, mean = count_votes(windows)
        winner = int(vote_winners(votes[None], mean[None])[0])
        classes = self._artefact.classes
        return Prediction(
            path=str(path),
            label=classes[winner],
            confidence=float(mean[winner]),
            votes={name: int(votes[n]) for n, name in enumerate(classes) if votes[n]},
            probabilities={name: float(mean[n]) for n, name in enumerate(classes)},
            windows=len(windows),
        )


def load_predictor(run: Run) -> _Predictor:
    """Return a function from a path to a `Prediction`, made from the run's artefact."""
    return _Predictor(run)
