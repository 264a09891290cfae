"""The page that people look at: one HTML file a board, which needs nothing beside it."""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.evaluate.leaderboard import Board, Difference, Row, leaderboard, side_by_side
from zoo.progress import Bar, Reporter
from zoo.report.tables import MARK, audit_sentences, heading, tuning_sentences
from zoo.report.text import shown
from zoo.workspace import file_name, runs
from zoo_registry.errors import AudioError, RunError
from zoo_registry.files import write_text
from zoo_registry.runs import Predictions, Run

if TYPE_CHECKING:
    from jinja2 import Environment

    from zoo.evaluate.errors import Answers

__all__ = ["PLAYERS", "write_report"]

PLAYERS = 12  # tracks that can be listened to; they are most of what a page weighs
LISTED = 3000  # tracks in the table of errors
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
    bar.update(done + part, note)


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


@dataclass(frozen=True)
class Picture:
    """A figure with what is said of it.

    Attributes
    ----------
    name : str
        Of the file, when it is saved.
    svg : str
    label : str
        What it shows, for who cannot see it.
    caption : str
    """

    name: str
    svg: Any
    label: str
    caption: str


def _picture(name: str, svg: str, label: str, caption: str) -> Picture:
    from markupsafe import Markup

    return Picture(file_name(name), Markup(svg), label, caption)  # matplotlib escapes


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
    content |= _scores(ranked, names, predictions, content["differences"])
    content["curves"] = _curves(ranked, names, known)
    say(0.3)
    if predictions:
        content |= _errors(predictions, known, names, say)
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


def _scores(
    ranked: Sequence[Row],
    names: Mapping[str, str],
    predictions: Mapping[str, Predictions],
    differences: Sequence[Difference],
) -> dict[str, Any]:
    """Return figures and tables of what the runs score."""
    from zoo.evaluate.calibration import calibration
    from zoo.evaluate.metrics import confusion
    from zoo.report import figures

    said = {
        row.run: f"{names[row.run]} {row.accuracy:.3f} ({row.ci_low:.3f} to {row.ci_high:.3f})"
        for row in ranked
    }
    content: dict[str, Any] = {
        "intervals": None,
        "slopes": None,
        "trade_offs": [],
        "reliability": [],
    }
    if ranked:
        content["intervals"] = _picture(
            "accuracy",
            figures.intervals(ranked, names),
            "Accuracy and 95 % interval of each model: " + "; ".join(said.values()),
            "Share of tracks that the majority vote gets right: a dot, and its 95 % interval. "
            "A bracket holds models that the data cannot tell apart."
            + (
                " The second colour marks scores that flatter, since a search saw test tracks."
                if any(row.tuned_on_test for row in ranked)
                else ""
            ),
        )
    if differences:
        content["slopes"] = _picture(
            "grouped-and-by-track",
            figures.slopes(differences),
            "Accuracy with groups kept together, and split by track: "
            + "; ".join(f"{d.model} {d.grouped:.3f}, {d.ungrouped:.3f}" for d in differences),
            "The steeper a line, the more of the score comes from tracks that the model has "
            "heard the like of: of one artist, or of one recording.",
        )
    for amount, title, unit, values in (
        ("train_seconds", "training time", "s", [row.train_seconds for row in ranked]),
        ("artefact_bytes", "artefact size", "B", [row.artefact_bytes for row in ranked]),
    ):
        if any(values):
            content["trade_offs"].append(
                _picture(
                    f"accuracy-against-{title}",
                    figures.trade_off(ranked, names, amount, title, unit),
                    f"Accuracy against {title}: "
                    + "; ".join(
                        f"{said[row.run]} at {figures.quantity(value, unit)}"
                        for row, value in zip(ranked, values, strict=True)
                        if value
                    ),
                    f"Accuracy with its interval against {title}"
                    + (", the mean of the folds." if unit == "s" else ", of the ONNX file."),
                )
            )
    for run, its in predictions.items():
        found = calibration(its)
        content["reliability"].append(
            _picture(
                f"calibration-{names[run]}",
                figures.reliability(found),
                f"Reliability diagram of {names[run]}: "
                + "; ".join(
                    f"{count} tracks at a mean probability of {sure:.2f}, {right:.2f} of them right"
                    for count, sure, right in zip(
                        found.tracks, found.confidence, found.accuracy, strict=True
                    )
                ),
                f"{names[run]}: expected calibration error {found.error:.3f}.",
            )
        )
    content["confusion"] = {run: confusion(its).tolist() for run, its in predictions.items()}
    content["classes"] = {run: its.classes for run, its in predictions.items()}
    return content


def _curves(
    ranked: Sequence[Row], names: Mapping[str, str], known: Mapping[str, Run]
) -> list[Picture]:
    from zoo.report import figures

    pictures = []
    for row in ranked:
        folds = [fold["curve"] for fold in known[row.run].record.folds if fold.get("curve")]
        if folds:
            last = {name: value for name, value in folds[0][-1].items() if name != "fraction"}
            pictures.append(
                _picture(
                    f"learning-{names[row.run]}",
                    figures.learning_curves(folds),
                    f"Learning curves of {names[row.run]} over {len(folds)} folds; the first ends "
                    "at " + ", ".join(f"{name} {value:.3g}" for name, value in last.items()),
                    f"{names[row.run]}, a line a fold.",
                )
            )
    return pictures


def _errors(
    predictions: Mapping[str, Predictions],
    known: Mapping[str, Run],
    names: Mapping[str, str],
    say: Callable[[float], None],
) -> dict[str, Any]:
    """Return which tracks go wrong, and what there is to hear of them."""
    from zoo.evaluate.errors import answers, doubtful_labels, hardest, only_right

    given = answers(predictions)
    worst = hardest(given)
    apart = only_right(given)
    missed = given.wrong.sum(axis=0)
    listed = sorted(missed.nonzero()[0].tolist(), key=lambda track: (-missed[track], track))
    cards = _cards(given, worst[:PLAYERS], [known[run] for run in given.runs], names, say)
    return {
        "errors": given,
        "hardest": len(worst),
        "cards": cards,
        "shown_cards": {card["number"] for card in cards},
        "heard": any(card["sound"] for card in cards),
        "reasons": sorted({card["reason"] for card in cards if card["reason"]}),
        "speechless": sorted(
            {
                (name, timeline.reason)
                for card in cards
                for name, timeline in card["strips"]
                if timeline.reason
            }
        ),
        "only_right": apart.tolist(),
        "most_apart": max(1, int(apart.max())),
        "summary": _summary(given),
        "wrong": [_answers(given, track) for track in listed[:LISTED]],
        "wrong_count": len(listed),
        "doubts": doubtful_labels(given),
        "f1_lines": _f1_lines(given, predictions),
    }


def _answers(given: "Answers", track: int) -> dict[str, Any]:
    """Return a row of the table of errors."""
    tested, right = given.tested[:, track].tolist(), given.right[:, track].tolist()
    return {
        "number": track,
        "track": given.tracks[track],
        "label": given.classes[given.labels[track]],
        "wrong": int(given.wrong[:, track].sum()),
        # By run: right, wrong, or not tested.
        "flags": "".join(
            "-" if not asked else "1" if hit else "0"
            for asked, hit in zip(tested, right, strict=True)
        ),
        "says": [
            given.classes[winner] if asked else ""
            for asked, winner in zip(tested, given.winners[:, track].tolist(), strict=True)
        ],
    }


def _summary(given: "Answers") -> dict[str, Any]:
    """Return what is worth saying before any table is read."""
    frequent = max(range(len(given.classes)), key=lambda number: (given.labels == number).sum())
    tests = given.tested.sum(axis=0)
    hits = {
        name: float(
            given.right[:, given.labels == number].sum()
            / max(1, tests[given.labels == number].sum())
        )
        for number, name in enumerate(given.classes)
    }
    return {
        "frequent": given.classes[frequent],
        "chance": float((given.labels == frequent).mean()),
        "hardest": min(hits.items(), key=lambda item: item[1]),
        "easiest": max(hits.items(), key=lambda item: item[1]),
    }


def _f1_lines(given: "Answers", predictions: Mapping[str, Predictions]) -> list[dict[str, Any]]:
    """Return a row a class: how many tracks it has, and its score in each run."""
    from zoo.evaluate.metrics import confusion, f1_scores

    scores = [
        dict(zip(its.classes, f1_scores(confusion(its)).tolist(), strict=True))
        for its in predictions.values()
    ]
    return [
        {
            "name": name,
            "tracks": int((given.labels == number).sum()),
            "scores": [its.get(name) for its in scores],
        }
        for number, name in enumerate(given.classes)
    ]


def _cards(
    given: "Answers",
    worst: Sequence[int],
    heard_by: Sequence[Run],
    names: Mapping[str, str],
    say: Callable[[float], None],
) -> list[dict[str, Any]]:
    """Return what there is to see and hear of the hardest tracks."""
    from zoo.report.listening import Sound, find_recordings, hear, timelines

    digests = {given.tracks[track]: given.digests[track] for track in worst}
    found = find_recordings(heard_by[0].record, digests) if worst else {}
    sounds: dict[str, Sound | str] = {}
    for track, place in found.items():
        try:
            sounds[track] = hear(place) if isinstance(place, Path) else place
        except AudioError as error:
            sounds[track] = f"The recording cannot be played: {error}."
    files = {
        track: place
        for track, place in found.items()
        if isinstance(place, Path) and isinstance(sounds[track], Sound)
    }
    said = {}
    for number, run in enumerate(heard_by):
        say(0.4 + 0.6 * number / len(heard_by))
        said[run.id] = timelines(run, files, digests) if files else {}
    cards = []
    for number in worst:
        track = given.tracks[number]
        sound = sounds[track]
        card = _answers(given, number)
        cards.append(
            card
            | {
                "tests": int(given.tested[:, number].sum()),
                "file": file_name(track),
                "lines": _lines(given, number, names),
                "ticks": _ticks(sound.seconds) if isinstance(sound, Sound) else (),
                "sound": sound if isinstance(sound, Sound) else None,
                "reason": None if isinstance(sound, Sound) else sound,
                "strips": [
                    (names[run.id], said[run.id][track])
                    for run in heard_by
                    if track in said[run.id]
                ],
            }
        )
    return cards


def _lines(given: "Answers", track: int, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what each run said of a track out of fold, a row a run that tested it."""
    label = given.labels[track]
    lines = []
    for number, run in enumerate(given.runs):
        if given.tested[number, track]:
            winner = given.winners[number, track]
            votes = given.votes[number, track]
            order = sorted(votes.nonzero()[0].tolist(), key=lambda place: -votes[place])
            lines.append(
                {
                    "name": names[run],
                    "says": given.classes[winner],
                    "right": bool(winner == label),
                    "confidence": float(given.probabilities[number, track, winner]),
                    "labelled": float(given.probabilities[number, track, label]),
                    "votes": ", ".join(f"{given.classes[place]} {votes[place]}" for place in order),
                }
            )
    return lines


def _ticks(seconds: float) -> range:
    """Return round seconds along a track, six at most."""
    step = next((step for step in (1, 2, 5, 10, 20, 60) if seconds / step <= 6), 120)  # noqa: PLR2004
    return range(0, int(seconds) + 1, step)
