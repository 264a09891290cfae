"""``zoo runs list``: the runs of the workspace, chosen and sorted."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli.colour import WARNING
from zoo.cli.completion import complete_data, complete_of, complete_own_model
from zoo.cli.options import ListFormatOption
from zoo.cli.output import (
    AlertNote,
    Text,
    columns,
    make_table,
    percent,
    print_result,
    say,
)
from zoo.cli.run_choices import about_run
from zoo.cli.wrapping import width
from zoo_registry.errors import RunError, UsageError, ZooError
from zoo_registry.text import closest, few, quoted

if TYPE_CHECKING:
    from zoo.evaluate.board import Row
    from zoo_registry.runs import Run

__all__ = ["command"]

_STATUSES = ("complete", "no artefact", "failed", "running", "interrupted", "damaged")
_ROOMY = 100  # columns of a terminal with a column for what differs, and the time of day
_NAMES = (
    *("run", "what differs", "front end", "dataset"),
    *("protocol", "status", "accuracy", "finished"),
)
_PLACES = {name: place for place, name in enumerate(_NAMES)}
_LESS = ("front end", "protocol", "what differs", "finished", "dataset", "status", "accuracy")
_AMISS = ("damaged", "failed", "no artefact", "interrupted")
_SHOWN = 8  # names in a sentence

_Facts = dict[str, Any]


def _recency(facts: _Facts) -> tuple[bool, float]:
    from zoo.workspace import recency

    known, seconds = recency(facts.get("finished"))
    return not known, -seconds


def _text(name: str) -> Callable[[_Facts], str]:
    return lambda facts: str(facts.get(name) or "").casefold()


_KEYS: dict[str, Callable[[_Facts], Any]] = {
    "accuracy": lambda facts: -(facts.get("accuracy") or -math.inf),
    "finished": _recency,
    **{name: _text(name) for name in ("model", "dataset", "status", "name")},
}


def command(
    data: Annotated[
        str | None,
        typer.Option(
            help="Only runs on this dataset, as for `zoo train`.", autocompletion=complete_data
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Only runs of this model.", autocompletion=complete_own_model),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            help=f"Only runs of this status: {', '.join(_STATUSES)}.",
            autocompletion=complete_of(*_STATUSES),
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(_KEYS)}; best and newest first. By default as they lie on the disk.",
            autocompletion=complete_of(*_KEYS),
        ),
    ] = None,
    format: ListFormatOption = "table",
) -> None:
    """List the runs of the workspace with their accuracy, the damaged ones included.

    Example: zoo runs list --data demo --sort accuracy
    """
    from zoo.evaluate.leaderboard import leaderboard
    from zoo.workspace import preferences, runs

    status = None if status is None else _known("status", status, _STATUSES)
    order = None if sort is None else _KEYS[_known("order", sort, _KEYS)]
    found = list(runs())
    models = dict.fromkeys(map(_model, found))
    if model is not None and found and model not in models:
        models |= dict.fromkeys(_installed())
        model = _known("model", model, models)
    # The boards are stored, so that nothing is computed as long as no run changes.
    boards = leaderboard(data)
    if any(row.runs[1:] for board in boards for row in board.rows):  # of several seeds
        boards = leaderboard(data, seeds="apart")
    rows = {row.run: row for board in boards for row in board.rows}
    wished = {one.run for one in preferences()}
    listed = [
        (facts, item)
        for item in found
        if (model is None or _model(item) == model) and (data is None or _id(item) in rows)
        if status in (None, (facts := _facts(item, rows.get(_id(item)), wished))["status"])
    ]
    if order:
        listed.sort(key=lambda pair: order(pair[0]))
    else:  # those that cannot be read come last
        listed.sort(key=lambda pair: pair[0]["run"] is None)
    print_result(format, json=[facts for facts, _ in listed], table=_table(listed))
    if found and not listed:
        wanted = {"model": model, "status": status, "dataset": data}
        which = ", ".join(f"{name} {quoted(value)}" for name, value in wanted.items() if value)
        count = f"None of {len(found)} runs has" if found[1:] else "The only run has not"
        say(f"{count} the {which}; `zoo runs list` shows all.", err=True)
    elif not found and format == "table":
        say(
            "There is no run yet; `zoo train svm` makes one. `zoo models` lists those that come "
            "with the zoo.",
            err=True,
        )


def _installed() -> list[str]:
    """Return the models that can be trained; of these there may be no run yet."""
    from zoo_registry.plugins import Registry

    with suppress(ZooError):
        return [entry.name for entry in Registry().entries if entry.kind == "model"]
    return []


def _known(what: str, text: str, names: Iterable[str]) -> str:
    """Return the name that a text means; raise `UsageError` if there is none."""
    known = list(names)
    plain = text.strip().casefold().replace("-", " ")
    for name in known:
        if text == name or plain == name.casefold().replace("-", " "):
            return name
    raise UsageError(
        f"there is no {what} {quoted(text)}, the closest is {quoted(closest(text, known))}; "
        f"there are {few(known, _SHOWN)}"
    )


def _id(item: "Run | RunError") -> str:
    """Return the id of a run, which is the name of its folder."""
    if isinstance(item, RunError):
        return item.folder.name if item.folder else ""
    return item.id


def _model(item: "Run | RunError") -> str:
    """Return the model of a run; that of one whose record cannot be read is in its id."""
    return _id(item).rpartition("-")[0] if isinstance(item, RunError) else item.record.model.name


def _facts(item: "Run | RunError", row: "Row | None", wished: Collection[str]) -> _Facts:
    """Return what JSON has of a run, whose row of a board is given if it has one."""
    if isinstance(item, RunError):
        return {"run": None, "status": "damaged", "error": str(item)}
    record, is_damaged = item.record, row is not None and row.status == "damaged"
    error = item.lack if item.status == "interrupted" else record.error
    return {
        "run": item.id,
        "model": record.model.name,
        "frontend": record.frontend_spec,
        "dataset": record.dataset.name,
        "protocol": record.protocol.spec,
        "grouped": record.protocol.grouped,
        "status": "damaged" if is_damaged else item.status,
        "finished": record.finished,
        "folder": str(item.folder),
        "error": row.error if row and is_damaged else error,
        "accuracy": row.accuracy if row else None,
        "label": (row and row.name) or record.model.name,
        **about_run(item, wished),
    }


def _table(listed: "Sequence[tuple[_Facts, Run | RunError]]") -> Text:
    readable = [(facts, item) for facts, item in listed if not isinstance(item, RunError)]
    records = [item.record for _, item in readable]
    boards = Counter(title for title, _ in {(r.dataset.title, r.used) for r in records})
    others = any(record.title != record.model.title for record in records)
    roomy = width() >= _ROOMY
    front_end = others and roomy  # in a narrow terminal it is below the id, as what differs is
    special = [_special(facts, others, front_end) for facts, _ in readable]
    apart = roomy and any(special)
    rows = [
        (
            (facts["run"], text) if text and not apart else facts["run"],
            text,
            facts["frontend"],
            _dataset_name(item, boards[item.record.dataset.title] > 1),
            facts["protocol"] + ("" if facts["grouped"] else " ungrouped"),
            ("damaged" if facts["status"] == "damaged" else item.state)
            + ", preferred" * facts["preferred"],
            percent(facts["accuracy"]),
            (facts["finished"] or "")[: 16 if roomy else 10].replace("T", " "),
        )
        for (facts, item), text in zip(readable, special, strict=True)
    ]
    if readable:
        names = [
            "run", *["what differs"] * apart, *["front end"] * front_end, "dataset", "protocol",
            "status", "accuracy", "finished",
        ]  # fmt: skip
        yield make_table(
            [
                *columns(*names[:-2]),
                *columns("accuracy", justify="right"),
                *columns("finished", no_wrap=True),
            ],
            ([row[_PLACES[name]] for name in names] for row in rows),
            styles=(WARNING if facts["status"] in _AMISS else None for facts, _ in readable),
            leave=[name for name in _LESS if name in names],
        )
    for facts, item in readable:
        if facts["status"] in _AMISS and facts["status"] != "failed":
            yield AlertNote(facts["error"] if facts["status"] == "damaged" else str(item.lack))
        if item.about_fault:
            yield AlertNote(item.about_fault)
    for facts, _ in listed:
        if facts["run"] is None:
            yield AlertNote(f"damaged: {facts['error']}")


def _special(facts: _Facts, others: bool, front_end: bool) -> str:
    """Return what tells a run apart: its front end, if it has no column, its name, and the rest."""
    on, name = f"on {facts['frontend']}", f'"{facts["name"]}"' if facts["name"] else ""
    text: str = facts["label"].removeprefix(facts["model"]).strip().removeprefix(on).strip()
    text = text if name in text else f"{name} {text}".rstrip()
    return f"{on} {text}".rstrip() if others and not front_end else text


def _dataset_name(run: "Run", is_shared: bool) -> str:
    """Return the dataset of a run, with what tells it apart from others of its name."""
    dataset, used = run.record.dataset, run.record.used
    return dataset.title + f", {dataset.tracks} tracks, {used[:8]}" * is_shared
