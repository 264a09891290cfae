"""The pages of ``zoo report``: one self-contained HTML file per board."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from zoo.evaluate.board import Board, Difference
from zoo.evaluate.leaderboard import leaderboard
from zoo.evaluate.reliability import calibration
from zoo.evaluate.robustness import by_change, change_sentences
from zoo.evaluate.side_by_side import side_by_side
from zoo.evaluate.size_curve import SizeCurve, size_curve
from zoo.evaluate.thresholds import thresholds
from zoo.execution.progress import Reporter
from zoo.report import figures
from zoo.report.board_table import board_table
from zoo.report.class_section import class_section
from zoo.report.error_section import error_section
from zoo.report.html import is_page, open_templates, signed
from zoo.report.importance import importance_section
from zoo.report.learning_curves import drawable, learning_curves
from zoo.report.ranking import ranking
from zoo.report.tables import (
    audit_sentences,
    caption,
    explanations,
    heading,
    is_repeated,
    notes,
    problems,
    worst_changes,
)
from zoo.workspace import file_name, runs
from zoo_registry.errors import RunError
from zoo_registry.files import check_replaceable, unwritable, write_text
from zoo_registry.runs import Run
from zoo_registry.text import shown

__all__ = ["boards_page", "differences_page", "write_report"]

_DETAILED = 24  # models below the table of the board: of more, figures and tables are no help

_COSTS = (
    ("train_seconds", "s", "training time", "the mean of the folds"),
    ("artefact_bytes", "B", "model size", "of the ONNX file"),
)


def write_report(
    folder: Path,
    data: str | None = None,
    protocol: str | None = None,
    reporter: Reporter | None = None,
    force: bool = False,
) -> list[Path]:
    """Write a page for every board of the workspace.

    Parameters
    ----------
    folder, data, protocol, reporter, force : Path, str, str, Reporter, bool
        As for `zoo.write_report`, but without a reporter nothing is shown; so are the errors.

    Returns
    -------
    list of Path
        The pages; if there are several boards, a page with links to them comes first.
    """
    reporter = reporter or Reporter()
    with reporter.bar("reading runs"):
        boards = leaderboard(data, protocol)
    pages = dict(zip(_file_names(boards), boards, strict=True))
    known = {run.id: run for run in runs() if isinstance(run, Run)}
    for name in [*pages, "index.html"] if len(pages) > 1 else pages:
        check_replaceable(folder / name, is_page, force)
    templates = open_templates()
    written = []
    try:
        with reporter.bar(f"writing {len(pages)} page{'s' * (len(pages) != 1)}", len(pages)) as bar:
            for done, (name, board) in enumerate(pages.items()):

                def progress(part: float, done: int = done, board: Board = board) -> None:
                    bar.update(done + part, shown(heading(board)))

                content = _board_page(board, boards, known, progress, data)
                written.append(folder / name)
                write_text(
                    written[-1], signed(templates.get_template("board.html").render(content))
                )
        if len(pages) > 1:
            written.insert(0, folder / "index.html")
            page = templates.get_template("index.html").render(pages=pages)
            write_text(written[0], signed(page))
    except OSError as error:
        path = error.filename or folder
        raise RunError(unwritable(path, error, "give another folder")) from error
    return written


def _file_names(boards: Sequence[Board]) -> list[str]:
    """Return a file name for each board; the same workspace gives the same names."""
    plain = [
        file_name(f"{board.dataset}-{board.protocol}{'' if board.grouped else '-ungrouped'}")
        for board in boards
    ]
    # Boards of one name differ in their tracks, or in the result of the audit.
    counts = Counter(map(str.casefold, plain))
    return [
        f"{name}-{number}.html" if counts[name.casefold()] > 1 else f"{name}.html"
        for number, name in enumerate(plain, start=1)
    ]


def _size_curve(run: Run) -> SizeCurve | None:
    """Return the curve of a run, None without one, or if its file is damaged: its row says so."""
    try:
        return size_curve(run)
    except RunError:
        return None


def _board_page(
    board: Board,
    boards: Sequence[Board],
    known: Mapping[str, Run],
    progress: Callable[[float], None],
    data: str | None,
) -> dict[str, Any]:
    """Return the variables of ``board.html``."""
    scored = [row for row in board.rows if row.rank is not None and row.run in known]
    ranked = scored[:_DETAILED]
    predictions = {row.run: known[row.run].predictions().scored for row in ranked}
    titles = {row.run: board.name(row) for row in board.rows}
    # What is of one run of several names its seed.
    names = {
        row.run: titles[row.run] + f", seed {row.seed}" * bool(row.seeds[1:]) for row in board.rows
    }
    changes = {
        row.run: {each.change: each for each in by_change(changed, predictions[row.run])}
        for row in ranked
        if row.robustness is not None and (changed := known[row.run].robustness())
    }
    explained: dict[str, str] = {}
    for run in changes:
        explained |= change_sentences(known[run].record.robustness)
    identity = attrgetter("dataset", "protocol", "fingerprint")
    differences = side_by_side([other for other in boards if identity(other) == identity(board)])
    sized = [curve for row in ranked if (curve := _size_curve(known[row.run]))]
    content: dict[str, Any] = {
        "board": board,
        "heading": heading(board),
        "caption": "\n".join(map(shown, caption(board))),
        "table": board_table(board),
        "names": names,
        "titles": titles,
        "ranked": ranked,
        "count": len(scored),
        "runs": [known[run] for row in board.rows for run in row.runs if run in known],
        "audit": audit_sentences(board.audit, is_repeated(board)),
        "explanations": [*ranking(board), *explanations(board)],
        "warnings": [*notes(board), *problems(scored)],
        "worst_changes": worst_changes,
        "changes": changes,
        "change_names": list(dict.fromkeys(name for scores in changes.values() for name in scores)),
        "explained": explained,
        "differences": differences,
        "errors": None,
        "intervals": figures.intervals(ranked, titles) if ranked else None,
        "slopes": figures.slopes(differences) if differences else None,
        "trade_offs": [
            figures.trade_off(ranked, titles, *cost)
            for cost in _COSTS
            if any(getattr(row, cost[0]) for row in ranked)
        ],
        "reliability_diagrams": [
            figures.reliability(names[run], calibration(given))
            for run, given in predictions.items()
        ],
        "coverage": [
            figures.coverage(names[run], thresholds(given)) for run, given in predictions.items()
        ],
        **importance_section([known[row.run] for row in ranked], names),
        "size_curves": sized,
        "size_figure": figures.size_curves(sized, names) if sized else None,
        "learning_curves": [
            learning_curves(names[row.run], curves, known[row.run].record.params)
            for row in ranked
            if (curves := drawable(fold.curve for fold in known[row.run].record.folds))
        ],
    }
    progress(0.3)
    if predictions:
        content |= error_section(predictions, known, names, progress, data)
        accuracies = {row.run: row.accuracy for row in ranked}
        content |= class_section(predictions, accuracies, content["errors"], names)
    return content | {"sections": _sections(content)}


def _sections(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return id and title of each section of a page of a board, for its menu."""
    has_errors = bool(content["errors"])
    titles = {
        "board": ("Board", True),
        "confusion": ("Confusion", has_errors),
        "classes": ("F1", has_errors),
        "errors": ("Errors", has_errors),
        "map": ("Map", has_errors and content["map"]),
        "doubts": ("Labels in doubt", has_errors),
        "apart": ("Differences", has_errors),
        "robustness": ("Robustness", content["changes"]),
        "honesty": ("Leakage", True),
        "calibration": ("Calibration", has_errors),
        "curves": ("Learning curves", has_errors),
        "importance": (
            "Importance", has_errors and (content["importance"] or content["importance_lacks"])
        ),
        "sizes": ("Training size", has_errors and content["size_figure"]),
        "cost": ("Cost", has_errors),
        "runs": ("Runs", True),
    }  # fmt: skip
    return [(name, title) for name, (title, is_there) in titles.items() if is_there]


def boards_page(boards: Sequence[Board]) -> str:
    """Return a page with the tables of boards, and what is said below them."""
    items = [
        {
            "heading": heading(board),
            "caption": "\n".join(map(shown, caption(board))),
            "table": board_table(board),
            "explanations": [*ranking(board), *explanations(board)],
            "audit": audit_sentences(board.audit, is_repeated(board)),
            "warnings": [*notes(board), *problems(board.rows)],
        }
        for board in boards
    ]
    sections = [(f"board-{n}", item["heading"]) for n, item in enumerate(items, start=1)]
    page = open_templates().get_template("leaderboard.html")
    return signed(page.render(boards=items, sections=sections))


def differences_page(differences: Sequence[Difference]) -> str:
    """Return a page with grouped and ungrouped accuracies side by side."""
    page = open_templates().get_template("differences.html")
    return signed(page.render(differences=differences))
