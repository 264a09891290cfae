"""Boards as Markdown and CSV, the same bytes for the same runs."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from typing import Any

from zoo.evaluate.leaderboard import Board, Difference, Row
from zoo_registry.text import shown, table_cell

__all__ = [
    "MARK",
    "as_html",
    "audit_sentences",
    "board_markdown",
    "boards_csv",
    "differences_csv",
    "differences_markdown",
    "heading",
    "tuning_sentences",
]

MARK = "†"  # behind the name of a model whose score flatters

_ROW_FIELDS = [item.name for item in fields(Row) if item.name not in {"title", "params"}]


def heading(board: Board) -> str:
    """Return the line above a board."""
    tracks = max((row.tracks or 0 for row in board.rows), default=0)
    split = "" if board.grouped else ", split by track (--ungrouped)"
    tested = f", {tracks} tracks" if tracks else ""
    return f"{board.dataset}, {board.protocol}{split}{tested}"


def audit_sentences(audit: dict[str, Any] | None) -> list[str]:
    """Return what the audit found, in sentences, the gravest first."""
    if audit is None:
        return ["Audit: none recorded."]
    tested, shared = audit["tested"], audit["any"]
    if shared:
        kinds = (
            f"{audit['group']} share a group (artist), {audit['recording']} a recording, "
            f"{audit['duplicate']} are exact duplicates"
        )
        first = (
            f"Audit: {shared} of {tested} tested tracks ({audit['share']:.0%}) are not new to "
            f"their model: {kinds}. These scores flatter."
        )
    elif audit["known"]:
        first = f"Audit: none of {tested} tested tracks shares anything known with training."
    else:
        first = (
            f"Audit: none of {tested} tested tracks is a duplicate of a training track; "
            "nothing is known of artists."
        )
    sentences = [first]
    if audit["missing"]:
        sentences.append(f"Not in every training part: {', '.join(audit['missing'])}.")
    if audit["conflicts"]:
        one = audit["conflicts"] == 1
        sentences.append(
            f"{audit['conflicts']} recording{'' if one else 's'} stand{'s' if one else ''} "
            "under two labels."
        )
    return sentences


def tuning_sentences(board: Board) -> list[str]:
    """Return what is to be said of rows whose parameters were found by a search."""
    return [
        f"{MARK} The parameters of {row.run} were tuned on {row.tuned_on_test} of the "
        f"{row.tracks} tracks it is tested on. This score flatters; --nested gives an honest one."
        for row in board.rows
        if row.tuned_on_test
    ]


def board_markdown(board: Board) -> str:
    """Return a board as a Markdown table under its heading, the audit below."""
    lines = [
        ["rank", "model", "accuracy", "95 % interval", "p", "mean prob.", "macro F1", "train s"]
    ]
    for row in board.rows:
        if row.rank is None:
            lines.append(["", f"{row.model} ({row.status})", *[""] * 6])
            continue
        lines.append(
            [
                f"{row.rank}{'=' if row.tied_with else ''}",
                row.model + MARK * bool(row.tuned_on_test),
                f"{row.accuracy:.3f}",
                f"{row.ci_low:.3f}-{row.ci_high:.3f}",
                "" if row.p_above is None else f"{row.p_above:.2g}",
                f"{row.accuracy_mean:.3f}",
                f"{row.macro_f1:.3f}",
                f"{row.train_seconds or 0:.1f}",
            ]
        )
    audit = " ".join([*audit_sentences(board.audit), *tuning_sentences(board)])
    return f"**{shown(heading(board))}**\n\n{_markdown(lines)}\n{shown(audit)}\n"


def as_html(markdown: str) -> str:
    """Return Markdown of this module as HTML, to be put into a page."""
    from markdown_it import MarkdownIt

    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown))


def boards_csv(boards: Sequence[Board]) -> str:
    """Return all boards as one CSV table, a row a run, lists joined by semicolons."""
    lines: list[list[Any]] = [["dataset", "fingerprint", "protocol", "grouped", *_ROW_FIELDS]]
    for board in boards:
        for row in board.rows:
            cells = (getattr(row, name) for name in _ROW_FIELDS)
            lines.append(
                [board.dataset, board.fingerprint, board.protocol, board.grouped]
                + [";".join(map(str, cell)) if isinstance(cell, tuple) else cell for cell in cells]
            )
    return _csv(lines)


def differences_markdown(differences: Sequence[Difference]) -> str:
    """Return grouped beside ungrouped accuracies as a Markdown table."""
    lines = [[item.name for item in fields(Difference)]]
    for line in map(astuple, differences):
        lines.append([f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in line])
    return _markdown(lines)


def differences_csv(differences: Sequence[Difference]) -> str:
    """Return grouped beside ungrouped accuracies as CSV."""
    return _csv([[item.name for item in fields(Difference)], *map(list, map(astuple, differences))])


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table of which the first line is the header."""
    ruled = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "".join("| " + " | ".join(map(table_cell, line)) + " |\n" for line in ruled)


def _csv(lines: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue()
