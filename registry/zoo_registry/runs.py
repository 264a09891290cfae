"""A run on disk: a folder with a record, out-of-fold predictions and an artefact."""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from zoo_registry.about import About
from zoo_registry.errors import RunError
from zoo_registry.files import read_bytes, read_json, write_text
from zoo_registry.predictions import ChangedPredictions, Predictions, SizedPredictions
from zoo_registry.processes import lives
from zoo_registry.record import FORMAT, TABLE, RunRecord
from zoo_registry.structures import from_plain
from zoo_registry.text import first_line

__all__ = [
    "ABOUT",
    "ARTEFACT",
    "CARD",
    "EMBEDDINGS",
    "FILES",
    "FOLDERS",
    "IMPORTANCE",
    "PREDICTIONS",
    "RECORD",
    "ROBUSTNESS",
    "SAVED",
    "SIZES",
    "WINDOWS",
    "Run",
]

RECORD = "run.json"
PREDICTIONS = "predictions.csv"
ROBUSTNESS = "robustness.csv"
SIZES = "sizes.csv"
IMPORTANCE = "importance.csv"
WINDOWS = "windows.npy"
ARTEFACT = "model.onnx"
EMBEDDINGS = "embeddings.npz"
CARD = "README.md"
ABOUT = "about.json"
_FOLDS, SAVED = "folds", "saved"
# All that a run's folder holds.
FILES = frozenset(
    {
        RECORD, PREDICTIONS, ROBUSTNESS, SIZES, IMPORTANCE, WINDOWS, ARTEFACT, EMBEDDINGS, CARD,
        ABOUT,
    }
)  # fmt: skip
FOLDERS = frozenset({_FOLDS, SAVED})
_LARGEST = 512 << 20  # bytes of predictions
_AGAIN = "give the command that trained it again"


class Run:
    """A run on disk: ``models/<dataset>/<protocol>/<model>-<hash>``, and the record in it."""

    def __init__(self, folder: Path, record: RunRecord) -> None:
        self.folder = folder
        self.record = record

    @classmethod
    def read(cls, folder: Path) -> "Run":
        """Return the run of a folder; raises `RunError` if its record is missing or damaged."""
        path = folder / RECORD
        try:
            data = read_json(path, folder)
        except FileNotFoundError:
            raise RunError(f"{folder} holds no run: it has no {RECORD}") from None
        except OSError as error:
            raise RunError(_unreadable(path, error)) from error
        except ValueError as error:
            raise RunError(f"{path} is damaged: {first_line(error)}; {_AGAIN}") from error
        written = data.get("format") if isinstance(data, dict) else None
        if isinstance(written, int) and written > FORMAT:
            raise RunError(f"{path} was written by a newer genre-zoo; update this one to read it")
        try:
            return cls(folder, from_plain(data, RunRecord))
        except ValueError as error:
            raise RunError(f"{path} is damaged: {first_line(error)}; {_AGAIN}") from error

    def write(self, durable: bool = True) -> None:
        """Store the record; if `durable`, it survives a power cut."""
        text = json.dumps(self.record.to_dict(), indent=2, ensure_ascii=False) + "\n"
        write_text(self.folder / RECORD, text, durable)

    @property
    def id(self) -> str:
        """Name and hash, the name of the folder."""
        return self.folder.name

    @property
    def complete(self) -> bool:
        """Whether all folds are stored, and the artefact, unless the model has no ONNX form."""
        return self.record.status == "complete"

    @property
    def is_scored(self) -> bool:
        """Whether all folds are stored; the artefact may be missing."""
        return self.record.status in ("complete", "no artefact")

    @property
    def status(self) -> str:
        """The record's status; "interrupted" if the process that trained the run has ended."""
        if self.record.status == "running" and lives(self.record.machine.process) is False:
            return "interrupted"
        return self.record.status

    @property
    def state(self) -> str:
        """The status, and the step of an unfinished training, as "interrupted, fold 2 of 5"."""
        if self.complete and not (self.has_artefact or self.saved_path.is_dir()):
            return "complete, scores only"
        if self.record.status != "running":
            return self.status
        unknown = lives(self.record.machine.process) is None
        status = "running or interrupted on another machine" if unknown else self.status
        return f"{status}, {self.record.place}"

    @property
    def lack(self) -> str | None:
        """The reason why the run cannot be used yet, and what to do; None if it is complete."""
        reason = self.record.error or "no reason is recorded"
        again = f"run `{self.record.command}` again"
        if self.record.model.is_file:  # another content is another run
            again += f"; if its file was changed since, `zoo runs remove {self.id}` removes it"
        match self.status:
            case "complete":
                return None
            case "no artefact":
                return f"{self.id} has no artefact yet ({reason}): once that is corrected, {again}"
            case "failed":
                return f"{self.id} failed ({reason}): once that is corrected, {again}"
            case "interrupted":
                return f"{self.id} was {self.state}: {again}"
        if lives(self.record.machine.process):
            return f"{self.id} is {self.state}: wait for its end"
        return f"{self.id} is {self.state}: if it does not run there any more, {again}"

    @property
    def afresh(self) -> str:
        """The commands that train the run again, with all that this version keeps."""
        return f"`zoo runs remove {self.id}` and `{self.record.command}` train it again"

    @property
    def form(self) -> str:
        """The file that predicts, or what a complete run has in its place."""
        artefact = self.record.artefact
        if self.has_artefact or artefact.is_due:
            return artefact.file or artefact.error or "none yet"
        is_saved = self.saved_path.is_dir()
        instead = "its plugin answers" if is_saved else "it has scores only and cannot predict"
        return f"no ONNX file ({artefact.error}); {instead}"

    @property
    def has_artefact(self) -> bool:
        """Whether an artefact was written and compared with the model."""
        return self.record.artefact.sha256 is not None

    @property
    def takes_audio(self) -> bool:
        """Whether the model takes audio, and not rows of a feature table."""
        return bool(self.record.frontend["name"] != TABLE)

    @cached_property
    def _about(self) -> tuple[About, str]:
        """Name and note, and a sentence if they cannot be read."""
        path = self.folder / ABOUT
        try:
            return from_plain(read_json(path, self.folder), About), ""
        except FileNotFoundError:
            return About(), ""
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or first_line(error)
            again = f"`zoo runs edit {self.id} --name NAME` writes it again"
            return About(), f"{path} is damaged: {reason}; {again}"

    @property
    def about(self) -> About:
        """Name and note that the user gave, empty if they are damaged."""
        return self._about[0]

    @property
    def about_fault(self) -> str:
        """A sentence if name and note cannot be read."""
        return self._about[1]

    @property
    def predictions_path(self) -> Path:
        """Path of the out-of-fold predictions."""
        return self.folder / PREDICTIONS

    @property
    def robustness_path(self) -> Path:
        """Path of the out-of-fold predictions of changed tracks, if there are any."""
        return self.folder / ROBUSTNESS

    @property
    def sizes_path(self) -> Path:
        """Path of the out-of-fold predictions of fits to fewer tracks, if there are any."""
        return self.folder / SIZES

    @property
    def importance_path(self) -> Path:
        """Path of what shuffled columns cost each tested track, if that was measured."""
        return self.folder / IMPORTANCE

    @property
    def kept_windows_path(self) -> Path:
        """Path of the out-of-fold probabilities of all windows, if they are kept."""
        return self.folder / WINDOWS

    @property
    def artefact_path(self) -> Path:
        """Path of the ONNX file, if the model has one."""
        return self.folder / ARTEFACT

    @property
    def embeddings_path(self) -> Path:
        """Path of the embeddings of its tracks, which a published run has."""
        return self.folder / EMBEDDINGS

    @property
    def card_path(self) -> Path:
        """Path of the model card."""
        return self.folder / CARD

    @property
    def saved_path(self) -> Path:
        """Folder in which a plugin saves a model that has no ONNX form."""
        return self.folder / SAVED

    def scratch_path(self, fold: int | str) -> Path:
        """Return the folder of a training's state; the fit on all tracks counts as a fold."""
        return self.folder / _FOLDS / f"{fold}.unfinished"

    def fold_path(self, fold: int | str) -> Path:
        """Return the path of a fold's predictions, which are kept until all folds are done."""
        return self.folder / _FOLDS / f"{fold}.csv"

    def changed_fold_path(self, fold: int | str) -> Path:
        """Return the path of a fold's predictions of changed tracks, kept as long."""
        return self.folder / _FOLDS / f"{fold}.{ROBUSTNESS}"

    def windows_path(self, fold: int | str) -> Path:
        """Return the path of the windows of both, kept as long."""
        return self.folder / _FOLDS / f"{fold}.npy"

    def fold_importance_path(self, fold: int | str) -> Path:
        """Return the path of what shuffled columns cost the tracks of a fold, kept as long."""
        return self.folder / _FOLDS / f"{fold}.importance.npy"

    def content(self, path: Path) -> bytes:
        """Return the bytes of a file of the run; raises OSError for one that lies elsewhere."""
        return read_bytes(path, self.folder)

    def predictions(self) -> Predictions:
        """Return the out-of-fold predictions; raises `RunError` if they are missing or damaged."""
        path, known = self.predictions_path, self.record.predictions
        if known not in (None, self.sha256(path)):
            raise RunError(self.damage([PREDICTIONS]))
        return self.read_predictions(path, known)

    @staticmethod
    def read_predictions(path: Path, sha256: str | None = None) -> Predictions:
        """Return the predictions of a file; raises `RunError` if it is missing or damaged.

        Parameters
        ----------
        path : Path
            File of the run or of a fold.
        sha256 : str, optional
            Its hash according to the record; not compared by default.
        """
        return Predictions.from_csv(_text(path, sha256), str(path))

    def robustness(self) -> ChangedPredictions | None:
        """Return the predictions of changed tracks, None without any.

        Raises
        ------
        RunError
            If they are missing or damaged.
        """
        known = self.record.robustness and self.record.robustness.sha256
        if known is None:
            return None
        if known != self.sha256(self.robustness_path):
            raise RunError(self.damage([ROBUSTNESS]))
        return self.read_robustness(self.robustness_path, known)

    @staticmethod
    def read_robustness(path: Path, sha256: str | None) -> ChangedPredictions:
        """Return the same of a file of the run or of a fold; see `read_predictions`."""
        return ChangedPredictions.from_csv(_text(path, sha256), str(path))

    def sizes(self) -> SizedPredictions | None:
        """Return the predictions of fits to fewer tracks, None without any.

        Raises
        ------
        RunError
            If they are missing or damaged.
        """
        known = self.record.sizes and self.record.sizes.sha256
        if known is None:
            return None
        if known != self.sha256(self.sizes_path):
            raise RunError(self.damage([SIZES]))
        return SizedPredictions.from_csv(_text(self.sizes_path, known), str(self.sizes_path))

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each file of a complete run that the record has, by its name."""
        artefact = self.record.artefact
        known = {PREDICTIONS: self.record.predictions, ARTEFACT: artefact.sha256} | artefact.saved
        if self.record.robustness:
            known[ROBUSTNESS] = self.record.robustness.sha256
        known |= {EMBEDDINGS: self.record.embeddings, WINDOWS: self.record.windows}
        if self.record.importance:
            known[IMPORTANCE] = self.record.importance.sha256
        if self.record.sizes:
            known[SIZES] = self.record.sizes.sha256
        return {name: sha256 for name, sha256 in known.items() if sha256}

    def sha256(self, path: Path) -> str | None:
        """Return the SHA-256 of a file of the run in hexadecimal; None if it cannot be read."""
        try:
            return hashlib.sha256(self.content(path)).hexdigest()
        except OSError:
            return None

    def damaged(self, sha256: "Callable[[Path], str | None] | None" = None) -> list[str]:
        """Return the names of the files of a complete run that are missing or not as it wrote them.

        Parameters
        ----------
        sha256 : callable, optional
            Returns the SHA-256 of a file, None for a missing one; by default it is computed.
        """
        sha256 = sha256 or self.sha256
        names = [n for n, known in self.hashes.items() if sha256(self.folder / n) != known]
        try:
            card = self.content(self.card_path)
        except OSError:
            card = b""
        # People may edit the card; after a power cut it may be empty, or full of zeroes.
        return names if card.strip() and b"\0" not in card else [*names, CARD]

    def damage(self, names: Sequence[str]) -> str:
        """Return a sentence on damaged files, which says how the run is repaired."""
        if not self.folder.is_dir():
            command = self.record.command
            return f"{self.id} was removed from {self.folder.parent}; `{command}` trains it again"
        verb = "is" if len(names) == 1 else "are"
        return (
            f"{' and '.join(names)} of {self.folder} {verb} missing, or not as the run wrote; "
            f"`{self.record.command}` repairs it"
        )


def _text(path: Path, sha256: str | None) -> str:
    """Return a text of predictions; raise `RunError` if it is unreadable, or has another hash."""
    try:
        content = read_bytes(path, path.parent, _LARGEST)
        text = content.decode("utf-8")
    except (OSError, ValueError) as error:
        raise RunError(_unreadable(path, error)) from error
    if sha256 not in (None, hashlib.sha256(content).hexdigest()):
        raise RunError(f"{path} is not the file that the run wrote")
    return text


def _unreadable(path: Path, error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return f"{path} cannot be read: {reason or error}"
