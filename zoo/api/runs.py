"""Runs, models, front ends and datasets by name."""

from collections.abc import Iterable, Sequence, Sized
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.api.arguments import Data, data_of, is_iterable, one_of, one_or_many
from zoo.api.checked import check_values
from zoo.api.listing import Listing
from zoo.api.progress import usual_reporter
from zoo.api.run import Runs, TrainedRun
from zoo.datasets import Dataset
from zoo.execution.progress import Reporter
from zoo_registry.frames import data_frame
from zoo_registry.plugin_status import PluginStatus
from zoo_registry.reading import Reading
from zoo_registry.runs import Run

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Plugins", "front_ends", "load", "models", "open_dataset", "runs"]


class Plugins(Listing[PluginStatus]):
    """A list of models or front ends."""

    def __init__(self, states: Iterable[PluginStatus] = ()) -> None:
        super().__init__(states)

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (s.name, s.title or "", s.frontend or s.layout or "", s.reason or s.status)
            for s in self
        ]

    def __repr__(self) -> str:
        """Return name, title, front end or layout, and status in one line each."""
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def _repr_html_(self) -> str:
        cells = ("".join(f"<td>{escape(text)}</td>" for text in row) for row in self._rows())
        head = "<tr><th>name</th><th>title</th><th>front end or layout</th><th>status</th></tr>"
        return f"<table>{head}{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"

    def to_frame(self) -> "DataFrame":
        """Return a data frame with one row per plugin; it needs pandas."""
        return data_frame(map(asdict, self), index="name")


def load(run: str | Path | Run) -> TrainedRun:
    """Return a run, of the workspace or published.

    Parameters
    ----------
    run : str, Path or Run
        Name of a published run; id, name or folder of a run; name of a model, which means its
        preferred or newest run; each with ``@`` and the name of a dataset if runs on that are
        meant.

    Returns
    -------
    TrainedRun
        The run; it may be unfinished.

    Raises
    ------
    UsageError
        If there is no such run, or more than one.
    RunError
        If its record is damaged.

    Examples
    --------
    >>> import zoo
    >>> run = zoo.load("gtzan")
    >>> print(f"{run.accuracy:.2f}, at least {run.accuracy.low:.2f}")
    0.73, at least 0.66
    """
    from zoo.workspace import find_run

    what = 'the name or folder of a run, such as "gtzan"'
    found = one_of(run, (str, Path, Run), what)
    if isinstance(found, TrainedRun):
        return found
    return TrainedRun(found if isinstance(found, Run) else find_run(str(found)))


def runs(*, reporter: Reporter | None = None) -> Runs:
    """Return the runs of the workspace, the newest last.

    Published runs are not among them; `zoo.load` returns these by name.

    Parameters
    ----------
    reporter : Reporter, optional
        Receives a note on each run whose record is damaged, which is left out.

    Returns
    -------
    Runs
        A list of runs; `to_frame` gives a data frame with their metrics.

    Examples
    --------
    >>> import zoo
    >>> run = zoo.train("decision-tree", "demo", protocol="holdout:0.3")
    >>> [each.id for each in zoo.runs()] == [run.id]
    True
    """
    from zoo.workspace import recency_of
    from zoo.workspace import runs as stored

    check_values(reporter=reporter)
    reporter, found = usual_reporter(reporter), list[Run]()
    for item in stored():
        if isinstance(item, Run):
            found.append(item)
        else:
            reporter.note(str(item))
    return Runs(sorted(found, key=recency_of))


def models() -> Plugins:
    """Return the models that can be trained, as `zoo models` lists them.

    Returns
    -------
    Plugins
        A list of what is known of each: `name`, `title`, `family`, `frontend`, `status` and the
        `reason` if it is not ready; `to_frame` gives a data frame.

    Examples
    --------
    >>> import zoo
    >>> [model.name for model in zoo.models() if model.family == "classical"]
    ['decision-tree', 'elasticnet', 'knn', 'logistic', 'random-forest', 'svm']
    """
    from zoo.workspace import cache_folder
    from zoo_registry.plugins import Registry

    return Plugins(Registry().models(cache_folder() / "slow-plugins.json"))


def front_ends() -> Plugins:
    """Return the front ends, as `zoo models` lists them.

    Returns
    -------
    Plugins
        A list of what is known of each: `name`, `title`, `layout`, `status` and the `reason` if
        it is not ready; `to_frame` gives a data frame.

    Examples
    --------
    >>> import zoo
    >>> [each.name for each in zoo.front_ends()]
    ['handcrafted', 'log-mel', 'musicnn', 'yamnet']
    """
    from zoo.workspace import cache_folder
    from zoo_registry.plugins import Registry

    return Plugins(Registry().frontends(cache_folder() / "slow-plugins.json"))


def open_dataset(
    data: Data = "demo",
    *,
    only: Sequence[str] = (),
    without: Sequence[str] = (),
    limit: int | None = None,
    reporter: Reporter | None = None,
) -> Dataset:
    """Return a dataset, as `zoo.train` reads it.

    Parameters
    ----------
    data : str, Path or Dataset
        "demo"; a folder with one sub-folder per class, or another layout that the zoo knows; a
        table of paths and labels, or of features; a URL; or the name of a dataset that an extension
        offers.
    only, without : sequence of str
        Classes to take, or to leave out.
    limit : int, optional
        At most this many tracks per class, in whole groups.
    reporter : Reporter, optional
        Receives notes on what was understood and which files are skipped.

    Returns
    -------
    Dataset
        The tracks with labels and groups; no sound is decoded.

    Raises
    ------
    DatasetError
        If there is no such dataset, or it cannot be used.

    Examples
    --------
    >>> import zoo
    >>> demo = zoo.open_dataset("demo")
    >>> len(demo.classes), demo.tracks[0].label
    (10, 'ambient')
    >>> len(zoo.open_dataset(demo, without=["ambient"]).classes)
    9
    """
    from zoo.datasets.selection import select
    from zoo.plugins.registry import find_dataset

    check_values(limit=limit, reporter=reporter)
    found, classes = data_of(data), [_classes(only), _classes(without)]
    is_whole = limit is None and not any(classes)
    limit = None if limit is None else int(limit)  # of numpy
    reading = None if is_whole else Reading(only=classes[0], without=classes[1], limit=limit)
    if isinstance(found, Dataset):
        return select(found, reading) if reading else found
    return find_dataset(found, reporter=usual_reporter(reporter), reading=reading)


def _classes(names: Any) -> tuple[str, ...]:
    if names is None or (isinstance(names, Sized) and is_iterable(names) and not len(names)):
        return ()
    return tuple(one_or_many(names, (str,), "the name of a class")[0])
