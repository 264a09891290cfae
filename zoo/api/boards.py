"""Boards, comparisons and reports."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.api.arguments import A_RUN, Data, data_of, one_or_many, placed
from zoo.api.checked import check_values
from zoo.api.listing import Listing
from zoo.api.progress import usual_reporter
from zoo.evaluate import board, comparison
from zoo.execution.progress import Reporter
from zoo_registry.frames import data_frame
from zoo_registry.runs import Run

if TYPE_CHECKING:
    from pandas import DataFrame

    from zoo.evaluate.leaderboard import Seeds
    from zoo.evaluate.size_curve import SizeCurve

__all__ = ["Board", "Boards", "Comparison", "compare", "leaderboard", "size_curve", "write_report"]


class Board(board.Board):
    """A leaderboard, which is printed as the table of `zoo leaderboard`."""

    def __repr__(self) -> str:
        """Return the table and the sentences below it."""
        from zoo.cli.leaderboard import board_text
        from zoo.cli.output import as_text

        return as_text(board_text(self))

    def _repr_html_(self) -> str:
        from zoo.report.tables import as_html, board_markdown

        return as_html(board_markdown(self))

    def to_frame(self) -> "DataFrame":
        """Return a data frame with one row per row of the board; it needs pandas."""
        return data_frame(_rows(self))


class Boards(Listing[Board]):
    """A list of leaderboards."""

    def __init__(self, boards: Iterable[board.Board] = ()) -> None:
        super().__init__(Board(**vars(each)) for each in boards)

    def __repr__(self) -> str:
        """Return the tables."""
        return "\n\n".join(map(repr, self)) or "no boards; `zoo.train` makes a run"

    def _repr_html_(self) -> str:
        return "\n".join(each._repr_html_() for each in self) or repr(self)

    def to_frame(self) -> "DataFrame":
        """Return a data frame with one row per row of all boards; it needs pandas."""
        return data_frame(
            {"dataset": each.title, "protocol": each.protocol, "grouped": each.grouped} | row
            for each in self
            for row in _rows(each)
        )


class Comparison(comparison.RunComparison):
    """Comparison of two runs, which a notebook shows as tables."""

    def _repr_html_(self) -> str:
        from zoo.report.comparison import comparison_markdown
        from zoo.report.tables import as_html

        return as_html(comparison_markdown(self))


def _rows(found: board.Board) -> Iterator[dict[str, Any]]:
    """Yield the figures of each row, by column."""
    for row in found.rows:
        plain: dict[str, Any] = {"rank": row.rank, "name": found.name(row)}
        plain |= {key: value for key, value in vars(row).items() if not isinstance(value, dict)}
        for key, ends in row.intervals.items():
            plain |= {f"{key}_low": ends[0], f"{key}_high": ends[1]}
        yield plain


def leaderboard(
    data: Data | None = None,
    protocol: str | None = None,
    by: str = "accuracy",
    *,
    seeds: "Seeds" = "together",
) -> Boards:
    """Return the leaderboards of the workspace, by dataset, protocol, grouped before ungrouped.

    Parameters
    ----------
    data : str, Path or Dataset, optional
        Dataset of the boards, as for `zoo.train`; all by default.
    protocol : str, optional
        Protocol of the boards; all by default.
    by : str
        Metric that ranks the runs, such as "balanced-accuracy"; see `zoo.evaluate.board.TITLES`.
    seeds : {"together", "apart"}
        Whether runs that differ in nothing but the seed are one row, or each has its own.

    Returns
    -------
    Boards
        A list of boards, which is printed as tables; `to_frame` gives a data frame.

    Raises
    ------
    DatasetError
        If there are boards, and neither a dataset nor a run of this name.
    ProtocolError
        If there is no such protocol.
    UsageError
        If there is no such metric.

    Examples
    --------
    >>> import zoo
    >>> run = zoo.train("decision-tree", "demo", protocol="holdout:0.3")
    >>> (board,) = zoo.leaderboard("demo")
    >>> [(row.rank, row.model) for row in board.rows]
    [(1, 'decision-tree')]
    >>> float(zoo.leaderboard().to_frame().accuracy[0]) == run.accuracy
    True
    """
    from zoo.evaluate import leaderboard as evaluated

    check_values(protocol=protocol, by=by, seeds=seeds)
    return Boards(evaluated.leaderboard(_place(data), protocol, by, seeds=seeds))


def _place(data: Data | None) -> str | None:
    found = None if data is None else data_of(data)
    return found if found is None or isinstance(found, str) else found.source


def compare(first: str | Path | Run, second: str | Path | Run, by: str = "accuracy") -> Comparison:
    """Compare two runs: what differs between them, and what each does better.

    Runs of different boards are compared on the tracks that both were tested on.

    Parameters
    ----------
    first, second : str, Path or Run
        Name of a published run, id, name or folder of a run, name of a model, which means its
        preferred or newest run on a board of the other one, or the result of `zoo.train`.
    by : str
        Metric that the verdict is about; see `zoo.evaluate.board.TITLES`.

    Returns
    -------
    Comparison
        Differences are the first run minus the second; `to_frame` gives a data frame.

    Raises
    ------
    UsageError
        If there is no such run or metric, both are one run, or no track was tested by both.
    RunError
        If a run has no scores, or its files are damaged.

    Examples
    --------
    >>> import zoo
    >>> found = zoo.compare("gtzan", "gtzan-light", by="macro-f1")
    >>> found.verdict
    'gtzan is better in macro F1 by ...'
    >>> found.metrics[0].metric, found.metrics[0].low <= found.metrics[0].difference
    ('accuracy', True)
    """
    from zoo.evaluate import compare as evaluated

    (one,), _ = one_or_many([first], (str, Path, Run), A_RUN)
    (other,), _ = one_or_many([second], (str, Path, Run), A_RUN)
    check_values(by=by)
    return Comparison(**vars(evaluated.compare(one, other, by)))


def size_curve(run: str | Path | Run) -> "SizeCurve | None":
    """Return the accuracies of a run by the number of tracks that were trained on.

    Parameters
    ----------
    run : str, Path or Run
        A run that was trained with ``sizes``, as for `zoo.load`.

    Returns
    -------
    SizeCurve or None
        None if it has no sizes; `to_frame` gives a data frame.

    Raises
    ------
    UsageError
        If there is no such run.
    RunError
        If its predictions are missing or damaged.

    Examples
    --------
    >>> import zoo
    >>> run = zoo.train("logistic", protocol="holdout:0.3", sizes=2)
    >>> curve = zoo.size_curve(run)
    >>> [point.name for point in curve.points]
    ['2', 'all']
    """
    from zoo.api.runs import load
    from zoo.evaluate import size_curve as evaluated

    return evaluated.size_curve(load(run))


def write_report(
    data: Data | None = None,
    protocol: str | None = None,
    *,
    folder: str | Path = "report",
    force: bool = False,
    reporter: Reporter | None = None,
) -> list[Path]:
    """Write a page for a browser for every board of the workspace, as `zoo report` does.

    Parameters
    ----------
    data, protocol : str, Path or Dataset, str, optional
        Only boards of this dataset, and of this protocol, as for `zoo.leaderboard`. Recordings
        come from this dataset, too; otherwise from folders that a command was given before.
    folder : str or Path
        Folder for the pages, which is created if it does not exist.
    force : bool
        Whether files that are no pages of a report, or were changed, are replaced.
    reporter : Reporter, optional
        Receiver of the progress; see `zoo.api.progress.usual_reporter`.

    Returns
    -------
    list of Path
        The pages; if there are several boards, a page with links to them comes first.

    Raises
    ------
    ProtocolError
        If there is no such protocol.
    UsageError
        If a file that is to be replaced is not a page of a report, or was changed.
    RunError
        If the folder cannot be written.

    Examples
    --------
    >>> import zoo
    >>> run = zoo.train("decision-tree", "demo", protocol="holdout:0.3")
    >>> [page.name for page in zoo.write_report("demo")]
    ['demo-holdout-0.3.html']
    """
    from zoo.report.page import write_report as write

    check_values(protocol=protocol, folder=folder, force=force, reporter=reporter)
    return write(Path(placed(folder)), _place(data), protocol, usual_reporter(reporter), force)
