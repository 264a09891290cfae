"""Leaderboards: all runs with the same dataset and protocol, ranked from their predictions."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields, replace
from functools import partial
from itertools import chain, compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from zoo.datasets import dataset_name, offered_dataset
from zoo.datasets.hashing import file_digests
from zoo.datasets.places import exists, is_relative, is_there, place_of, was_trained
from zoo.evaluate.audit import leaks, summary
from zoo.evaluate.board import Board, Row, metric_name
from zoo.evaluate.protocols import parse_protocol
from zoo.evaluate.row_names import row_names
from zoo.evaluate.seeds import averaged, by_seed, elsewhere_sentence, one_per_split, tested
from zoo.workspace import file_name, models_folder, remembered, runs, stamps
from zoo_registry.errors import DatasetError, RunError, ZooError
from zoo_registry.files import is_file
from zoo_registry.runs import PREDICTIONS, Run
from zoo_registry.text import closest, quoted

if TYPE_CHECKING:
    from zoo.evaluate.metrics import Metric
    from zoo_registry.predictions import Predictions

__all__ = ["hashing", "leaderboard"]

_VERSION = "boards-19"  # raised whenever the same predictions give other figures
Seeds = Literal["together", "apart"]


def leaderboard(
    data: str | None = None,
    protocol: str | None = None,
    by: str = "accuracy",
    *,
    seeds: Seeds = "together",
) -> list[Board]:
    """Return the leaderboards of the workspace, by dataset, protocol, grouped before ungrouped.

    Parameters
    ----------
    data, protocol, by, seeds : str, str, str, {"together", "apart"}
        As for `zoo.leaderboard`; so are the errors.
    """
    by = metric_name(by)
    spec = None if protocol is None else parse_protocol(protocol).spec
    query = str(models_folder().absolute())
    form = [item.name for kind in (Board, Row) for item in fields(kind)]
    found = stamps()
    # Reading ten thousand runs takes seconds, looking for changes does not.
    known = remembered(
        _VERSION,
        [query, form, by, seeds, found],
        lambda: msgspec.to_builtins(list(_boards(by, seeds))),
        place=[query, by, seeds],
    )
    folders = {Path(folder).name: Path(folder) for folder, *_ in found}
    boards = msgspec.convert(known, list[Board])
    if data is not None:
        boards = _of_dataset(boards, data)
    # Of a damaged run only the name of the folder is known.
    protocols = {spec, spec and file_name(spec)}
    return [_of_now(b, folders) for b in boards if spec is None or b.protocol in protocols]


def _of_dataset(boards: list[Board], data: str) -> list[Board]:
    """Return the boards of the dataset at a place, or else of a dataset of this name."""
    name, place = dataset_name(data), place_of(data)
    is_known = was_trained(place)
    damaged = [b for b in boards if not b.fingerprint and b.dataset == file_name(name)]
    named = [board for board in boards if board.fingerprint and board.dataset == name]
    # A run on equal tracks of another folder is found only under the same name.
    names = {name, Path(data).name}  # the second one is of a folder that is gone
    own = [
        board
        for board in boards
        if place in _places(board) or (board.dataset in names and is_known(board.fingerprint))
    ]
    if not own:
        own = named
        if exists(data):  # a folder that was moved, or was trained on elsewhere
            own = [b for b in own if not any(is_there(each, b.sources) for each in _places(b))]
    if own or damaged or not boards or exists(data) or _is_offered(data):
        return own + damaged
    best = closest(data, {board.dataset for board in boards})
    raise DatasetError(
        f"there is no dataset {quoted(data)}, and no run of one of that name; the closest is "
        f"{quoted(best)}"
    )


def _places(board: Board) -> Sequence[str]:
    """Return the places of a board's dataset; earlier versions did not record relative ones."""
    absolute = [source for source in board.sources if not is_relative(source)]
    return [*board.places, *map(place_of, absolute if board.places or absolute else board.sources)]


def _is_offered(data: str) -> bool:
    """Whether a plugin has a dataset of this name."""
    from zoo.plugins.registry import offered_datasets, open_registry  # rarely needed

    return offered_dataset(data, offered_datasets(open_registry())) is not None


def _boards(by: str, seeds: Seeds) -> list[Board]:
    from zoo.evaluate.metrics import METRICS

    metric = METRICS[by]
    boards: dict[tuple[str, str, bool, str, bool], list[Run]] = {}
    unreadable = []
    found = list(runs())
    for run in found:
        if isinstance(run, RunError):
            unreadable.append(_unreadable(run))
            continue
        record = run.record
        key = (
            record.dataset.name,
            record.protocol.spec,
            not record.protocol.grouped,
            record.used,
            leaks(record.audit),
        )
        boards.setdefault(key, []).append(run)
    sha256 = hashing([run for run in found if isinstance(run, Run) and run.is_scored])
    made = [
        _board(own, boards.get((*key[:-1], not key[-1]), []), metric, seeds, sha256)
        for key, own in sorted(boards.items())
    ]
    return [*_marked(made), *unreadable]


def _marked(boards: Sequence[Board]) -> Iterator[Board]:
    """Yield the boards; where several have the same title, with what tells them apart."""
    titles = Counter((board.title, board.protocol, board.grouped) for board in boards)
    for board in boards:
        is_one = titles[board.title, board.protocol, board.grouped] == 1
        yield replace(board, mark="") if is_one else board


def hashing(scored: Sequence[Run]) -> Callable[[Path], str | None]:
    """Return a function that gives the SHA-256 of a run's file; unchanged ones are not read.

    Parameters
    ----------
    scored : sequence of Run
        The runs of whose files it is asked.

    Returns
    -------
    callable
        As `Run.damaged` takes it.
    """
    files = {run.folder / name: run for run in scored for name in (PREDICTIONS, *run.hashes)}
    paths = [path for path in files if is_file(path) and not path.is_symlink()]
    try:
        return dict(zip(paths, file_digests(models_folder(), paths), strict=True)).get
    except ZooError:  # a run has just been deleted, or a file of one cannot be read
        return {path: run.sha256(path) for path, run in files.items()}.get


def _unreadable(error: RunError) -> Board:
    """Return a board of a run whose record is damaged, since its own one is not known."""
    folder = error.folder or Path()
    protocol, ungrouped, _ = folder.parent.name.partition("-ungrouped")
    dataset = folder.parents[1].name
    model = folder.name.rpartition("-")[0] or folder.name
    row = Row(model=model, run=folder.name, status="damaged", error=str(error))
    return Board(dataset, "", protocol, not ungrouped, None, (row,))


def _of_now(board: Board, folders: Mapping[str, Path]) -> Board:
    """Return the board with what is not stored: whether a training still runs."""
    rows = list(board.rows)
    for place, row in enumerate(rows):
        if row.status == "running":
            with suppress(RunError, KeyError):  # it was removed, or has just ended
                run = Run.read(folders[row.run])
                if run.record.status == "running":
                    rows[place] = replace(row, status=run.status, error=run.lack)
    return replace(board, rows=tuple(rows))


def _board(
    members: Sequence[Run],
    elsewhere: Sequence[Run],
    metric: "Metric",
    seeds: Seeds,
    sha256: Callable[[Path], str | None],
) -> Board:
    from zoo.evaluate.ranked import ranked  # heavy

    record = members[0].record
    trained = [fold.train_tracks for r in members for fold in r.record.folds if fold.is_trained]
    learnt = sum(trained) / max(1, len(trained))
    entries: list[list[_Entry]] = []
    others: list[_Entry] = []  # without scores
    moved: set[int] = set()
    own_folders = {run.folder for run in members}
    for kind in by_seed([*members, *elsewhere]):
        is_here = [run.folder in own_folders for run in kind]
        found = [_entry(run, kind, learnt, sha256) for run in compress(kind, is_here)]
        if found:
            moved |= {run.record.seed for run in kind if run.folder not in own_folders}
        scored = [entry for entry in found if entry.answers is not None]
        others += [entry for entry in found if entry.answers is None]
        apart = [[entry] for entry in scored]
        entries += apart if seeds == "apart" else [scored] * bool(scored)
    rows, baseline = [_averaged(scored) for scored in entries], None
    if rows:
        answers = [[own.scored for _, own in _answered(scored)] for scored in entries]
        metric, rows, baseline = ranked(rows, answers, learnt, metric)
    rows += [entry.row for entry in others]
    entries += [[entry] for entry in others]
    # The run that stands for its row comes first.
    runs_of = [
        [entry.run for entry in sorted(own, key=lambda entry: entry.row.status != "complete")]
        for own in entries
    ]
    names = row_names(runs_of, [len(row.all_seeds) for row in rows])
    rows = [replace(row, name=name) for row, name in zip(rows, names, strict=True)]
    used = record.used
    readings = {r.record.dataset.reading.said if r.record.dataset.reading else "" for r in members}
    last = max((run.record.finished or run.record.started or "")[:10] for run in members)
    answered = one_per_split(_answered(chain.from_iterable(entries)))
    audits = [run.record.audit for run in [run for run, _ in answered] or members]
    known = [audit for audit in audits if audit]
    is_leaky = leaks(record.audit)
    whole = tested(answered)
    marks = [last and f"last run {last}", f"fingerprint {used[:8]}"]
    marks += [f"with{'out' * (not is_leaky)} leakage"] * bool(elsewhere)
    return Board(
        dataset=record.dataset.name,
        fingerprint=used,
        protocol=record.protocol.spec,
        grouped=record.protocol.grouped,
        audit=summary(*(known if answered else known[:1])) if known else None,
        rows=tuple(sorted(rows, key=partial(_order, metric))),
        by=metric.name,
        baseline=baseline,
        left_out=max(len(run.record.skipped) for run in members),
        selection=record.dataset.selection or "",
        read=readings.pop() if len(readings) == 1 else "",
        sources=tuple(sorted({run.record.dataset.source for run in members})),
        places=tuple(sorted({r.record.dataset.place for r in members if r.record.dataset.place})),
        mark=", ".join(filter(None, marks)),
        copies=next((text for run in members if (text := run.record.dataset.copies)), ""),
        elsewhere=elsewhere_sentence(sorted(moved), is_leaky),
        tracks=whole["tracks"] or None,
        groups=whole["groups"] or None,
    )


class _Entry(NamedTuple):
    """A run of a board, its row, and its answers if it has scores."""

    run: Run
    row: Row
    answers: "Predictions | None"


def _answered(entries: Iterable[_Entry]) -> list[tuple[Run, "Predictions"]]:
    """Return the runs with scores, and their answers."""
    return [(entry.run, entry.answers) for entry in entries if entry.answers is not None]


def _averaged(scored: Sequence[_Entry]) -> Row:
    """Return the row of runs that differ in nothing but the seed."""
    return replace(averaged([entry.row for entry in scored]), **tested(_answered(scored)))


def _entry(
    run: Run, kind: Sequence[Run], learnt: float, sha256: Callable[[Path], str | None]
) -> _Entry:
    lost = run.damaged(sha256) if run.is_scored else []
    answers = figures = None
    if run.is_scored and PREDICTIONS not in lost:
        with suppress(RunError):
            whole = run.predictions()
            figures = _answers(run, whole, learnt)
            answers = whole
    seeds = tuple(each.record.seed for each in kind)
    return _Entry(run, replace(_row(run, figures, lost), all_seeds=seeds), answers)


def _order(metric: "Metric", row: Row) -> tuple[bool, float, float, float, str, str]:
    score = getattr(row, metric.key)
    known = math.inf if score is None else score if metric.is_loss else -score
    return row.rank is None, known, -(row.accuracy or 0), -(row.macro_f1 or 0), row.model, row.run


def _answers(run: Run, whole: "Predictions", learnt: float) -> dict[str, Any]:
    """Return what the row of a run says of the tested tracks, apart from most metrics."""
    from zoo.evaluate.metrics import score
    from zoo.evaluate.origins import origin_sentence
    from zoo.evaluate.rejection import rejection
    from zoo.evaluate.robustness import failed_changes
    from zoo.evaluate.robustness import summary as robustness

    own = whole.scored
    scores = score(own)
    found = asdict(scores) | {
        "seed_accuracy": (scores.accuracy,),
        "by_origin": origin_sentence(run, own, learnt),
    }
    if other := rejection(whole):
        found["other_rejected"] = other.share
    with suppress(RunError):  # it is damaged, and the row says so
        changed = run.robustness()
        found["failed_changes"] = failed_changes(run.record.robustness, changed)
        found |= robustness(changed, own) if changed else {}
    return found


def _row(run: Run, figures: dict[str, Any] | None, lost: Sequence[str] = ()) -> Row:
    record = run.record
    status: str = record.status
    error = run.lack if status == "no artefact" else record.error
    if lost or (run.is_scored and figures is None):
        status, error = "damaged", run.damage(lost or [PREDICTIONS])
    timed = [entry for entry in record.folds if entry.is_trained]
    tested = sum(entry.test_tracks for entry in timed)
    milliseconds = 1000 * sum(entry.predict_seconds or 0 for entry in timed)
    return Row(
        model=record.model.name,
        run=run.id,
        status=status,
        train_seconds=sum(e.train_seconds or 0 for e in timed) / len(timed) if timed else None,
        predict_ms_per_track=milliseconds / tested if tested else None,
        artefact_bytes=record.artefact.bytes,
        title=record.title,
        params=record.params,
        seed=record.seed,
        seeds=(record.seed,),
        runs=(run.id,),
        error=error,
        tuned=record.tuned is not None,
        frontend=record.frontend_spec,
        frontend_given=record.title != record.model.title,
        frontend_origin=record.frontend_plugin.origin if record.frontend_plugin else "",
        trained_on=tuple(record.trained_on),
        **figures or {},
    )
