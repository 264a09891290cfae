"""What goes wrong on a board, as its page shows it: tables, and tracks to listen to."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.evaluate.error_analysis import Answers, answers, doubtful_labels, hardest, only_right
from zoo.evaluate.metrics import confusion, f1_scores
from zoo.report.excerpts import Sound, find_recordings, hear, timelines
from zoo.workspace import file_name
from zoo_registry.errors import AudioError
from zoo_registry.runs import Predictions, Run

__all__ = ["LISTED", "PLAYERS", "mistakes"]

PLAYERS = 12  # tracks that can be listened to; they are most of what a page weighs
LISTED = 3000  # tracks in the table of errors


def mistakes(
    predictions: Mapping[str, Predictions],
    known: Mapping[str, Run],
    names: Mapping[str, str],
    say: Callable[[float], None],
) -> dict[str, Any]:
    """Return what the page says of errors.

    Parameters
    ----------
    predictions : mapping of str to Predictions
        Of each run, at least one.
    known : mapping of str to Run
    names : mapping of str to str
        What to call each run.
    say : callable
        Is told how much is done, from 0 to 1.

    Returns
    -------
    dict
        What ``board.html`` takes.
    """
    given = answers(predictions)
    worst = hardest(given)
    apart = only_right(given)
    missed = given.wrong.sum(axis=0)
    listed = sorted(missed.nonzero()[0].tolist(), key=lambda track: (-missed[track], track))
    cards = _cards(given, worst[:PLAYERS], [known[run] for run in given.runs], names, say)
    return {
        "errors": given,
        "confusion": {run: confusion(its).tolist() for run, its in predictions.items()},
        "classes": {run: its.classes for run, its in predictions.items()},
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
        "wrong": [_answered(given, track) for track in listed[:LISTED]],
        "wrong_count": len(listed),
        "doubts": doubtful_labels(given),
        "f1_lines": _f1_lines(given, predictions),
    }


def _answered(given: Answers, track: int) -> dict[str, Any]:
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


def _summary(given: Answers) -> dict[str, Any]:
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


def _f1_lines(given: Answers, predictions: Mapping[str, Predictions]) -> list[dict[str, Any]]:
    """Return a row a class: how many tracks it has, and its score in each run."""
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
    given: Answers,
    worst: Sequence[int],
    heard_by: Sequence[Run],
    names: Mapping[str, str],
    say: Callable[[float], None],
) -> list[dict[str, Any]]:
    """Return what there is to see and hear of the hardest tracks."""
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
        card = _answered(given, number)
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


def _lines(given: Answers, track: int, names: Mapping[str, str]) -> list[dict[str, Any]]:
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
