"""A search for parameters on disk: what it was about, what it has seen, and its trials."""

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zoo.datasets import Dataset
from zoo.workspace import file_name, models_folder
from zoo_registry.card import ParamValue
from zoo_registry.errors import UsageError
from zoo_registry.files import read_json, write_text
from zoo_registry.model import Model

__all__ = ["FORMAT", "RECORD", "Trial", "Tuning", "find_tuning", "importance", "stored"]

FORMAT = 1
RECORD = "tuning.json"
_TABLE = "trials.csv"
_LARGEST = 1e12  # of what trials count and measure


@dataclass
class Trial:
    """Parameters that were tried.

    Attributes
    ----------
    number : int
        0 is the card's defaults.
    params : dict
        Those of the search space.
    share : float
        Of the epochs, or of the training tracks, that the trial was given.
    scores : list of float
        Accuracy of each inner fold.
    seconds : float
    error : str or None
        Why it failed.
    """

    number: int
    params: dict[str, ParamValue]
    share: float = 1.0
    scores: list[float] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None

    @classmethod
    def read(cls, item: Any) -> "Trial":
        """Return a trial as it was stored; raises ValueError if it is none."""
        try:
            numbers = [item["share"], item["seconds"], *item["scores"]]
            sound = (
                isinstance(item["number"], int)
                and isinstance(item["error"], str | None)
                and isinstance(item["scores"], list)
                and all(isinstance(n, int | float) and 0 <= n < _LARGEST for n in numbers)
                and all(map(_is_param, item["params"].values()))
            )
            trial = cls(**item)
        except (TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"a trial is damaged: {error}") from error
        if not sound:
            raise ValueError("a trial is damaged")
        return trial

    @property
    def score(self) -> float | None:
        """Mean accuracy of the inner folds; None if it failed."""
        return None if self.error or not self.scores else float(np.mean(self.scores))


@dataclass
class Tuning:
    """A search on disk: what it was about, which tracks it has seen, and its trials."""

    folder: Path
    record: dict[str, Any]
    trials: list[Trial]

    @property
    def id(self) -> str:
        """Name and hash, the name of the folder."""
        return self.folder.name

    @property
    def best(self) -> Trial | None:
        """The trial of the highest score with the whole budget, the earlier one of equals."""
        whole = [trial for trial in self.trials if trial.share == 1]
        done = [trial for trial in whole if trial.score is not None]
        return max(done, key=lambda trial: (trial.score, -trial.number)) if done else None

    def write(self) -> None:
        """Store the trials as a table, and the record."""
        out = io.StringIO()
        names = sorted({name for trial in self.trials for name in trial.params})
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["trial", "share", "score", *names, "fold_scores", "seconds", "error"])
        for trial in self.trials:
            folds = ";".join(f"{value:.6g}" for value in trial.scores)
            cells = [trial.params.get(name) for name in names]
            score_ = "" if trial.score is None else f"{trial.score:.6g}"
            begin = [trial.number, f"{trial.share:.3g}", score_]
            writer.writerow([*begin, *cells, folds, f"{trial.seconds:.2f}", trial.error])
        write_text(self.folder / _TABLE, out.getvalue())
        # Last: what it holds is done, and would not be written again.
        stored = self.record | {"trials": [vars(trial) for trial in self.trials]}
        write_text(self.folder / RECORD, json.dumps(stored, indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Tuning":
        """Read the search in `folder`; raises OSError or ValueError if there is none."""
        stored = read_json(folder / RECORD)
        if not isinstance(stored, dict) or stored.get("format") != FORMAT:
            raise ValueError(f"{folder} is of another format")
        trials, seen = stored.pop("trials", None), stored.get("seen")
        if not isinstance(trials, list) or not isinstance(seen, list):
            raise ValueError(f"{folder} holds no search")
        if not all(isinstance(digest, str) for digest in seen):
            raise ValueError(f"{folder} does not say which tracks its search has seen")
        return cls(folder, stored, [Trial.read(item) for item in trials])


def stored(folder: Path, record: dict[str, Any]) -> Tuning:
    """Return the search of this folder, to go on with, or a new one."""
    try:
        tuning = Tuning.read(folder)
    except (OSError, ValueError):
        return Tuning(folder, record, [])
    return tuning if tuning.record == record else Tuning(folder, record, [])


def find_tuning(model: Model, dataset: Dataset, root: Path | None = None) -> Tuning:
    """Return the newest search of a model on a dataset.

    Raises
    ------
    UsageError
        If there is none.
    """
    place = (root or models_folder()) / file_name(dataset.name) / "tuning"
    found = []
    for path in sorted(place.glob(f"*/{RECORD}")):
        try:
            tuning = Tuning.read(path.parent)
        except (OSError, ValueError):
            continue
        about = tuning.record
        wanted = [model.card.name, model.source.distribution, model.source.version]
        same = about.get("model") == wanted and about.get("dataset") == dataset.fingerprint
        if same and tuning.best:
            found.append((path.stat().st_mtime, tuning))
    if not found:
        raise UsageError(
            f"{model.card.name} was not tuned on {dataset.source}; "
            f"`zoo tune {model.card.name} --data {dataset.source}` does it"
        )
    return max(found, key=lambda pair: pair[0])[1]


def _is_param(value: Any) -> bool:
    if isinstance(value, int | float):
        return abs(value) < 2**63  # beyond, and NaN, it is none that was ever tried
    return isinstance(value, ParamValue)


def importance(tuning: Tuning) -> dict[str, float]:
    """Return how much of the trials' differences each parameter explains, adding up to one.

    The permutation importance (Breiman 2001, doi:10.1023/A:1010933404324) of a random forest
    that predicts the score; empty for fewer than eight trials, from which nothing follows.
    """
    done = [trial for trial in tuning.trials if trial.score is not None]
    names = sorted({name for trial in done for name in trial.params})
    numbers = [[_number(trial.params.get(name), name, done) for name in names] for trial in done]
    if len(done) < 8 or not names:  # noqa: PLR2004
        return {}
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    X, y = np.array(numbers), np.array([trial.score for trial in done])
    forest = RandomForestRegressor(200, random_state=0).fit(X, y)
    found = permutation_importance(forest, X, y, n_repeats=20, random_state=0)
    shares = np.maximum(found.importances_mean, 0)
    total = shares.sum() or 1.0
    return dict(zip(names, (shares / total).tolist(), strict=True))


def _number(value: ParamValue, name: str, trials: list[Trial]) -> float:
    """Return a parameter as a number; a word is its place among the words tried."""
    if isinstance(value, int | float):
        return float(value)
    words = sorted({str(trial.params.get(name)) for trial in trials})
    return -1.0 - words.index(str(value))
