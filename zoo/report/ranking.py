"""What a board says of ranks: the cells of a row, and the sentences below."""

import re
from collections.abc import Collection

from zoo.evaluate.board import TITLES, Board, Row, p_text, score_text
from zoo.evaluate.comparison import limits
from zoo_registry.text import few, quoted

__all__ = ["interval_cell", "p_cell", "rank_cell", "ranking", "score_cell"]

_NAMED = 5  # models in a sentence
_ROUNDING = 1e-9  # a score that is lower by less is the same


def rank_cell(row: Row) -> str:
    """Return the ranks that the data allow, such as "1-3"."""
    low, high = row.rank_low, row.rank_high
    return f"{low}" if low == high else f"{low}-{high}"


def score_cell(row: Row, board: Board) -> str:
    """Return the metric that ranks a row."""
    score = getattr(row, board.key)
    return score_text(score)


def interval_cell(row: Row, board: Board) -> str:
    """Return the interval of the metric that ranks a row; one group may tell nothing of a loss.

    Parameters
    ----------
    row : Row
        A row with scores.
    board : Board
        Its board.
    """
    ends = row.intervals[board.key]
    return limits(*ends, score_text, "-")


def p_cell(row: Row) -> str:
    """Return the p-value of a row with three digits, empty for the best."""
    return p_text(row.p)


def ranking(board: Board, left_out: Collection[str] = ()) -> list[str]:
    """Return in words which model is the best, and what needs no model at all.

    Parameters
    ----------
    board : Board
        A board.
    left_out : collection of str
        Columns that are not shown, which need no words.
    """
    rows = [row for row in board.rows if row.rank]
    sentences = []
    if len(rows) > 1:
        sentences.append(_best(board, rows))
        words = {"rank": "range of places that the data allow (95 %)"}
        if any(row.p is not None for row in rows):
            words["p"] = (
                "probability that chance alone makes a difference this large from a better model; "
                "below .05 the difference is significant"
            )
        told = [f"{name}: {text}." for name, text in words.items() if name not in left_out]
        sentences += [" ".join(told)] * bool(told)
        sentences += _on_seeds(board, rows)
    return sentences + _baseline(board, rows)


def _best(board: Board, rows: list[Row]) -> str:
    """Return which models may be the best."""
    by = "" if board.by == "accuracy" else f" by {TITLES[board.by]}"
    leading = [row for row in rows if row.rank_low == 1]
    others = [row for row in rows if row.rank_low != 1]
    named = few([board.name(row) for row in leading], _NAMED)
    if len(leading) == len(rows):
        return f"These tracks do not tell which of the {len(rows)} models is the best{by}."
    if len(leading) > 1:
        return (
            f"The best{by} is one of {len(leading)}, and these tracks do not tell which: {named}. "
            + (
                f"{board.name(others[0])} is significantly worse than at least one of them."
                if len(others) == 1
                else "Each of the others is significantly worse than at least one model above it."
            )
        )
    than = "each of the others" if leading[0].rank_high == 1 else "some of the others"
    if len(others) == 1:
        than = board.name(others[0])
    return f"The best{by} is {named}, which is significantly better than {than}."


def _on_seeds(board: Board, rows: list[Row]) -> list[str]:
    """Return that rows have different seeds, and so different splits; empty if all have the same.

    The seeds of most rows come last.
    """
    of_seeds: dict[tuple[int, ...], list[Row]] = {}
    for row in rows:
        of_seeds.setdefault(row.seeds or (row.seed,), []).append(row)
    if len(of_seeds) == 1:
        return []
    is_split = re.match("(kfold|holdout):", board.protocol) is not None
    cause = "the split" if is_split else "the seed"
    of_split = ", and every seed has its own split" * is_split
    if all(len(seeds) == 1 for seeds in of_seeds):
        return [f"The rows are of different seeds{of_split}: scores also differ by {cause}."]
    ordered = sorted(of_seeds.items(), key=lambda pair: len(pair[1]))
    parts = []
    for number, (seeds, own) in enumerate(ordered, 1):
        names = [board.name(row) if len(seeds) == 1 else row.model for row in own]
        is_rest = number == len(ordered) and len(own) > 1
        kind = f"seed {seeds[0]} alone" if len(seeds) == 1 else f"{len(seeds)} seeds"
        verb = ("are of", "are means over") if len(own) > 1 else ("is of", "is the mean over")
        who = "the others" if is_rest else few(list(dict.fromkeys(names)), _NAMED)
        parts.append(f"{who} {verb[len(seeds) > 1]} {kind}")
    return [
        f"{'; '.join(parts)}{of_split}. So scores also differ by {cause}; `--seeds apart` shows "
        "each run."
    ]


def _baseline(board: Board, rows: list[Row]) -> list[str]:
    """Return what answers that hear nothing reach."""
    if not board.baseline:
        return []
    always, guess = board.baseline["most_frequent"], board.baseline["stratified"]
    found = {f"always answering {quoted(always['label'])} gives": always.get(board.key)}
    if board.key == "log_loss":
        found["the shares of the classes as probabilities give"] = guess[board.key]
    else:
        found["a guess by the shares of the classes"] = guess.get(board.key)
    known = {what: value for what, value in found.items() if value is not None}
    if not known:
        return []
    reached = ", ".join(f"{what} {score_text(value)}" for what, value in known.items())
    sign = -1 if board.key == "log_loss" else 1
    goal, best = max(sign * value for value in known.values()), getattr(rows[0], board.key)
    no_better = ""
    if not any(min(sign * end for end in row.intervals[board.key]) > goal for row in rows):
        no_better = " No model is shown to be better than that"
        if sign * best < goal - _ROUNDING:
            no_better += f"; even the best score, {score_text(best)}, is worse"
        no_better += "."
    return [f"Baseline by {TITLES[board.by]}: {reached}.{no_better}"]
