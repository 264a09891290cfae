"""Extension that writes every run for TensorBoard; off until it is enabled.

Event files lie in ``runs/tensorboard/<run id>``, or below the folder ``ZOO_TENSORBOARD``. The run's
own file has its settings for the hparams plugin, the scores of the leaderboard for the run and, as
``fold/*``, by fold, the figures of the fit on all tracks as ``training/*``, the confusion matrix as
a picture and the model card as text. The file of a fold, in ``fold-<number>`` below it, has the
scores and ``training/*`` of that fold, one step per report.

A file is written whole and renamed, so a run that is repeated, resumed or trained twice at once
replaces its files with equal ones. The hparams plugin shows a run as running until it has ended.
tensorboardX writes the files: TensorBoard's own writer would import TensorFlow.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from zoo_plugins._tracking import (
    Part,
    Tracker,
    card,
    confusion_picture,
    fold_part,
    settings,
    steps,
    whole_part,
)
from zoo_registry import hookimpl
from zoo_registry.files import atomic_path
from zoo_registry.record import FoldRecord
from zoo_registry.runs import Run

__all__ = ["zoo_fold_finished", "zoo_run_finished", "zoo_run_started"]

_FOLDER = Path("runs", "tensorboard")
_NAME = "events.out.tfevents.{}.zoo"  # TensorBoard reads them in the order of the numbers
_tracker = Tracker("tensorboard", "TensorBoard", "tensorboardX", "the folder ZOO_TENSORBOARD")

# A summary, and the step that it belongs to.
_Summaries = Iterator[tuple[Any, int]]


@hookimpl
def zoo_run_started(run: Run) -> dict[str, Any]:
    """Write the settings of the run."""
    return _tracker.report(run, lambda: _write_run(run, ended=False))


@hookimpl
def zoo_fold_finished(run: Run, fold: int) -> dict[str, Any] | None:
    """Write a fold."""
    entry = next(entry for entry in run.record.folds if entry.fold == fold)
    return None if _tracker.failed(run) else _tracker.report(run, lambda: _write_fold(run, entry))


@hookimpl
def zoo_run_finished(run: Run) -> dict[str, Any]:
    """Write folds that are missing, and the run with its result."""
    return _tracker.report(run, lambda: _finish(run), again=_tracker.failed(run))


def _finish(run: Run) -> dict[str, Any]:
    for entry in run.record.folds:
        if not any(_fold_folder(run, entry).glob(_NAME.format("*"))):
            _write_fold(run, entry)
    return _write_run(run, ended=True)


def _folder(run: Run) -> Path:
    return Path(os.environ.get("ZOO_TENSORBOARD") or _FOLDER) / run.id


def _fold_folder(run: Run, entry: FoldRecord) -> Path:
    return _folder(run) / f"fold-{entry.fold}"


def _write_run(run: Run, *, ended: bool) -> dict[str, Any]:
    _write(_folder(run), _run_summaries(run, ended))
    return {"run": run.id, "place": str(_folder(run).parent)}


def _write_fold(run: Run, entry: FoldRecord) -> dict[str, Any]:
    if not entry.error:
        _write(_fold_folder(run, entry), _scalars(fold_part(run, entry)))
    return {"run": run.id, "place": str(_folder(run).parent)}


def _run_summaries(run: Run, ended: bool) -> _Summaries:
    from tensorboardX import summary

    part = whole_part(run) if ended else Part({}, [], {})
    experiment, begin, end = summary.hparams(
        {name: value if value is not None else "None" for name, value in settings(run).items()},
        dict.fromkeys(("accuracy", "accuracy_mean", "macro_f1"), 0.0),
    )
    yield experiment, 0
    yield begin, 0
    if not ended:
        return
    yield from _scalars(part)
    if part.error:
        yield summary.text("error", part.error), 0
        yield _failed(end), 0
        return
    for entry in run.record.folds:
        for name, value in fold_part(run, entry).metrics.items():
            yield summary.scalar(f"fold/{name}", value), entry.fold
    picture = confusion_picture(run)
    if picture is not None:
        yield summary.image("confusion", picture, dataformats="HWC"), 0
    yield summary.text("card", card(run)), 0
    yield end, 0


def _scalars(part: Part) -> _Summaries:
    from tensorboardX import summary

    for name, value in part.metrics.items():
        yield summary.scalar(name, value), 0
    for step, figures in steps(part.curve):
        for name, value in figures.items():
            yield summary.scalar(name, value), step


def _failed(end: Any) -> Any:
    """Return the end of a session of the hparams plugin, as that of one that failed."""
    from tensorboardX.proto.api_pb2 import Status
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    data = end.value[0].metadata.plugin_data
    content = HParamsPluginData.FromString(data.content)
    content.session_end_info.status = Status.Value("STATUS_FAILURE")
    data.content = content.SerializeToString()
    return end


def _write(folder: Path, summaries: Iterable[tuple[Any, int]]) -> None:
    """Write an event file, and delete those of the zoo that it replaces."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import RecordWriter

    now = time.time()
    path = folder / _NAME.format(time.time_ns())
    with atomic_path(path) as temporary:
        file = RecordWriter(str(temporary))
        try:
            file.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
            for summary, step in summaries:
                event = Event(wall_time=now, step=step, summary=summary)
                file.write(event.SerializeToString())
        finally:
            file.close()
    # Of two that are written at once, the later one stays.
    for earlier in folder.glob(_NAME.format("*")):
        if earlier.name < path.name:
            with suppress(FileNotFoundError):
                earlier.unlink()
