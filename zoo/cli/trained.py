"""Results that ``zoo train`` and ``zoo ensemble`` print: boards, curves, and the next commands."""

import shlex
from typing import TYPE_CHECKING

from zoo.cli.output import print_text, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo_registry.runs import Run

__all__ = ["print_boards", "print_curves"]


def print_boards(scored: "Sequence[Run]", *, audio: bool) -> None:
    """Print the boards of runs that have scores, and what can be done next.

    Parameters
    ----------
    scored : sequence of Run
        The runs.
    audio : bool
        Whether they were trained on sound.
    """
    from zoo.cli.leaderboard import print_board
    from zoo.evaluate.leaderboard import leaderboard

    trained = {
        (run.record.used, run.record.protocol.spec, run.record.protocol.grouped) for run in scored
    }
    own = {run.id: run for run in scored}
    for board in leaderboard() if scored else ():
        if (board.fingerprint, board.protocol, board.grouped) in trained:
            print_board(board, {run.id for run in scored if run.lack})
            complete = [row for row in board.rows if row.status == "complete"]
            # One of each row: seeds of one model are not worth a comparison.
            trained_of = [[own[run] for run in row.runs if run in own] for row in complete]
            best_first = [each[0] for each in trained_of if each]
            if best_first:
                say(_next(best_first, audio), err=True)


def _next(runs: "Sequence[Run]", audio: bool) -> str:
    """Return what can be done with runs that were just trained, of which the best is the first."""
    words = [shlex.quote(run.about.name or run.id) for run in runs[:2]]
    commands = [
        *[f"zoo predict {words[0]} SONG"] * (audio and runs[0].has_artefact),
        f"zoo runs show {words[0]}",
        *[f"zoo compare {' '.join(words)}"] * (len(words) > 1),
    ]
    listed = ", ".join(f"`{command}`" for command in commands[:-1])
    return f"Next: {listed}{', or ' * bool(listed)}`{commands[-1]}`."


def print_curves(scored: "Sequence[Run]") -> None:
    """Print the accuracy of each run by the number of its training tracks."""
    from zoo.cli.size_curve import size_text
    from zoo.evaluate.size_curve import size_curve

    print_text(size_text([curve for run in scored if (curve := size_curve(run))]))
