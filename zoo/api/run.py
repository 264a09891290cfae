"""A run as people hold it in Python, and a list of runs."""

from collections.abc import Iterable
from copy import copy
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from zoo.api.checked import check_values
from zoo.api.figures import Confusion, Estimate, Metrics, metrics_of
from zoo.api.listing import Listing
from zoo.execution.progress import Reporter
from zoo.workspace import models_folder
from zoo_registry.errors import RunError, UsageError, ZooError
from zoo_registry.frames import data_frame
from zoo_registry.predictions import Predictions
from zoo_registry.runs import Run

if TYPE_CHECKING:
    from pandas import DataFrame

    from zoo.api.arguments import Recordings
    from zoo.api.boards import Board, Boards
    from zoo.inference.answers import Answers
    from zoo.inference.prediction import Prediction

__all__ = ["OutOfFold", "Runs", "TrainedRun"]


class OutOfFold(Predictions):
    """Out-of-fold predictions of a run, one row per tested track.

    They can be called, which returns themselves: `predictions` of a `zoo_registry.Run`, as
    extensions receive it, is a method.
    """

    def __call__(self) -> "OutOfFold":
        """Return the predictions themselves."""
        return self

    def __repr__(self) -> str:
        """Return the number of tests and of classes."""
        return f"<{len(self)} out-of-fold predictions, {len(self.classes)} classes>"


class TrainedRun(Run):
    """A run: a model that was trained and tested on a dataset.

    `zoo.train`, `zoo.ensemble`, `zoo.load` and `zoo.runs` return it. It also has what every
    `zoo_registry.Run` has, such as `id`, `folder`, `record` and `complete`.

    Parameters
    ----------
    run : Run
        The run on disk.

    Examples
    --------
    >>> import zoo
    >>> run = zoo.train("logistic", "demo", protocol="holdout:0.3")
    >>> 0 < run.accuracy.low < run.accuracy < run.accuracy.high < 1
    True
    >>> list(run.metrics)
    ['accuracy', 'balanced_accuracy', 'macro_f1', 'roc_auc', 'log_loss', 'top3', ...]
    >>> run.confusion.counts.shape
    (10, 10)
    >>> run.predictions.to_frame().columns[:2].tolist()
    ['track', 'label']
    """

    def __init__(self, run: Run) -> None:
        self._stored = copy(run)
        self._stored.folder = run.folder.absolute()  # the current directory may change
        super().__init__(self._stored.folder, run.record)

    def __eq__(self, other: object) -> bool:
        """Whether it is the same run with the same record."""
        if not isinstance(other, TrainedRun):
            return NotImplemented
        return (self.folder, self.record) == (other.folder, other.record)

    def __hash__(self) -> int:
        return hash(self.folder)

    def damage(self, names: Any) -> str:
        """Return a sentence on damaged files, which says how the run is repaired."""
        return self._stored.damage(names)

    @property
    def predictions(self) -> OutOfFold:
        """The out-of-fold predictions; raises `RunError` if there are none."""
        if not self.is_scored:
            raise RunError(f"there are no scores yet: {self.lack}")
        return OutOfFold(**vars(self._stored.predictions()))

    @cached_property
    def metrics(self) -> Metrics:
        """All metrics with their 95 % intervals, by key; see `zoo.evaluate.metrics.METRICS`."""
        return metrics_of(self.predictions, self.record)

    @property
    def accuracy(self) -> Estimate:
        """Share of the tested tracks that are right by majority vote, with its interval."""
        return self.metrics["accuracy"]

    @property
    def confusion(self) -> Confusion:
        """The confusion matrix of the tested tracks."""
        from zoo.evaluate.metrics import confusion

        found = self.predictions
        labels = [found.classes[number] for number in found.real]
        return Confusion(labels, found.classes, confusion(found)[found.real])

    def predict(self, recordings: "Recordings", **options: Any) -> "Prediction | Answers":
        """Classify recordings with the model of this run.

        Parameters
        ----------
        recordings : path, array, or list of these
            As for `zoo.predict`; so are the result and the errors.
        **options
            As for `zoo.predict`, such as `rate` or `timeline`.

        Returns
        -------
        Prediction or Answers
            One for one recording, otherwise a sequence.
        """
        from zoo.api.predicting import predict

        return predict(self, recordings, **options)

    def board(self, by: str = "accuracy") -> "Board":
        """Return the leaderboard of this run, with all runs of its dataset and protocol.

        Parameters
        ----------
        by : str
            Metric that ranks the runs, as for `zoo.leaderboard`.

        Returns
        -------
        Board
            The board.

        Raises
        ------
        UsageError
            If the run does not lie in the workspace.
        """
        check_values(by=by)
        boards, place = self._boards(by)
        return boards[place]

    def _boards(self, by: str = "accuracy") -> "tuple[Boards, int]":
        """Return the boards of the dataset and protocol, and the place of the run's own."""
        from zoo.api.boards import leaderboard

        record = self.record
        is_own = models_folder().resolve() in self.folder.resolve().parents
        boards = leaderboard(record.dataset.name, record.protocol.spec, by) if is_own else []
        own = [any(self.id in row.runs for row in board.rows) for board in boards]
        if not any(own):
            raise UsageError(
                f"{self.id} is not among the runs of this workspace, so it is on no board; its "
                f"model card is {self.card_path}"
            )
        return cast("Boards", boards), own.index(True)

    def report(
        self,
        folder: str | Path = "report",
        *,
        open_page: bool = False,
        reporter: Reporter | None = None,
    ) -> Path:
        """Write the report of the board of this run: one page for a browser.

        Parameters
        ----------
        folder : str or Path
            Folder for the page.
        open_page : bool
            Whether the page is opened in a browser.
        reporter : Reporter, optional
            Receiver of the progress; see `zoo.api.progress.usual_reporter`.

        Returns
        -------
        Path
            The page.

        Raises
        ------
        UsageError
            If the run does not lie in the workspace.
        """
        from zoo.api.boards import write_report

        check_values(folder=folder, open_page=open_page, reporter=reporter)
        boards, place = self._boards()
        record = self.record
        pages = write_report(
            record.dataset.name, record.protocol.spec, folder=folder, reporter=reporter
        )
        page = pages[-len(boards) :][place]
        if open_page:
            import webbrowser

            webbrowser.open(page.absolute().as_uri())
        return page

    def __repr__(self) -> str:
        """Return id, dataset, protocol, and the accuracy or the state."""
        split = "" if self.record.protocol.grouped else " ungrouped"
        where = f"{self.record.dataset.title}, {self.record.protocol.spec}{split}"
        return f"<run {self.id}: {self.record.title} on {where}, {self._score}>"

    @property
    def _score(self) -> str:
        """The accuracy, or why there is none."""
        if not self.is_scored:
            return self.state
        try:
            text = f"accuracy {self.accuracy!r}"
        except ZooError:
            return "damaged" if self.folder.is_dir() else "removed"
        return text if self.complete else f"{text}, {self.state}"

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{escape(self.id)}</b>: {escape(repr(self)[1:-1].partition(': ')[2])}</p>"]
        try:
            parts += [self.metrics._repr_html_(), self.confusion._repr_html_()]
        except ZooError as error:
            parts.append(f"<p>{escape(str(error))}</p>")
        return "\n".join(parts)


class Runs(Listing[TrainedRun]):
    """A list of runs."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        super().__init__(run if isinstance(run, TrainedRun) else TrainedRun(run) for run in runs)

    def __repr__(self) -> str:
        """Return one line per run."""
        texts = zip(self, self._differences(), strict=True)
        return "\n".join(
            repr(run)[:-1] + f"; {words}" * bool(words) + ">" for run, words in texts
        ) or ("no runs")

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(run.id)}</td><td>{escape(run.record.dataset.title)}</td>"
            f"<td>{escape(run.record.protocol.spec)}</td><td>{escape(words)}</td>"
            f"<td>{escape(run._score.removeprefix('accuracy '))}</td></tr>"
            for run, words in zip(self, self._differences(), strict=True)
        )
        names = ("run", "dataset", "protocol", "seed and parameters", "accuracy")
        head = "".join(f"<th>{name}</th>" for name in names)
        return f"<table><tr>{head}</tr>{rows}</table>"

    def _differences(self) -> list[str]:
        """Return for each run the seed and the parameters in which runs of its model differ."""
        settings = [
            {"seed": run.record.seed, **run.record.params} if run.is_scored else {} for run in self
        ]
        words = []
        for run, own in zip(self, settings, strict=True):
            others = [
                other
                for each, other in zip(self, settings, strict=True)
                if each.record.model.name == run.record.model.name and other
            ]
            differing = {
                name: value
                for name, value in own.items()
                if any(other.get(name) != value for other in others)
            }
            words.append(", ".join(f"{name}={value}" for name, value in differing.items()))
        return words

    def to_frame(self) -> "DataFrame":
        """Return a data frame with one row per run, its metrics as columns; it needs pandas."""
        rows = []
        for run in self:
            record = run.record
            row = {
                "run": run.id, "model": record.model.name, "frontend": record.frontend_spec,
                "dataset": record.dataset.title, "protocol": record.protocol.spec,
                "grouped": record.protocol.grouped, "seed": record.seed, "status": run.status,
                "finished": record.finished,
            }  # fmt: skip
            if run.is_scored:
                row |= {name: float(value) for name, value in run.metrics.items()}
                row |= {"ci_low": run.accuracy.low, "ci_high": run.accuracy.high}
            rows.append(row)
        return data_frame(rows, index="run")
