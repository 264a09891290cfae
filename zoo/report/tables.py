"""Boards as Markdown and CSV. The same runs give the same bytes."""

import re
from collections.abc import Collection, Sequence
from dataclasses import astuple, fields
from math import isfinite
from typing import Any

from zoo.evaluate.board import (
    TITLES,
    Board,
    Difference,
    Row,
    failure_sentences,
    metric_key,
    score_text,
)
from zoo.report.ranking import interval_cell, p_cell, rank_cell, ranking, score_cell
from zoo_registry.predictions import OTHER
from zoo_registry.text import csv_text, few, shown, table_cell

__all__ = [
    "MARK",
    "as_html",
    "audit_sentences",
    "board_markdown",
    "boards_csv",
    "caption",
    "differences_csv",
    "differences_markdown",
    "explanations",
    "heading",
    "is_repeated",
    "markdown_table",
    "model_name",
    "notes",
    "problems",
    "with_spread",
    "worst_cell",
    "worst_changes",
]

MARK = "†"  # follows the name of a model whose score is too high

_FEW = 30  # groups, of which the interval is wide
_ALIKE = 3  # rows with the same problem that are named

_NESTED = {"by_origin", "title", "params", "by_change", "failed_changes", "intervals"}
_INTERVALS = [metric_key(name) for name in TITLES if name != "accuracy"]  # its ends are fields
_ROW_FIELDS = [item.name for item in fields(Row) if item.name not in _NESTED]
_DIFFERENCE_FIELDS = [item.name for item in fields(Difference)]


def heading(board: Board) -> str:
    """Return the line above a board."""
    tracks = _tracks(board)
    split = "" if board.grouped else ", split by track (--ungrouped)"
    tested = f", {tracks} tracks" if tracks else ""
    left_out = f", {board.left_out} left out" if board.left_out else ""
    mark = f", {board.mark}" if board.mark else ""
    return f"{board.title}, {board.protocol}{split}{tested}{left_out}{mark}"


def caption(board: Board) -> list[str]:
    """Return what belongs to the figures of a board wherever they go: its heading, and warnings.

    The warnings are of scores that are too high.

    Parameters
    ----------
    board : Board
        A board.
    """
    failed = audit_sentences(board.audit, is_repeated(board))[
        : bool(board.audit and board.audit["any"])
    ]
    return [heading(board), *failed, *_on_tuning(board)]


def _tracks(board: Board) -> int:
    """Return the number of tracks that any run has tested."""
    return board.tracks or max((row.tracks or 0 for row in board.rows), default=0)


def audit_sentences(audit: dict[str, Any] | None, repeated: bool = False) -> list[str]:
    """Return the result of the leakage check in sentences, the most serious first.

    Parameters
    ----------
    audit : dict, optional
        Result of `zoo.evaluate.audit.summary`, if there is one.
    repeated : bool
        Whether tracks are tested several times; each test counts then.
    """
    if audit is None:
        return ["No leakage check is recorded."]
    shared, conflicts = audit["any"], audit["conflicts"]
    tested = f"{audit['tested']} {'tests of a track' if repeated else 'tested tracks'}"
    if shared:
        first = (
            f"Leakage check failed: {shared} of {tested} ({audit['share']:.0%}) are not new to "
            f"their model: {audit['group']} share a group, {audit['recording']} a "
            f"recording, {audit['duplicate']} are exact duplicates. These scores are too high."
        )
    elif audit["known"]:
        first = (
            f"Leakage check passed: none of {tested} shares a group, recording or file with "
            "training, as far as these are known."
        )
    else:
        first = (
            f"Leakage check passed: none of {tested} is a duplicate of a training track; "
            "nothing is known of artists."
        )
    sentences = [first]
    if audit["missing"]:
        sentences.append(f"Not in every training part: {', '.join(audit['missing'])}.")
    if conflicts:
        stand = "recording stands" if conflicts == 1 else "recordings stand"
        sentences.append(f"{conflicts} {stand} under two labels; `zoo data check` names the files.")
    return sentences


def is_repeated(board: Board) -> bool:
    """Return whether there are several splits, of a protocol or its seeds, that test tracks."""
    is_repeated = re.fullmatch(r"(kfold|holdout):[\d.]+x\d+", board.protocol) is not None
    return is_repeated or bool(board.audit and board.audit.get("splits", 1) > 1)


def explanations(board: Board, left_out: Collection[str] = ()) -> list[str]:
    """Return sentences on columns: robustness, how an empty one is filled in, and seeds.

    Parameters
    ----------
    board : Board
        A board.
    left_out : collection of str
        Columns that are not shown, which need no words.
    """
    rows = [row for row in board.rows if row.by_change]
    words = {}
    if rows:
        tie = "; = others are as low" if any(len(worst_changes(row)) > 1 for row in rows) else ""
        words = {
            "robustness": "mean share right of tracks with everyday changes",
            "worst change": f"the one with the lowest share{tie}",
        }
    told = [f"{name}: {text}" for name, text in words.items() if name not in left_out]
    sentences = ["; ".join(told) + "."] * bool(told)
    encoders = [
        row for row in board.rows if row.rank and row.frontend_given and row.robustness is None
    ]
    if "robustness" not in left_out and any(not row.failed_changes for row in encoders):
        same = "the same `zoo train` command with --robustness 100"
        sentences.append(
            f"robustness -: not tested on changed tracks; {same} fills it in."
            if any(row.robustness is not None for row in board.rows)
            else f"Not tested on changed tracks; {same} does it and adds the column robustness."
        )
    if any(row.spread is not None for row in board.rows):
        sentences.append(
            "Figures of several seeds are means over them."
            if "accuracy" in left_out
            else "±: standard deviation of the accuracy over the seeds; all figures are means over "
            "them."
        )
    return sentences


def worst_changes(row: Row) -> list[str]:
    """Return the changes with the lowest share right, several if they have the same."""
    return [name for name, share in row.by_change.items() if share == row.worst_robustness]


def worst_cell(row: Row) -> str:
    """Return the lowest share with its change; "=" marks that others are as low."""
    if row.worst_change is None:
        return ""
    tie = "=" * (len(worst_changes(row)) > 1)
    return f"{score_text(row.worst_robustness)} {row.worst_change}{tie}"


def notes(board: Board) -> list[str]:
    """Return all sentences below a board but those of its audit."""
    seen = [sentence for row in board.rows for sentence in row.trained_on]
    return [
        *filter(None, (board.copies, board.elsewhere)), *_on_origins(board), *_on_few(board),
        *dict.fromkeys(seen),
        *_on_tuning(board), *_on_others(board), *_on_robustness(board),
    ]  # fmt: skip


def _on_origins(board: Board) -> list[str]:
    """Return the scores of the user's classes and of those that were kept, for each run."""
    return [f"{row.run}, {row.by_origin}." for row in board.rows if row.by_origin]


def _on_few(board: Board) -> list[str]:
    """Return how to read scores of few tracks."""
    tested = [(row.groups, row.tracks or 0) for row in board.rows if row.groups]
    groups, tracks = max(tested, default=(_FEW, 0))
    if groups >= _FEW:
        return []
    of = f" of {groups} group{'s' * (groups != 1)}" if groups < tracks else ""
    were = "were tested"
    if tracks < _tracks(board):  # each run has one seed, which decides what is tested
        were = "at most were tested by one run"
    elif is_repeated(board) and board.audit:
        were += f" in {board.audit['tested']} tests, some in several"
    return [
        f"{tracks} tracks{of} {were}. With so few, read the interval and not the accuracy: of "
        "other recordings the share right may be anywhere within it."
    ]


def _on_tuning(board: Board) -> list[str]:
    """Return a warning for each row whose parameter search has seen test tracks."""
    return [
        f"{MARK} The parameters of {board.name(row)} were tuned on {row.tuned_on_test} of the "
        f"{row.tracks} tracks it is tested on. This score is too high; --nested gives an unbiased "
        "one."
        for row in board.rows
        if row.tuned_on_test
    ]


def _on_others(board: Board) -> list[str]:
    """Return what the models do with tracks of none of the classes, if the data have any."""
    rows = [row for row in board.rows if row.other_tracks]
    if not rows:
        return []
    shares = ", ".join(f"{board.name(row)} {score_text(row.other_rejected)}" for row in rows)
    return [
        f"{max(row.other_tracks or 0 for row in rows)} tracks of {OTHER} were trained against and "
        f"are not scored. Share of them that is rightly assigned to no class: {shares}."
    ]


def _on_robustness(board: Board) -> list[str]:
    """Return what the mean over the changes does not tell, such as constant answers."""
    sentences = [
        f"{board.name(row)} gives all tracks changed by {' or '.join(row.same_answer)} the same "
        f"answer{' with some seed' * bool(row.seeds[1:])}."
        for row in board.rows
        if row.same_answer
    ]
    sentences += [
        f"{board.name(row)}, {sentence}."
        for row in board.rows
        for sentence in failure_sentences(row.failed_changes)
    ]
    asked = {(row.robustness_tracks, *sorted(row.by_change)) for row in board.rows if row.by_change}
    if len(asked) > 1:
        sentences.append(
            "The runs were not all tested on the same changed tracks, so that their robustness "
            "cannot be compared; the same --robustness for all makes it comparable."
        )
    return sentences


def board_markdown(board: Board) -> str:
    """Return a heading, a Markdown table of the board, and the sentences of the audit."""
    by = [TITLES[board.by]] * (board.by != "accuracy")
    names = ["rank", "model", *by, "accuracy", "robustness", "worst change", "95 % interval", "p"]
    lines = [[*names, "mean prob.", "macro F1", "train s"]]
    lines += [_cells(board, row) for row in board.rows]
    kept = [n for n, column in enumerate(zip(*lines[1:], strict=True)) if {*column} - {"", "-"}]
    lines = [[line[number] for number in kept] for line in lines]
    below = " ".join(
        [
            *ranking(board),
            *explanations(board),
            *audit_sentences(board.audit, is_repeated(board)),
            *notes(board),
        ]
    )
    return f"**{shown(heading(board))}**\n\n{markdown_table(lines)}\n{shown(below)}\n"


def model_name(row: Row, name: str) -> str:
    """Return the name of a row, with its marks."""
    marks = MARK * bool(row.tuned_on_test)
    return name + marks + f" ({row.status})" * (row.status != "complete")


def with_spread(row: Row) -> str:
    """Return the accuracy of a row, and its spread if there are several seeds."""
    spread = "" if row.spread is None else f" ± {score_text(row.spread)}"
    return score_text(row.accuracy) + spread


def problems(rows: Sequence[Row]) -> list[str]:
    """Return a sentence for each row that has an error, one for many that have the same."""
    alike: dict[str, list[Row]] = {}
    for row in rows:
        if row.problem:
            alike.setdefault(row.problem.replace(row.run, ""), []).append(row)
    sentences = []
    for same in alike.values():
        problem = same[0].problem
        if len(same) > _ALIKE:
            names = few([row.run for row in same], _ALIKE)
            problem = f"{len(same)} runs have the same problem ({names}); the first: {problem}"
            sentences.append(problem)
        else:
            sentences += [row.problem for row in same]
    return sentences


def _cells(board: Board, row: Row) -> list[str]:
    name, others = board.name(row), board.by != "accuracy"
    if row.rank is None:
        return ["", model_name(row, name), *[""] * (8 + others)]
    return [
        rank_cell(row),
        model_name(row, name),
        *[score_cell(row, board)] * others,
        with_spread(row),
        score_text(row.robustness) or "-",
        worst_cell(row) or "-",
        interval_cell(row, board),
        p_cell(row),
        score_text(row.accuracy_mean),
        score_text(row.macro_f1),
        f"{row.train_seconds or 0:.1f}",
    ]


def as_html(markdown: str) -> str:
    """Return Markdown of this module as a fragment of HTML."""
    from markdown_it import MarkdownIt

    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown))


def boards_csv(boards: Sequence[Board]) -> str:
    """Return all boards as one CSV table with one row per run; lists are joined by semicolons."""
    ends = [f"{key}_{end}" for key in _INTERVALS for end in ("low", "high")]
    names = ["dataset", "fingerprint", "protocol", "grouped", *_ROW_FIELDS, *ends]
    lines: list[Sequence[Any]] = [names]
    for board in boards:
        for row in board.rows:
            values = vars(row) | {"name": board.name(row)}
            cells = [values[name] for name in _ROW_FIELDS]
            lines.append(
                [board.dataset, board.fingerprint, board.protocol, board.grouped]
                + [";".join(map(str, cell)) if isinstance(cell, tuple) else cell for cell in cells]
                + [
                    end if end is not None and isfinite(end) else None
                    for key in _INTERVALS
                    for end in row.intervals.get(key, (None, None))
                ]
            )
    return csv_text(lines)


def differences_markdown(differences: Sequence[Difference]) -> str:
    """Return grouped and ungrouped accuracies side by side, as a Markdown table."""
    lines = [_DIFFERENCE_FIELDS]
    for line in map(astuple, differences):
        lines.append([score_text(cell) if isinstance(cell, float) else str(cell) for cell in line])
    return markdown_table(lines)


def differences_csv(differences: Sequence[Difference]) -> str:
    """Return grouped and ungrouped accuracies side by side, as CSV."""
    return csv_text([_DIFFERENCE_FIELDS, *map(astuple, differences)])


def markdown_table(lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first line is its header."""
    ruled = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "".join("| " + " | ".join(map(table_cell, line)) + " |\n" for line in ruled)
