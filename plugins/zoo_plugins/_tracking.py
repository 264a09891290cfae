"""What the extensions that report runs to other programs share: the content, and the note.

All of them report the settings of a run, the scores of the leaderboard for the run and for each
fold, the figures of each training by step, and the files of the run.
"""

import logging
import os
import re
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_registry.predictions import Predictions
from zoo_registry.record import ArtefactInfo, FoldRecord
from zoo_registry.record_parts import Curve
from zoo_registry.runs import Run
from zoo_registry.text import first_line, pip_install

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Part",
    "Tracker",
    "board_name",
    "card",
    "confusion_picture",
    "files",
    "fold_part",
    "settings",
    "steps",
    "whole_part",
    "without_password",
]

_MOST_CLASSES = 60  # of a confusion matrix that can be read as a picture
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_log = logging.getLogger(__name__)
_one_at_a_time = threading.Lock()  # the environment and its warnings belong to all threads


@dataclass(frozen=True)
class Part:
    """A fold of a run, or the run with its fit on all tracks.

    Attributes
    ----------
    metrics : dict of str to float
        Scores, and the numbers in the record, such as ``train_seconds``; empty if it failed.
    curve : list of dict
        Figures of the training, one dictionary per report.
    params : dict
        Parameters that nested tuning gave a fold.
    error : str or None
        Why it failed.
    """

    metrics: dict[str, float]
    curve: Curve
    params: Mapping[str, Any]
    error: str | None = None


def fold_part(run: Run, entry: FoldRecord) -> Part:
    """Return what is reported of a fold."""
    if entry.error:
        return Part({}, [], {}, entry.error)
    metrics = _scores(_of_fold(run, entry.fold)) | _numbers(entry)
    return Part(metrics, entry.curve, entry.params or {})


def whole_part(run: Run) -> Part:
    """Return what is reported of a run, apart from its folds."""
    if not run.complete:
        return Part({}, [], {}, run.record.error)
    artefact = run.record.artefact
    return Part(_scores(run.predictions()) | _numbers(artefact), artefact.curve, {})


def settings(run: Run) -> dict[str, Any]:
    """Return the parameters of the model and, as ``zoo.*`` and ``version.*``, all else."""
    record = run.record
    return record.params | {
        "zoo.seed": record.seed,
        "zoo.protocol": record.protocol.spec,
        "zoo.grouped": record.protocol.grouped,
        "zoo.dataset": record.dataset.name,
        "zoo.fingerprint": record.dataset.fingerprint,
        **{f"version.{name}": version for name, version in record.versions.items()},
    }


def board_name(run: Run) -> str:
    """Return the name of the leaderboard, such as ``gtzan/kfold:5``."""
    record = run.record
    ungrouped = "" if record.protocol.grouped else " ungrouped"
    return f"{record.dataset.name}/{record.protocol.spec}{ungrouped}"


def files(run: Run) -> list[Path]:
    """Return the files to keep beside the record: predictions, artefact and model card."""
    paths = (run.predictions_path, run.robustness_path, run.artefact_path, run.card_path)
    return [path for path in paths if path.is_file()]


def card(run: Run) -> str:
    """Return the model card in Markdown, without its front matter; empty without one."""
    if not run.card_path.is_file():
        return ""
    return _FRONT_MATTER.sub("", run.content(run.card_path).decode("utf-8", "replace"))


def steps(curve: Curve) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield the figures of a training as ``training/*``, with the number of the report from 1."""
    for step, point in enumerate(curve, start=1):
        yield step, {f"training/{name}": v for name, v in point.items() if name != "fraction"}


def confusion_picture(run: Run) -> "NDArray[np.uint8] | None":
    """Return the confusion matrix as a picture, shape (height, width, 3); None of many classes."""
    import numpy as np

    from zoo.evaluate.metrics import confusion

    predictions = run.predictions()
    matrix, names = confusion(predictions), predictions.classes
    if len(names) > _MOST_CLASSES:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = 2 + 0.35 * max(4, len(names))
    figure = Figure(figsize=(size + 0.5, size), layout="constrained")
    canvas, axes = FigureCanvasAgg(figure), figure.subplots()
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            colour = "white" if shares[row, column] > 1 / 2 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    # A name is no formula, whatever dollars it has.
    labels = [textwrap.shorten(name, 24, placeholder="…") or "…" for name in names]
    for axis, title in ((axes.xaxis, "predicted"), (axes.yaxis, "label")):
        axis.set_ticks(range(len(names)), labels, parse_math=False)
        axis.set_label_text(title)
    axes.tick_params(axis="x", rotation=90)
    drawn: Any = canvas  # matplotlib has no types for these
    drawn.draw()
    return np.asarray(drawn.buffer_rgba())[:, :, :3].copy()


@dataclass(frozen=True)
class Tracker:
    """A program that gets runs; its failure is a note, and never that of the run.

    Attributes
    ----------
    name, title : str
        Name of the extension and of its extra, and of the program.
    package : str
        Package that the extension imports.
    check : str
        What to check if it fails.
    variables : mapping of str to str
        Variables of the environment that the program gets, unless the user has set them.
    """

    name: str
    title: str
    package: str
    check: str
    variables: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Set the variables for a while."""
        added = {name: text for name, text in self.variables.items() if name not in os.environ}
        os.environ.update(added)
        try:
            yield
        finally:
            for name in added:
                os.environ.pop(name, None)

    def report(
        self, run: Run, work: Callable[[], Mapping[str, Any]], *, again: bool = False
    ) -> dict[str, Any]:
        """Report something; an error is a note.

        Parameters
        ----------
        run : Run
            The run.
        work : callable
            Reports it, and returns what the record keeps.
        again : bool
            Whether an error was named already. It is named once per training, without passwords.

        Returns
        -------
        dict
            Entry of the record: what `work` returns, or the kind of the error.
        """
        try:
            with _one_at_a_time, self.environment(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the program's own libraries
                kept = dict(work())
                if "place" in kept:
                    kept["place"] = without_password(kept["place"])
                return {self.name: kept}
        except Exception as error:
            kept = {self.name: {"error": f"not stored: {type(error).__name__}"}}
            if again:
                return kept
            if isinstance(error, ModuleNotFoundError) and (missing := _package(error)):
                needed = f", which {self.package} needs," * (missing != self.package)
                remedy = f"{missing}{needed} is not installed; {pip_install(self.name)}"
            else:
                reason = without_password(first_line(error))
                remedy = f"check {self.check} ({textwrap.shorten(reason, 200, placeholder='…')})"
            _log.warning("the run does not get into %s: %s", self.title, remedy)
            return kept

    def failed(self, run: Run) -> bool:
        """Whether this training's report failed before."""
        return "error" in run.record.extensions.get(self.name, {})


def without_password(text: str) -> str:
    """Return a text without the names and passwords of its URLs."""
    return re.sub(r"//[^/@\s]*@", "//", text)


def _package(error: ModuleNotFoundError) -> str:
    return (error.name or "").partition(".")[0]


def _of_fold(run: Run, number: int) -> Predictions:
    """Return the predictions of a fold; an ensemble has no file of each."""
    path = run.fold_path(number)
    if path.is_file() or not run.record.members:
        return run.read_predictions(path)
    whole = run.predictions()
    return whole.take([row for row, fold in enumerate(whole.folds) if fold == number])


def _scores(predictions: Predictions) -> dict[str, float]:
    """Return the scores of the leaderboard, by their names."""
    from zoo.evaluate.metrics import score

    scores = score(predictions)
    return {name: getattr(scores, name) for name in ("accuracy", "accuracy_mean", "macro_f1")}


def _numbers(described: FoldRecord | ArtefactInfo) -> dict[str, float]:
    """Return the numbers in the record of a fold or an artefact."""
    return {
        name: float(value)
        for name, value in described.to_dict().items()
        if name != "fold" and isinstance(value, int | float) and not isinstance(value, bool)
    }
