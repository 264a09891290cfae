"""A search for parameters on disk: what it was about, what it has seen, and its trials."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from msgspec import Meta, field
from msgspec.structs import replace

from zoo.datasets import Dataset
from zoo.evaluate.protocols import DEFAULT_PROTOCOL
from zoo.features.arrays import frontend_of
from zoo.workspace import file_name, models_folder, recency
from zoo_registry.errors import UsageError
from zoo_registry.files import read_json, write_text
from zoo_registry.frames import data_frame
from zoo_registry.model import Model
from zoo_registry.parameters import ParamValue
from zoo_registry.processes import lives
from zoo_registry.record import ProtocolInfo
from zoo_registry.structures import Count, Structure, from_plain
from zoo_registry.text import csv_text

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "FORMAT",
    "RECORD",
    "Trial",
    "Tuning",
    "TuningRecord",
    "command",
    "find_tuning",
    "importance",
    "stored",
]

FORMAT = 1
RECORD = "tuning.json"
_TABLE = "trials.csv"

_Figure = Annotated[float, Meta(ge=0, lt=1e12)]
# Values of parameters, without NaN and numbers beyond 64 bits, which no search proposes.
_Value = (
    bool
    | Annotated[int, Meta(gt=-(2**63), le=2**63 - 1)]
    | Annotated[float, Meta(gt=-(2**63), lt=2**63)]
    | str
    | None
)


class Trial(Structure):
    """A set of parameters that was tried.

    Attributes
    ----------
    number : int
        0 is the card's defaults.
    params : dict
        Values of the parameters in the search space.
    share : float
        Share of the epochs, or of the training tracks, that the trial was given.
    scores : list of float
        Accuracy of each inner fold.
    seconds : float
    error : str or None
        Why it failed.
    """

    number: int
    params: dict[str, _Value]
    share: _Figure = 1.0
    scores: list[_Figure] = field(default_factory=list)
    seconds: _Figure = 0.0
    error: str | None = None

    @property
    def score(self) -> float | None:
        """Mean accuracy of the inner folds; None if it failed."""
        return None if self.error or not self.scores else float(np.mean(self.scores))


class TuningRecord(Structure, kw_only=True, omit_defaults=True):
    """The content of `tuning.json`: everything that the trials of a search depend on.

    `model` has name, distribution and version; for a search inside a fold it is the identifier of
    the run, and the fields of a run are absent. `dataset` is the fingerprint. `seen` has the first
    16 hexadecimal digits of the sha256 of each track that the search used, and `copies` is the
    version of the training copies, None without. `spec` is the value of ``--front-end``, if it is
    not the front end of the model's card. Until the search is done, `wanted` is the number
    of trials in addition to that of the defaults, and `process` the name of the process.
    """

    format: Literal[1]
    model: list[str | None] | str
    frontend: dict[str, Any] | None = None
    dataset: str | None = None
    protocol: ProtocolInfo | None = None
    seed: int | None = None
    tuner: str | None = None
    copies: int | None = None
    spec: str | None = None
    inner: str
    keras_tuner: str | None = None
    seen: list[str]
    trials: list[Trial]
    wanted: Count | None = None
    process: str | None = None


class Tuning:
    """A search on disk.

    Parameters
    ----------
    folder : Path
        Folder of the search.
    record : TuningRecord
        Content of its `tuning.json`.
    """

    def __init__(self, folder: Path, record: TuningRecord) -> None:
        self.folder = folder
        self.record = record

    @property
    def trials(self) -> list[Trial]:
        """The trials, in the order in which they were tried."""
        return self.record.trials

    @property
    def id(self) -> str:
        """Name and hash, the name of the folder."""
        return self.folder.name

    @property
    def best(self) -> Trial | None:
        """The trial with the highest score among those with the whole budget; the earliest one."""
        whole = [trial for trial in self.trials if trial.share == 1]
        done = [trial for trial in whole if trial.score is not None]
        return max(done, key=lambda trial: (trial.score, -trial.number)) if done else None

    @property
    def state(self) -> str | None:
        """The step of a search, as "interrupted, trial 7 of 20"; None if it is done."""
        if self.record.wanted is None:
            return None
        words = {True: "running", False: "interrupted", None: "unfinished on another machine"}
        place = f"trial {len(self.trials)} of {self.record.wanted}"
        return f"{words[lives(self.record.process)]}, {place}"

    def __repr__(self) -> str:
        """Return its id, the number of trials, and the best."""
        best = self.best
        found = f", best {best.score:.3f} with {dict(best.params)}" if best else ""
        state = f", {self.state}" if self.state else ""
        return f"<search {self.id}: {len(self.trials)} trials{state}{found}>"

    def to_frame(self) -> "DataFrame":
        """Return a data frame with one row per trial; it needs pandas."""
        return data_frame(
            {
                "trial": trial.number,
                "score": trial.score,
                **trial.params,
                "share": trial.share,
                "seconds": trial.seconds,
                "error": trial.error,
            }
            for trial in self.trials
        )

    def write(self) -> None:
        """Store the trials as a table, and the record."""
        names = sorted({name for trial in self.trials for name in trial.params})
        rows: list[list[Any]] = [
            ["trial", "share", "score", *names, "fold_scores", "seconds", "error"]
        ]
        for trial in self.trials:
            folds = ";".join(f"{value:.6g}" for value in trial.scores)
            cells = [trial.params.get(name) for name in names]
            score = "" if trial.score is None else f"{trial.score:.6g}"
            begin = [trial.number, f"{trial.share:.3g}", score]
            rows.append([*begin, *cells, folds, f"{trial.seconds:.2f}", trial.error])
        write_text(self.folder / _TABLE, csv_text(rows))
        # Last: a trial in the record is complete, and the table is not written again for it.
        write_text(self.folder / RECORD, json.dumps(self.record.to_dict(), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Tuning":
        """Return the search in `folder`; raises OSError or ValueError if there is none."""
        return cls(folder, from_plain(read_json(folder / RECORD), TuningRecord))


def stored(folder: Path, record: Mapping[str, Any]) -> Tuning:
    """Return the search of this folder, to continue it, or a new one."""
    new = Tuning(folder, from_plain({**record, "trials": []}, TuningRecord))
    try:
        tuning = Tuning.read(folder)
    except (OSError, ValueError):
        return new
    # How the front end was named is not part of its identity.
    own: dict[str, Any] = {"trials": [], "wanted": None, "process": None, "spec": new.record.spec}
    return tuning if replace(tuning.record, **own) == new.record else new


def command(
    verb: str,
    model: str,
    dataset: Dataset,
    frontend: str | None = None,
    *more: str,
    protocol: str | None = None,
    grouped: bool = True,
    seed: int = 0,
) -> str:
    """Return the command that tunes a model on a dataset, or trains it with what was found.

    Parameters
    ----------
    verb : {"tune", "train"}
        The command.
    model : str
        Name or file of the model.
    dataset : Dataset
        The dataset of the search.
    frontend : str, optional
        Value of ``--front-end``.
    *more : str
        Further words.
    protocol, grouped, seed : str, bool, int
        As for `tune`; only what is not the default is in the command.
    """
    words = ["zoo", verb, model, "--data", dataset.source, *dataset.reading.options]
    words += ["--front-end", frontend] if frontend else []
    words += ["--protocol", protocol] if protocol not in (None, DEFAULT_PROTOCOL) else []
    words += [] if grouped else ["--ungrouped"]
    words += ["--seed", str(seed)] if seed else []
    return shlex.join([*words, *more])


def find_tuning(model: Model, dataset: Dataset, root: Path | None = None, **split: Any) -> Tuning:
    """Return the newest search of a model on a dataset.

    Parameters
    ----------
    model : Model
        Model of the search, with the same version.
    dataset : Dataset
        Dataset of the search.
    root : Path, optional
        Folder of the searches; by default the models folder.
    **split : object
        Protocol, grouped and seed, as for `command`, for the commands of an error.

    Raises
    ------
    UsageError
        If there is none.
    """
    place = (root or models_folder()) / file_name(dataset.name) / "tuning"
    found: list[tuple[float, Tuning]] = []
    others: list[tuple[float, Tuning]] = []
    for path in sorted(place.glob(f"*/{RECORD}")):
        try:
            tuning = Tuning.read(path.parent)
        except (OSError, ValueError):
            continue
        about = tuning.record
        wanted = [model.card.name, model.source.distribution, model.source.version]
        if about.model == wanted and about.dataset == dataset.fingerprint and tuning.best:
            # Earlier versions did not record the front end.
            same = about.frontend in (None, frontend_of(model, dataset))
            (found if same else others).append((path.stat().st_mtime, tuning))
    if not found:
        name, given = model.source.name, model.source.frontend_spec  # of a loose file its path
        again = command("tune", name, dataset, given, **split)
        if not others:
            raise UsageError(
                f"{name} was not tuned on {dataset.source}"
                f"{f' with the front end {given}' if given else ''} in its present version; "
                f"`{again}` does it"
            )
        about = max(others, key=lambda pair: recency(pair[0]))[1].record
        other = about.spec or (about.frontend or {}).get("name")
        known = command("train", name, dataset, about.spec, "--tuned", **split)
        raise UsageError(
            f"{name} was tuned on {dataset.source} with the front end {other}, not with "
            f"{given or model.card.frontend.name}; `{known}` takes what was found, `{again}` "
            "searches again"
        )
    return max(found, key=lambda pair: recency(pair[0]))[1]


def importance(tuning: Tuning) -> dict[str, float]:
    """Return the share of each parameter in the differences between scores; the sum is one.

    It is the permutation importance (Breiman 2001, doi:10.1023/A:1010933404324) of a random
    forest that predicts the score.

    Parameters
    ----------
    tuning : Tuning
        A search. Fewer than eight trials are too few: the result is empty.
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
    """Return a parameter as a number; text is numbered by its place among the texts tried."""
    if isinstance(value, int | float):
        return float(value)
    words = sorted({str(trial.params.get(name)) for trial in trials})
    return -1.0 - words.index(str(value))
