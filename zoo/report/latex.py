"""Boards as LaTeX, for a page of a thesis or a paper."""

import re
from collections.abc import Sequence

from zoo.evaluate.board import TITLES, Board, score_text
from zoo.report.ranking import interval_cell, p_cell, rank_cell, score_cell
from zoo.report.tables import caption, model_name, with_spread
from zoo_registry.text import shown

__all__ = ["boards_latex"]

_SIGNS = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$",
    "†": r"$\dagger$",
}  # fmt: skip


def boards_latex(boards: Sequence[Board]) -> str:
    """Return a table of the package booktabs per board, with the columns that fit a page.

    Parameters
    ----------
    boards : sequence of Board
        The boards; rows without a score are left out.
    """
    return "\n".join(["% \\usepackage{booktabs}", *map(_table, boards)])


def _table(board: Board) -> str:
    by = [TITLES[board.by]] * (board.by != "accuracy")
    lines = [["rank", "model", *by, "accuracy", "95 % interval", "p", "macro F1"]]
    for row in board.rows:
        if row.rank is not None:
            name = model_name(row, board.name(row))
            lines.append([
                rank_cell(row), name, *[score_cell(row, board)] * len(by),
                with_spread(row), interval_cell(row, board), p_cell(row), score_text(row.macro_f1),
            ])  # fmt: skip
    head, *body = (" & ".join(map(_cell, line)) + r" \\" for line in lines)
    kinds = "rl" + "r" * (len(lines[0]) - 2)
    parts = [rf"\begin{{tabular}}{{{kinds}}}", r"  \toprule", f"  {head}", r"  \midrule"]
    parts += [f"  {line}" for line in body]
    above = [f"% {shown(line)}" for line in caption(board)]
    return "\n".join([*above, *parts, r"  \bottomrule", r"\end{tabular}", ""])


def _cell(text: str) -> str:
    """Return a cell with special signs escaped, and a dash between the ends of a range."""
    escaped = re.sub(r"[\\~^<>|±†&%$#_{}]", lambda m: _SIGNS.get(m[0], "\\" + m[0]), shown(text))
    return (
        re.sub(r"(?<=\d)-(?=[.\d])", "--", escaped)
        if re.fullmatch(r"[.\d]+-[.\d]+", text)
        else escaped
    )
