"""Published runs as ``zoo models`` lists them, and the short card of one."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zoo.cli.output import Note, Text, columns, in_width, make_table, percent
from zoo_registry.discovery import BUILT_IN
from zoo_registry.published import broken

if TYPE_CHECKING:
    from zoo_registry.runs import Run

__all__ = ["published_card", "published_entry", "published_table", "published_text"]

_ACCURACY = re.compile(r"majority vote \| ([\d.]+), 95 % interval ([\d.]+) to ([\d.]+) ")


def published_entry(run: "Run") -> dict[str, Any]:
    """Return the keys of a model in the list that a published run has, too."""
    record, damage = run.record, _scores(run).get("error")
    return {
        "name": run.id,
        "title": record.title,
        "family": "published run",
        "status": "broken" if damage else "published",
        "reason": damage,
        "distribution": BUILT_IN,
        "version": record.versions.get(BUILT_IN),
        "licence": record.frontend_plugin and record.frontend_plugin.licence,
        "trained_on": [record.dataset.name],
        "weights": record.frontend_plugin and record.frontend_plugin.package,
    }


def _scores(run: "Run") -> dict[str, Any]:
    """Return the accuracy and its interval as the card states them, or what is damaged."""
    if lost := run.damaged():
        return {"error": run.damage(lost)}
    # To compute the interval takes scipy, and a second.
    found = _ACCURACY.search(run.content(run.card_path).decode(errors="replace"))
    names = ("accuracy", "ci_low", "ci_high")
    return dict(zip(names, map(float, found.groups()), strict=True)) if found else {}


def _right(scores: dict[str, Any]) -> str:
    if "accuracy" not in scores:
        return ""
    low, high = percent(scores["ci_low"]), percent(scores["ci_high"])
    return f"{percent(scores['accuracy'])} ({low}-{high})"


def _size(run: "Run") -> str:
    return f"{(run.record.artefact.bytes or 0) / 1e6:.1f} MB"


def published_table(runs: Sequence["Run"]) -> Text:
    """Yield the table of the published runs, and how to use one; nothing without any."""
    for damage in broken().values():
        yield Note(damage)
    damages = {run.id: _scores(run).get("error") for run in runs}
    for damage in filter(None, damages.values()):
        yield Note(damage)
    runs = [run for run in runs if not damages[run.id]]
    if not runs:
        return
    yield make_table(
        columns("ready to use", "classes", "trained on", "right (95 %)", "size", no_wrap=True),
        (
            (
                run.id,
                len(run.record.dataset.classes),
                _tracks(run),
                _right(_scores(run)),
                _size(run),
            )
            for run in runs
        ),
    )
    answers: dict[str, list[str]] = {}
    for run in runs:
        answers.setdefault(", ".join(_classes(run)), []).append(run.id)
    for classes, names in answers.items():
        yield from in_width(f"{', '.join(names)}: {classes}", indent=2)
    yield f"`zoo predict {runs[0].id} song.mp3` asks one; `zoo models {runs[0].id}` is its card."
    yield ""


def _classes(run: "Run") -> list[str]:
    return run.record.dataset.classes


def _tracks(run: "Run") -> str:
    return f"{run.record.dataset.name}, {run.record.dataset.tracks} tracks"


def published_card(run: "Run") -> dict[str, Any]:
    """Return the short card of a published run as JSON values."""
    dataset = run.record.dataset
    return published_entry(run) | {
        "classes": dataset.classes,
        "dataset": dataset.name,
        "tracks": dataset.tracks,
        "protocol": run.record.protocol.spec,
        **{key: value for key, value in _scores(run).items() if key != "error"},
        "frontend": run.record.frontend_spec,
        "seen": run.record.trained_on,
        "recordings_licence": dataset.licence,
        "bytes": run.record.artefact.bytes,
        "card": str(run.card_path),
        "notes": run.record.notes,
    }


def published_text(run: "Run") -> Text:
    """Yield the short card of a published run for people, and how it is used."""
    from zoo.artefacts.limits import limits
    from zoo.datasets.collections.known import COLLECTIONS

    record, scores = run.record, _scores(run)
    facts = {
        "run": f"{run.id}, comes with the zoo: {record.title}",
        "answers": ", ".join(_classes(run)),
        "trained on": _tracks(run),
        "right": "accuracy" in scores and f"{_right(scores)} of the tracks, {record.protocol.spec}",
        "size": _size(run),
        "weights": record.frontend_plugin and record.frontend_plugin.described_weights,
        "seen": " ".join(record.trained_on),
        "recordings": f"licence: {record.dataset.licence or 'not known'}",
        "card": run.card_path,
    }
    for name, value in facts.items():
        if value:
            yield from in_width(f"{name:<12}{value}", indent=12)
    if "error" in scores:
        yield Note(scores["error"])
        return
    yield ""
    yield "It must not be used for:"
    for sentence in limits(record, run.predictions()):
        yield from in_width(f"- {sentence}", indent=2)
    yield ""
    yield "Notes:"
    for sentence in record.notes:
        yield from in_width(f"- {sentence}", indent=2)
    yield ""
    known = COLLECTIONS.get(record.dataset.collection or "")
    file = known.example if known else "recording.wav"
    uses = {
        f"zoo predict {run.id} {file}": "the class of a recording",
        f"zoo predict {run.id} {file} --timeline": "the same over time",
        f"zoo runs show {run.id}": "scores, confusion, robustness",
        f"zoo runs export {run.id} FOLDER": "a folder to hand over",
    }
    longest = max(map(len, uses))
    for use, gives in uses.items():
        yield f"{use:<{longest}}   {gives}"
