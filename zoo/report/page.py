"""The page that people look at: one HTML file a board, which needs nothing beside it."""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.evaluate.leaderboard import Board, Difference, Row, leaderboard, side_by_side
from zoo.execution.progress import Bar, Reporter
from zoo.report.captioned_figures import curve_pictures, score_pictures
from zoo.report.error_section import mistakes
from zoo.report.tables import MARK, audit_sentences, heading, tuning_sentences
from zoo.workspace import file_name, runs
from zoo_registry.errors import RunError
from zoo_registry.files import write_text
from zoo_registry.runs import Run
from zoo_registry.text import shown

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["write_report"]

_TEMPLATES = Path(__file__).with_name("templates")
_SECTIONS = [
    ("board", "Board"),
    ("honesty", "Random against grouped"),
    ("errors", "Errors to listen to"),
    ("doubts", "Labels in doubt"),
    ("apart", "Where models differ"),
    ("confusion", "Confusion"),
    ("f1", "F1"),
    ("calibration", "Calibration"),
    ("curves", "Learning curves"),
    ("cost", "Cost"),
    ("runs", "Runs"),
]


def write_report(
    folder: Path,
    data: str | None = None,
    protocol: str | None = None,
    reporter: Reporter | None = None,
) -> list[Path]:
    """Write a page for every board of the workspace.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    data, protocol : str, optional
        Only boards of this dataset, and of this protocol, as for `leaderboard`.
    reporter : Reporter, optional

    Returns
    -------
    list of Path
        The pages; of several boards, the page that leads to them comes first. Empty if there
        is no board.

    Raises
    ------
    ProtocolError
        If there is no such protocol.
    RunError
        If the folder cannot be written.
    """
    reporter = reporter or Reporter()
    boards = leaderboard(data, protocol)
    pages = dict(zip(_file_names(boards), boards, strict=True))
    known = {run.id: run for run in runs() if isinstance(run, Run)}
    templates = _templates()
    written = []
    try:
        with reporter.bar(f"{len(pages)} pages", len(pages)) as bar:
            for done, (name, board) in enumerate(pages.items()):
                say = partial(_say, bar, done, heading(board))
                content = _board_page(board, boards, known, say)
                written.append(folder / name)
                write_text(written[-1], templates.get_template("board.html").render(content))
        if len(pages) > 1:
            written.insert(0, folder / "index.html")
            text = templates.get_template("index.html").render(pages=pages)
            write_text(written[0], text)
    except OSError as error:
        raise RunError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    return written


def _say(bar: Bar, done: int, note: str, part: float) -> None:
    bar.update(done + part, shown(note))


def _file_names(boards: Sequence[Board]) -> list[str]:
    """Return a name for each board, the same for the same workspace."""
    plain = [
        file_name(f"{board.dataset}-{board.protocol}{'' if board.grouped else '-ungrouped'}")
        for board in boards
    ]
    # Boards of a name differ in their tracks, or in what the audit found.
    twice = {name for name, count in Counter(map(str.casefold, plain)).items() if count > 1}
    return [
        f"{name}-{number}.html" if name.casefold() in twice else f"{name}.html"
        for number, name in enumerate(plain, start=1)
    ]


def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    style, script = (
        Markup((_TEMPLATES / name).read_text(encoding="utf-8"))
        for name in ("report.css", "report.js")
    )
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Whatever a name holds, it is seen as one line; markup of our own stays as it is.
        finalize=lambda value: (
            shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
        ),
    )
    # The page may run this script and load nothing (Content Security Policy, level 3).
    known = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    templates.globals |= {"style": style, "script": script, "script_hash": known}
    return templates


def _board_page(
    board: Board,
    boards: Sequence[Board],
    known: Mapping[str, Run],
    say: Callable[[float], None],
) -> dict[str, Any]:
    """Return what the template shows of a board."""
    ranked = [row for row in board.rows if row.rank is not None and row.run in known]
    predictions = {row.run: known[row.run].predictions() for row in ranked}
    names = _names(board.rows)
    content: dict[str, Any] = {
        "board": board,
        "heading": heading(board),
        "mark": MARK,
        "names": names,
        "ranked": ranked,
        "others": [row for row in board.rows if row.rank is None],
        "runs": [known[row.run] for row in board.rows if row.run in known],
        "audit": audit_sentences(board.audit),
        "tuning": tuning_sentences(board),
        "differences": _differences(board, boards),
        "errors": None,
        "sections": _SECTIONS if predictions else [*_SECTIONS[:2], _SECTIONS[-1]],
    }
    content |= score_pictures(ranked, names, predictions, content["differences"])
    content["curves"] = curve_pictures({names[row.run]: known[row.run] for row in ranked})
    say(0.3)
    if predictions:
        content |= mistakes(predictions, known, names, say)
    return content


def _names(rows: Sequence[Row]) -> dict[str, str]:
    """Call each run by its model, or by its id where the board has several of the model."""
    models = Counter(row.model for row in rows)
    return {row.run: row.model if models[row.model] == 1 else row.run for row in rows}


def _differences(board: Board, boards: Sequence[Board]) -> list[Difference]:
    siblings = [
        other
        for other in boards
        if (other.dataset, other.protocol, other.fingerprint)
        == (board.dataset, board.protocol, board.fingerprint)
    ]
    return side_by_side(siblings)
