"""The errors of a board as its page shows them: tables, and tracks to listen to."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.datasets import Dataset, Track
from zoo.evaluate.board import score_text
from zoo.evaluate.error_analysis import (
    AlignedPredictions,
    align,
    doubtful_labels,
    hardest,
    only_right,
)
from zoo.inference.occlusion import ATTENUATION
from zoo.report.decisive import Mistake, decisive
from zoo.report.excerpts import (
    Excerpt,
    excerpt_of,
    find_recordings,
    open_recordings,
    timelines,
)
from zoo.report.track_map import track_map
from zoo.workspace import file_name
from zoo_registry.errors import AudioError
from zoo_registry.predictions import OTHER, Predictions
from zoo_registry.runs import Run

__all__ = ["LISTED", "PLAYERS", "error_section"]

PLAYERS = 12  # tracks that can be played; most of a page's size is their audio
LISTED = 3000  # tracks in the table of errors
_NAMED = 3  # classes in a sentence


def error_section(
    predictions: Mapping[str, Predictions],
    runs: Mapping[str, Run],
    names: Mapping[str, str],
    progress: Callable[[float], None],
    data: str | None = None,
) -> dict[str, Any]:
    """Return the variables of ``board.html`` for its sections on errors.

    Parameters
    ----------
    predictions, runs : mapping of str to Predictions, mapping of str to Run
        The out-of-fold predictions of each run, at least one, and all runs, by their ids.
    names : mapping of str to str
        The displayed name of each run.
    progress : callable
        Receives the share that is done, 0.4 to 1.
    data : str, optional
        The dataset, if the user names it.
    """
    found = align(predictions)
    worst = hardest(found)
    differing = only_right(found)
    wrong = found.wrong.sum(axis=0)
    listed = sorted(wrong.nonzero()[0].tolist(), key=lambda track: (-wrong[track], track))
    known = [runs[run] for run in found.runs]
    opened = open_recordings(known[0].record, data)
    cards = _cards(found, worst[:PLAYERS], known, names, progress, opened)
    playable = {card["number"] for card in cards if card["excerpt"]}
    over_time = [timeline for card in cards for timeline in card["timelines"]]
    return {
        "errors": found,
        "hardest": len(worst),
        "cards": cards,
        "shown_cards": {card["number"] for card in cards},
        "playable_cards": playable,
        "map": track_map(found, runs, opened, playable),
        "playable": bool(playable),
        "marked": any(card["decisive"] for card in cards),
        "attenuation": ATTENUATION,
        "reasons": sorted({card["reason"] for card in cards if card["reason"]}),
        "without_times": sorted({(name, of.reason) for name, of in over_time if of.reason}),
        "only_right": differing.tolist(),
        "most_apart": max(1, int(differing.max())),
        "extremes": _extremes(found),
        "wrong": [_error_row(found, track) for track in listed[:LISTED]],
        "wrong_count": len(listed),
        "doubts": doubtful_labels(found),
    }


def _error_row(found: AlignedPredictions, track: int) -> dict[str, Any]:
    """Return a row of the table of errors."""
    tested, winners = found.tested[:, track], found.winners[:, track]
    label = found.labels[track]
    return {
        "number": track,
        "track": found.tracks[track],
        "label": found.classes[label],
        "wrong": int(found.wrong[:, track].sum()),
        # One character per run: right, wrong, or not tested.
        "flags": "".join(np.where(tested, np.where(winners == label, "1", "0"), "-")),
        "says": np.where(tested, np.array(found.classes)[winners], "").tolist(),
    }


def _extremes(found: AlignedPredictions) -> str:
    """Return a sentence on the hardest and the easiest classes, of which there may be several."""
    masks = {
        name: found.labels == number for number, name in enumerate(found.classes) if name != OTHER
    }
    accuracies = {
        name: float(found.right[:, mask].sum() / max(1, found.tested[:, mask].sum()))
        for name, mask in masks.items()
    }
    low, high = min(accuracies.values()), max(accuracies.values())
    if low == high:
        return f"All classes are equally hard: accuracy {score_text(low)} over all models."
    ends = []
    for end, share in (("Hardest", low), ("easiest", high)):
        names = [name for name, value in accuracies.items() if value == share]
        kind = "class" if len(names) == 1 else "classes"
        ends.append(f"{end} {kind}: {_joined(names)} ({score_text(share)})")
    return f"{'; '.join(ends)}; accuracy over all models."


def _joined(names: Sequence[str]) -> str:
    """Return some names as text, at most the first few."""
    listed = list(names)
    if len(listed) > _NAMED:
        listed[_NAMED:] = [f"{len(listed) - _NAMED} more"]
    return " and ".join(filter(None, (", ".join(listed[:-1]), listed[-1])))


def _cards(
    found: AlignedPredictions,
    worst: Sequence[int],
    runs: Sequence[Run],
    names: Mapping[str, str],
    progress: Callable[[float], None],
    opened: Dataset | str,
) -> list[dict[str, Any]]:
    """Return a card per track: its answers, its excerpt, timelines of all runs, what decides."""
    digests = {found.tracks[track]: found.digests[track] for track in worst}
    places = find_recordings(opened, digests)
    excerpts = {track: _excerpt(place) for track, place in places.items()}
    there = {
        track: place
        for track, place in places.items()
        if isinstance(place, Track) and isinstance(excerpts[track], Excerpt)
    }
    over_time = []
    for number, run in enumerate(runs):
        progress(0.4 + 0.4 * number / len(runs))
        over_time.append((names[run.id], timelines(run, there, digests) if there else {}))
    mistakes = [
        {
            track: Mistake(there[track], digests[track], excerpt, found.classes[winners[row]])
            for row in worst
            if (track := found.tracks[row]) in there
            and found.wrong[number, row]
            and isinstance(excerpt := excerpts[track], Excerpt)
        }
        for number, winners in enumerate(found.winners)
    ]
    marked = decisive(runs, names, mistakes, lambda share: progress(0.8 + 0.2 * share))
    cards = []
    for number in worst:
        track = found.tracks[number]
        excerpt = excerpts[track]
        more = {
            "tests": int(found.tested[:, number].sum()),
            "file": file_name(track),
            "lines": (lines := _answers_on(found, number, names)),
            "answers": _wrong_answers(lines),
            "timelines": [(name, of[track]) for name, of in over_time if track in of],
            "decisive": marked.get(track),
            "excerpt": excerpt if isinstance(excerpt, Excerpt) else None,
            "reason": excerpt if isinstance(excerpt, str) else None,
        }
        cards.append(_error_row(found, number) | more)
    return cards


def _excerpt(place: Track | str) -> Excerpt | str:
    """Return an excerpt of a track, or the reason why there is none."""
    try:
        return excerpt_of(place) if isinstance(place, Track) else place
    except AudioError as error:
        return f"The recording cannot be played: {error}."


def _answers_on(
    found: AlignedPredictions, track: int, names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the out-of-fold answer of each run that tested a track."""
    label = found.labels[track]
    lines = []
    for number, run in enumerate(found.runs):
        if not found.tested[number, track]:
            continue
        winner = found.winners[number, track]
        votes, probabilities = found.votes[number, track], found.probabilities[number, track]
        mean = int(probabilities.argmax())
        order = sorted(votes.nonzero()[0].tolist(), key=lambda place: -votes[place])
        lines.append(
            {
                "name": names[run],
                "says": found.classes[winner],
                "right": bool(winner == label),
                "confidence": float(probabilities[winner]),
                "labelled": float(probabilities[label]),
                "votes": ", ".join(f"{found.classes[place]} {votes[place]}" for place in order),
                # The vote decides, also where another class has the highest mean probability.
                "mean": found.classes[mean] if probabilities[mean] > probabilities[winner] else "",
                "most": float(probabilities[mean]),
            }
        )
    return lines


def _wrong_answers(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the wrong answers of the models as text, the most frequent first."""
    counts = Counter(line["says"] for line in lines if not line["right"])
    if len(counts) == 1:
        return str(next(iter(counts)))
    return ", ".join(f"{name} ({count})" for name, count in counts.most_common())
