"""What a run is: a folder with a record, out-of-fold predictions and an artefact."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_registry.errors import RunError
from zoo_registry.files import read_json, write_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FORMAT", "Predictions", "Run", "RunRecord", "canonical_json", "digest"]

FORMAT = 1

RECORD = "run.json"
PREDICTIONS = "predictions.csv"
ARTEFACT = "model.onnx"
CARD = "README.md"

_LEADING = ("track", "label", "fold", "sha256", "group")
_VOTES = "votes:"
_MEAN = "probability:"


def canonical_json(value: Any) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """Return the sha256 of the canonical JSON of `value`, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "backslashreplace")).hexdigest()


@dataclass
class RunRecord:
    """What `run.json` holds: everything needed to repeat a run, and how it went.

    Attributes
    ----------
    model : dict
        ``name, title, family, distribution, version, licence``; for a loose file the
        distribution is None, ``file`` its path, and the version its hash.
    params : dict
        Every parameter, defaults included.
    frontend : dict
        Name, version and fields of the front end.
    dataset : dict
        ``name, source, fingerprint, classes, tracks``.
    protocol : dict
        ``spec, grouped``.
    seed : int
    tuned : dict or None
        How the parameters were found: ``tuning, trials, seen``, the last being the start of
        each seen track's sha256; or ``nested, trials, tuner, seen``, where each fold found its
        own, which are in its ``params``.
    versions : dict
        Version of every package that bears on the result.
    status : {"running", "complete", "failed"}
    error : str or None
        Why the run failed.
    extraction : dict
        ``tracks, decode_seconds, frontend_seconds``: the tracks that were described for this run,
        and what that took, summed over all workers. Empty for a table of features.
    skipped : list of dict
        ``track, reason`` of each track that could not be used.
    folds : list of dict
        ``fold, train_tracks, test_tracks, train_seconds, predict_seconds, error``, and
        ``curve``, the figures that the training reported, one dict a report.
    split : str or None
        sha256 over the track ids of every training and test part.
    audit : dict or None
        What test tracks share with training tracks, fold by fold.
    predictions : str or None
        sha256 of `predictions.csv`.
    artefact : dict
        ``file, sha256, bytes, fit_seconds, curve, parity, parity_tracks, same_winner,
        reference``, or ``error`` with the reason why there is none.
    machine : dict
        Platform, processor count and Python.
    extensions : dict
        What extensions keep of the run, by their names.
    started, finished : str or None
        ISO 8601, UTC.
    """

    model: dict[str, Any]
    params: dict[str, Any]
    frontend: dict[str, Any]
    dataset: dict[str, Any]
    protocol: dict[str, Any]
    seed: int
    versions: dict[str, str]
    status: str = "running"
    error: str | None = None
    tuned: dict[str, Any] | None = None
    extraction: dict[str, float] = field(default_factory=dict)
    skipped: list[dict[str, str]] = field(default_factory=list)
    folds: list[dict[str, Any]] = field(default_factory=list)
    split: str | None = None
    audit: dict[str, Any] | None = None
    predictions: str | None = None
    artefact: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)
    started: str | None = None
    finished: str | None = None
    format: int = FORMAT

    @property
    def id(self) -> str:
        """Name and hash: ``svm-1f0c9a4e2b``; equal commands give equal ids."""
        identity = {
            "model": [self.model.get(key) for key in ("name", "distribution", "version")],
            "params": self.params,
            "frontend": self.frontend,
            "dataset": self.dataset["fingerprint"],
            "protocol": self.protocol,
            "seed": self.seed,
            "versions": self.versions,
        }
        if self.tuned is not None:
            identity["tuned"] = {k: v for k, v in self.tuned.items() if k != "seen"}
        return f"{self.model['name']}-{digest(identity)[:10]}"


@dataclass(frozen=True)
class Predictions:
    """Out-of-fold predictions, one row a tested track.

    Attributes
    ----------
    classes : tuple of str
    tracks : tuple of str
        Track ids; one occurs several times where a protocol repeats.
    labels : int64 array, shape (rows,)
        Index into `classes`.
    folds : int64 array, shape (rows,)
    digests : tuple of str
        The first 16 hexadecimal digits of the sha256 of each track's bytes.
    groups : int64 array, shape (rows,)
        Tracks of one number belong together.
    votes : int64 array, shape (rows, classes)
        Windows of the track that were given each class.
    probabilities : float64 array, shape (rows, classes)
        Mean over the windows.
    """

    classes: tuple[str, ...]
    tracks: tuple[str, ...]
    labels: "NDArray[np.int64]"
    folds: "NDArray[np.int64]"
    digests: tuple[str, ...]
    groups: "NDArray[np.int64]"
    votes: "NDArray[np.int64]"
    probabilities: "NDArray[np.float64]"

    def __len__(self) -> int:
        return len(self.tracks)

    @classmethod
    def concatenate(cls, parts: Sequence["Predictions"]) -> "Predictions":
        """Join the predictions of several folds, in the order given."""
        import numpy as np

        return cls(
            parts[0].classes,
            tuple(track for part in parts for track in part.tracks),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.folds for part in parts]),
            tuple(item for part in parts for item in part.digests),
            np.concatenate([part.groups for part in parts]),
            np.concatenate([part.votes for part in parts]),
            np.concatenate([part.probabilities for part in parts]),
        )

    def to_csv(self) -> str:
        """Return the text of `predictions.csv`."""
        out = io.StringIO()
        writer = csv.writer(out)  # ends lines as RFC 4180 does, and so quotes what holds such ends
        writer.writerow(
            [*_LEADING]
            + [_VOTES + name for name in self.classes]
            + [_MEAN + name for name in self.classes]
        )
        for track, label, fold, sha256, group, votes, means in zip(
            self.tracks,
            self.labels.tolist(),
            self.folds.tolist(),
            self.digests,
            self.groups.tolist(),
            self.votes.tolist(),
            self.probabilities.tolist(),
            strict=True,
        ):
            writer.writerow(
                [track, self.classes[label], fold, sha256, group, *votes]
                + [f"{mean:.9g}" for mean in means]
            )
        return out.getvalue()

    @classmethod
    def from_csv(cls, text: str, origin: str) -> "Predictions":
        """Read the text of `predictions.csv`.

        Raises
        ------
        RunError
            If the text is none; `origin` names the file in the message.
        """
        import numpy as np

        try:
            rows = list(csv.reader(io.StringIO(text, newline="")))
        except csv.Error as error:
            raise RunError(f"{origin} is damaged: {error}") from error
        head = rows[0] if rows else []
        classes = tuple(name[len(_VOTES) :] for name in head if name.startswith(_VOTES))
        expected = [*_LEADING, *(_VOTES + c for c in classes)]
        if not classes or head != expected + [_MEAN + c for c in classes]:
            raise RunError(f"{origin} does not have the columns of predictions")
        index = {name: number for number, name in enumerate(classes)}
        first, last = len(_LEADING), len(_LEADING) + len(classes)
        body = rows[1:]
        try:
            if not body or any(len(row) != len(head) for row in body):
                raise ValueError("it has no row, or a row is cut off")
            read = cls(
                classes,
                tuple(row[0] for row in body),
                np.array([index[row[1]] for row in body], dtype=np.int64),
                np.array([int(row[2]) for row in body], dtype=np.int64),
                tuple(row[3] for row in body),
                np.array([int(row[4]) for row in body], dtype=np.int64),
                np.array([list(map(int, row[first:last])) for row in body], dtype=np.int64),
                np.array([list(map(float, row[last:])) for row in body], dtype=np.float64),
            )
            if not np.isfinite(read.probabilities).all() or (read.votes < 0).any():
                raise ValueError("a vote or probability is out of range")
        except (ValueError, KeyError, OverflowError) as error:
            raise RunError(f"{origin} is damaged: {error}") from error
        return read


class Run:
    """A run on disk.

    Parameters
    ----------
    folder : Path
        ``models/<dataset>/<protocol>/<model>-<hash>``.
    record : RunRecord
    """

    def __init__(self, folder: Path, record: RunRecord) -> None:
        self.folder = folder
        self.record = record

    @classmethod
    def read(cls, folder: Path) -> "Run":
        """Read the run in `folder`.

        Raises
        ------
        RunError
            If its record is missing, damaged, or of a newer format.
        """
        path = folder / RECORD
        try:
            data = read_json(path)
        except FileNotFoundError:
            raise RunError(f"{folder} holds no run: it has no {RECORD}") from None
        except (OSError, ValueError) as error:
            raise RunError(f"{path} cannot be read: {error}") from error
        if (
            isinstance(data, dict)
            and isinstance(data.get("format"), int)
            and data["format"] > FORMAT
        ):
            raise RunError(f"{path} was written by a newer genre-zoo; update this one to read it")
        known = {item.name: data[item.name] for item in fields(RunRecord) if item.name in data} \
            if isinstance(data, dict) else {}  # fmt: skip
        try:
            record = RunRecord(**known)
        except TypeError as error:
            raise RunError(f"{path} is damaged: {error}") from error
        _check(record, path)
        return cls(folder, record)

    def write(self) -> None:
        """Store the record."""
        text = json.dumps(asdict(self.record), indent=2, ensure_ascii=False) + "\n"
        write_text(self.folder / RECORD, text)

    @property
    def id(self) -> str:
        """Name and hash, the name of the folder."""
        return self.folder.name

    @property
    def complete(self) -> bool:
        """Whether all folds are stored."""
        return self.record.status == "complete"

    @property
    def predictions_path(self) -> Path:
        """Where the out-of-fold predictions are."""
        return self.folder / PREDICTIONS

    @property
    def artefact_path(self) -> Path:
        """Where the ONNX file is, if the model has one."""
        return self.folder / ARTEFACT

    @property
    def card_path(self) -> Path:
        """Where the model card is."""
        return self.folder / CARD

    @property
    def saved_path(self) -> Path:
        """Where a plugin keeps a model that has no ONNX form."""
        return self.folder / "saved"

    def scratch_path(self, fold: int) -> Path:
        """Where a training keeps what it needs to go on; the fit on all tracks comes last."""
        return self.folder / "folds" / f"{fold}.unfinished"

    def fold_path(self, fold: int) -> Path:
        """Where a fold's predictions wait until all folds are there."""
        return self.folder / "folds" / f"{fold}.csv"

    def predictions(self) -> Predictions:
        """Read the out-of-fold predictions.

        Raises
        ------
        RunError
            If they are missing or damaged.
        """
        return self.read_predictions(self.predictions_path)

    @staticmethod
    def read_predictions(path: Path) -> Predictions:
        """Read one file of predictions; raises `RunError` if it is missing or damaged."""
        try:
            text = path.read_bytes().decode("utf-8")
        except (OSError, ValueError) as error:
            raise RunError(f"{path} cannot be read: {error}") from error
        return Predictions.from_csv(text, str(path))


Kind = type | tuple[type, ...]

_NUMBER = (int, float)
_TEXT = (str, type(None))
_SHAPES: Mapping[str, Kind] = {
    "model": dict, "params": dict, "frontend": dict, "dataset": dict, "protocol": dict,
    "seed": int, "versions": dict, "status": str, "error": _TEXT, "tuned": (dict, type(None)),
    "extraction": dict, "skipped": list, "folds": list, "split": _TEXT,
    "audit": (dict, type(None)), "predictions": _TEXT, "artefact": dict, "machine": dict,
    "extensions": dict, "started": _TEXT, "finished": _TEXT,
}  # fmt: skip
# What a part has to hold.
_KEYS: Mapping[str, Mapping[str, Kind]] = {
    "model": {
        "name": str, "title": str, "family": str, "distribution": _TEXT, "version": _TEXT,
        "licence": _TEXT, "file": _TEXT,
    },
    "frontend": {"name": str},
    "dataset": {"name": str, "fingerprint": str, "classes": list, "tracks": int, "source": str},
    "protocol": {"spec": str, "grouped": bool},
    "tuned": {"trials": int, "seen": list},
    "audit": {"folds": list, "conflicts": list, "known": int},
}  # fmt: skip
# What each item of a part that is a list has to hold.
_ITEMS: Mapping[str, Mapping[str, Kind]] = {
    "folds": {"fold": int, "error": _TEXT},
    "skipped": {"track": str, "reason": str},
}
# What a fold holds once it is trained, and an artefact once it is written: all of it.
_TRAINED: Mapping[str, Kind] = {
    "train_seconds": _NUMBER, "predict_seconds": _NUMBER, "train_tracks": int, "test_tracks": int,
}  # fmt: skip
_WRITTEN: Mapping[str, Kind] = {
    "file": str, "sha256": str, "bytes": int, "parity": _NUMBER, "parity_tracks": int,
    "same_winner": int,
}  # fmt: skip
_AUDITED: Mapping[str, Kind] = {
    **dict.fromkeys(("tested", "group", "recording", "duplicate", "any"), int), "missing": list,
}  # fmt: skip


def _check(record: RunRecord, path: Path) -> None:
    """Raise `RunError` if the record lacks what every reader of runs relies on."""
    for name in _wrong(record):
        raise RunError(f"{path} is damaged: {name!r} is missing or of the wrong kind")


def _wrong(record: RunRecord) -> Iterator[str]:
    for name, kind in _SHAPES.items():
        if not _fits(getattr(record, name), kind):
            yield name
    for name, keys in _KEYS.items():
        part = getattr(record, name)
        for key, kind in keys.items():
            if part is not None and not _fits(part.get(key), kind):
                yield f"{name}.{key}"
    for name, keys in _ITEMS.items():
        if not all(_holds(item, keys) for item in getattr(record, name)):
            yield name
    for name, items, keys in (
        ("folds", [fold for fold in record.folds if "train_seconds" in fold], _TRAINED),
        ("artefact", [record.artefact] if "sha256" in record.artefact else [], _WRITTEN),
        ("artefact", [record.artefact], {"error": _TEXT}),
        ("audit.folds", (record.audit or {}).get("folds", ()), _AUDITED),
    ):
        if not all(_holds(item, keys) for item in items):
            yield name
    for name, values, kind in (
        ("dataset.classes", record.dataset["classes"], str),
        ("tuned.seen", (record.tuned or {}).get("seen", ()), str),
        ("extraction", record.extraction.values(), _NUMBER),
        ("seed", [record.seed] if 0 <= record.seed < 2**32 else [None], int),
    ):
        if not all(_fits(value, kind) for value in values):
            yield name


def _holds(item: Any, keys: Mapping[str, Kind]) -> bool:
    return isinstance(item, dict) and all(_fits(item.get(key), keys[key]) for key in keys)


def _fits(value: Any, kind: Kind) -> bool:
    # Beyond 64 bits a number is no count and no time, and cannot be reckoned with.
    small = not isinstance(value, int | float) or abs(value) < 2**63
    return isinstance(value, kind) and small
