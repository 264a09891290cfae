"""Leaderboard as a value: its rows, and what stands beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zoo_registry.errors import UsageError
from zoo_registry.text import closest, quoted

__all__ = [
    "TITLES",
    "Board",
    "Difference",
    "Row",
    "failure_sentences",
    "metric_key",
    "metric_name",
    "p_text",
    "score_text",
]

TITLES = {
    "accuracy": "accuracy",
    "balanced-accuracy": "balanced accuracy",
    "macro-f1": "macro F1",
    "roc-auc": "ROC AUC",
    "log-loss": "log loss",
    "top3": "top 3",
    "calibration-error": "calibration error",
}
"""Titles of the metrics, which are in `zoo.evaluate.metrics`, by their names."""

_SMALL = 0.001  # resamples are too few to tell smaller p-values apart


def metric_name(text: str) -> str:
    """Return the name of the metric that a text means; raises `UsageError` if there is none."""
    name = text.casefold().replace("_", "-").replace(" ", "-")
    if name in TITLES:
        return name
    raise UsageError(
        f"there is no metric {quoted(text)}, the closest is {closest(name, TITLES)}; the metrics "
        f"are {', '.join(TITLES)}"
    )


def metric_key(name: str) -> str:
    """Return the name of a metric as JSON and rows have it."""
    return name.replace("-", "_")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run on a board, or several that differ in nothing but the seed.

    Only runs whose folds are all done have scores and a rank. The figures of several are the means
    over the seeds, apart from interval, rank and p, which are of all seeds at once, and
    `fold_accuracy`, which has the folds of all. What speaks of one run, such as `zoo predict`, a
    confusion matrix or the errors on a page, takes `run`.

    Attributes
    ----------
    rank : int or None
        One plus the number of rows with a better score, by the metric of the board.
    rank_low, rank_high : int or None
        One plus the number of rows that are significantly better, and the number of those that are
        not significantly worse, this one included; see `zoo.evaluate.significance`.
    tied_with : tuple of str
        Ids of the runs that are neither significantly better nor significantly worse, at most the
        best twenty.
    p : float or None
        Smallest p-value of a comparison with a better row, corrected for all pairs of the board;
        it is below .05 exactly if `rank_low` is above 1. None if none is better.
    model, run, frontend, frontend_origin : str
        Name of the model, id of the run (of several the complete one with the smallest seed, or
        else the one with the smallest seed), front end with the fields that are not its defaults,
        and its package or file if it is not that of the model's card.
    status : {"complete", "no artefact", "damaged", "failed", "running", "interrupted"}
        State of the run. "no artefact" is one with scores that cannot predict yet; a run whose
        predictions are damaged has no scores.
    accuracy, accuracy_mean, fold_accuracy : float or None, tuple of float
        See `zoo.evaluate.metrics.Scores`.
    balanced_accuracy, macro_f1, roc_auc, log_loss, top3, calibration_error : float or None
        See `zoo.evaluate.metrics.METRICS`; None where a metric is not defined.
    intervals : dict
        Ends of the 95 % interval of each metric, by its key.
    robustness : float or None
        Mean over the changes of `by_change`; None if the run was asked about none.
    worst_change, worst_robustness : str or None, float or None
        The change with the lowest share, and that share.
    ci_low, ci_high : float or None
        95 % interval of `accuracy`.
    train_seconds, predict_ms_per_track : float or None
        Mean per fold, and from front-end array to probabilities.
    artefact_bytes, tracks, groups : int or None
        Size of the ONNX file, and number of tested tracks and of their groups; a track of no known
        group is one.
    title, params : str, dict
        Title and parameters of the model.
    seed : int
        Random seed of `run`, for the split and the model.
    seeds, runs : tuple of int, tuple of str
        Seeds and ids of all its runs, by rising seed.
    seed_accuracy : tuple of float
        Accuracy with each of `seeds`.
    spread : float or None
        Their standard deviation; None for one seed.
    all_seeds : tuple of int
        The same, and seeds of further runs that differ in nothing else: those without scores, which
        have rows of their own, and all if the board shows each run apart.
    error : str or None
        Reason of the failure or interruption, or the damaged files; and how the run is completed.
    other_tracks, other_rejected : int or None, float or None
        Number of tested tracks of none of the classes, which a model was trained against, and the
        share of them that it assigned to no class; they are no part of the other scores.
    tuned : bool
        Whether the parameters come from a search.
    tuned_on_test : int
        Number of tested tracks that the search used; if there are any, the scores are too high.
    robustness_tracks : int or None
        Number of tracks that were changed.
    by_change : dict
        Share of the changed tracks that are correct by majority vote, by the name of the change.
    same_answer : tuple of str
        Changes with which the model of each fold gives one answer to all tracks.
    failed_changes : dict
        Number of tracks of each change that failed for all of them.
    frontend_given : bool
        Whether the front end is not that of the model's card.
    trained_on : tuple of str
        Sentences on the recordings that the weights of the front end have seen.
    by_origin : str
        Sentence on the scores of the user's tracks and of those of a run whose classes were kept.
    name : str
        The model, and what tells the row apart; see `zoo.evaluate.row_names`.
    """

    rank: int | None = None
    rank_low: int | None = None
    rank_high: int | None = None
    tied_with: tuple[str, ...] = ()
    model: str
    run: str
    status: str
    accuracy: float | None = None
    robustness: float | None = None
    worst_change: str | None = None
    worst_robustness: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    accuracy_mean: float | None = None
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    roc_auc: float | None = None
    log_loss: float | None = None
    top3: float | None = None
    calibration_error: float | None = None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    p: float | None = None
    fold_accuracy: tuple[float, ...] = ()
    train_seconds: float | None = None
    predict_ms_per_track: float | None = None
    artefact_bytes: int | None = None
    title: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    tracks: int | None = None
    groups: int | None = None
    seed: int = 0
    seeds: tuple[int, ...] = ()
    runs: tuple[str, ...] = ()
    seed_accuracy: tuple[float, ...] = ()
    spread: float | None = None
    all_seeds: tuple[int, ...] = ()
    error: str | None = None
    other_tracks: int | None = None
    other_rejected: float | None = None
    tuned: bool = False
    tuned_on_test: int = 0
    robustness_tracks: int | None = None
    by_change: dict[str, float] = field(default_factory=dict)
    same_answer: tuple[str, ...] = ()
    failed_changes: dict[str, int] = field(default_factory=dict)
    frontend: str = ""
    frontend_given: bool = False
    frontend_origin: str = ""
    trained_on: tuple[str, ...] = ()
    by_origin: str = ""
    name: str = ""

    @property
    def problem(self) -> str:
        """The error, which begins with the id of its run; empty without one."""
        error = self.error or ""
        return f"{self.run}: {error}" if error and not error.startswith(self.runs) else error


@dataclass(frozen=True)
class Board:
    """All runs on one dataset with one protocol, the best first.

    Attributes
    ----------
    dataset, fingerprint, protocol : str
        Name of the dataset, SHA-256 of the tracks that were used, name of the protocol.
    grouped : bool
        Whether groups were kept together.
    audit : dict or None
        Result of `zoo.evaluate.audit.summary` for all splits that its runs have tested.
    rows : tuple of Row
        Runs, the best first.
    by : str
        Name of the metric that ranks them, of `TITLES`; the accuracy where the metric that was
        asked for is not defined, such as the top 3 of three classes.
    baseline : dict or None
        What can be reached without hearing anything; see `zoo.evaluate.metrics.baseline`. None if
        no run has scores.
    left_out : int
        Number of tracks of the dataset that no run of the board used, since they could not be
        decoded. Runs that left out other tracks are on another board.
    selection : str
        What was taken of the dataset, such as "3 of 10 classes"; empty for the whole dataset.
    read : str
        Columns of tables that the user named for all its runs, such as "groups by artist".
    sources, places : tuple of str
        Values of ``--data`` that the runs record, and their places; see `zoo.datasets.places`.
    mark : str
        What tells the board apart from others of the same dataset name and protocol.
    copies : str
        Sentence on tracks that may be copies of those that were added from a run.
    elsewhere : str
        Sentence on seeds of its models that are on another board, since only some splits leak.
    tracks, groups : int or None
        Number of tracks and groups that any run has tested; seeds may test different ones.
    """

    dataset: str
    fingerprint: str
    protocol: str
    grouped: bool
    audit: dict[str, Any] | None
    rows: tuple[Row, ...]
    by: str = "accuracy"
    baseline: dict[str, dict[str, Any]] | None = None
    left_out: int = 0
    selection: str = ""
    read: str = ""
    sources: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    mark: str = ""
    copies: str = ""
    elsewhere: str = ""
    tracks: int | None = None
    groups: int | None = None

    @property
    def key(self) -> str:
        """Name of the attribute of a row that ranks it."""
        return metric_key(self.by)

    @property
    def title(self) -> str:
        """The name of the dataset, what was taken of it, and how it was read."""
        return ", ".join(filter(None, (self.dataset, self.selection, self.read)))

    def name(self, row: Row) -> str:
        """Return the name of a row, which no other row of the board has."""
        return row.name or row.model

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        plain = {name: value for name, value in vars(self).items() if name != "places"}
        return plain | {"rows": [vars(row) | {"name": self.name(row)} for row in self.rows]}


@dataclass(frozen=True)
class Difference:
    """Accuracies of one model with groups kept together, and with tracks split at random.

    Attributes
    ----------
    dataset, protocol, model : str
        Title of the board, and names.
    grouped, ungrouped, difference : float
        Accuracies, and ``ungrouped - grouped``.
    leakage : float or None
        Share of the ungrouped test tracks that share a group or recording with training tracks.
    """

    dataset: str
    protocol: str
    model: str
    grouped: float
    ungrouped: float
    difference: float
    leakage: float | None


def failure_sentences(failed: Mapping[str, int]) -> list[str]:
    """Return a sentence for each of `Row.failed_changes`."""
    return [f"{name}: none of {tracks} tracks could be changed" for name, tracks in failed.items()]


def p_text(p: float | None) -> str:
    """Return a p-value with three digits, empty for None."""
    if p is None:
        return ""
    return "<.001" if p < _SMALL else score_text(p)


def score_text(score: float | None) -> str:
    """Return a score as the terminal and all pages show it: .860, 1.000; empty for None."""
    return "" if score is None else f"{score:.3f}".removeprefix("0")
