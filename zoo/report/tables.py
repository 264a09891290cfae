"""Boards as Markdown and CSV, the same bytes for the same runs."""

import csv
import io
from collections.abc import Sequence
from dataclasses import fields

from zoo.evaluate.leaderboard import Board, Row

__all__ = ["board_markdown", "boards_csv", "heading"]

_ROW_FIELDS = [item.name for item in fields(Row) if item.name not in ("title", "params")]


def heading(board: Board) -> str:
    """Return the line above a board."""
    tracks = max((row.tracks or 0 for row in board.rows), default=0)
    split = "" if board.grouped else ", split by track (--ungrouped)"
    tested = f", {tracks} tracks" if tracks else ""
    return f"{board.dataset}, {board.protocol}{split}{tested}"


def board_markdown(board: Board) -> str:
    """Return a board as a Markdown table under its heading."""
    lines = [
        f"**{heading(board)}**",
        "",
        "| rank | model | accuracy | 95 % interval | mean prob. | macro F1 | train s |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in board.rows:
        if row.rank is None:
            lines.append(f"| | {row.model} ({row.status}) | | | | | |")
            continue
        rank = f"{row.rank}{'=' if row.tied_with else ''}"
        lines.append(
            f"| {rank} | {row.model} | {row.accuracy:.3f} | {row.ci_low:.3f}-{row.ci_high:.3f} "
            f"| {row.accuracy_mean:.3f} | {row.macro_f1:.3f} | {row.train_seconds or 0:.1f} |"
        )
    return "\n".join(lines) + "\n"


def boards_csv(boards: Sequence[Board]) -> str:
    """Return all boards as one CSV table, a row a run, lists joined by semicolons."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["dataset", "fingerprint", "protocol", "grouped", *_ROW_FIELDS])
    for board in boards:
        for row in board.rows:
            cells = (getattr(row, name) for name in _ROW_FIELDS)
            writer.writerow(
                [board.dataset, board.fingerprint, board.protocol, board.grouped]
                + [";".join(map(str, cell)) if isinstance(cell, tuple) else cell for cell in cells]
            )
    return out.getvalue()
