"""``zoo data``: content of a dataset, and problems that would distort a score."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli.colour import WARNING
from zoo.cli.completion import complete_data, complete_front_end
from zoo.cli.console import TerminalReporter
from zoo.cli.options import (
    ForceOption,
    FormatOption,
    ListFormat,
    UngroupedOption,
    with_reading,
)
from zoo.cli.output import Text, columns, make_table, make_tree, print_result, say
from zoo_registry.errors import DatasetError, UsageError
from zoo_registry.predictions import OTHER
from zoo_registry.text import few

if TYPE_CHECKING:
    from zoo.datasets import Dataset, Track
    from zoo.datasets.checks.problem import Problem
    from zoo_registry.reading import Reading

__all__ = ["app"]

_SHOWN = 10  # parts or folds of a class in one line
_GROUPS = 5  # of a class, that are named
_TRACKS = 6  # of a problem

app = typer.Typer(help="Check and describe a dataset before training on it.", no_args_is_help=True)


@app.command("check")
@with_reading
def check_data(
    data: Annotated[
        str,
        typer.Argument(
            help="A dataset, as for --data of `zoo train`.", autocompletion=complete_data
        ),
    ],
    write: Annotated[
        bool,
        typer.Option("--write", help="Write a metadata.csv with the groups that were found."),
    ] = False,
    force: ForceOption = False,
    frontend: Annotated[
        str | None,
        typer.Option(
            "--front-end",
            help="Also compare the tracks by this front end, such as musicnn; by default by an "
            "encoder whose arrays are all in the cache.",
            autocompletion=complete_front_end,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Protocol of `zoo train`; checks that the classes are large enough for it."
        ),
    ] = None,
    ungrouped: UngroupedOption = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes; all cores by default.")
    ] = None,
    *,
    reading: "Reading",
    format: Annotated[ListFormat, typer.Option(help="Output format.")] = "table",
) -> None:
    """Decode everything once and report what would distort a score.

    Exit status 1 if anything would, or if `zoo train` will refuse the data. What a front end finds
    alike or odd is no proof: listen to it.

    Example: zoo data check ./my-music --write
    """
    reporter = TerminalReporter()
    with reporter.bar("loading libraries"):
        from zoo.datasets import renewed_dataset
        from zoo.datasets.checks.problem import Problem
        from zoo.datasets.checks.recordings import check
        from zoo.datasets.metadata import write_metadata
        from zoo.evaluate.protocols import parse_protocol
        from zoo.features.neighbours import cached_encoder, check_neighbours
        from zoo.plugins.registry import find_dataset

    if protocol is not None:
        parse_protocol(protocol)
    if write and (reading.only or reading.without or reading.limit):
        raise UsageError(
            "--write lists all tracks in metadata.csv; leave out --only-class, --exclude-class and "
            "--limit"
        )
    if write and Path(data).is_dir():
        dataset = renewed_dataset(Path(data), reporter, reading)
    else:
        dataset = find_dataset(data, reporter=reporter, reading=reading)
    if write and not Path(data).is_dir():
        raise DatasetError(f"--write puts a metadata.csv into a folder, and {data} is none")
    problems = check(dataset, jobs, reporter)
    if frontend is None:
        frontend = cached_encoder(dataset)
    if frontend is not None:
        problems += check_neighbours(dataset, problems, frontend, jobs, reporter)
    if refusal := _refusal(protocol, dataset, problems, not ungrouped):
        problems.append(Problem("refused", True, (), f"`zoo train` refuses it: {refusal}"))
    distorts = any(problem.distorts for problem in problems)
    result = {
        "dataset": dataset.name,
        "tracks": len(dataset),
        "classes": list(dataset.classes),
        "distorts": distorts,
        "collection": _card(dataset),
        "problems": list(map(asdict, problems)),
    }
    print_result(format, json=result, table=_text(data, dataset, problems))
    if write:
        written = write_metadata(dataset, problems, Path(data), force)
        _say_written(written, problems, lambda: _used(Path(data), protocol, not ungrouped))
    if distorts:
        raise typer.Exit(1)


def _say_written(written: Path | None, problems: "list[Problem]", used: Callable[[], str]) -> None:
    """Print what was written, what it leaves out, and which of its labels contradict."""
    from zoo.datasets.checks.problem import UNUSABLE

    if written is None:
        say("metadata.csv says all of this already; it stays as it is.", err=True)
        return
    say(f"Wrote {written}{used()}.", err=True)
    left = {track: each.kind for each in problems if each.kind in UNUSABLE for track in each.tracks}
    if left:
        names = few([f"{track} ({kind})" for track, kind in sorted(left.items())], _TRACKS)
        say(f"Not in it: {names}.", err=True, style=WARNING)
    for each in problems:
        if each.kind == "label-conflict":
            names = few(each.tracks, _TRACKS, " and ")
            wrong = "with different labels; delete the row with the wrong one"
            say(f"{names} are in it {wrong}.", err=True, style=WARNING)


def _used(folder: Path, protocol: str | None, grouped: bool) -> str:
    """Return the command that trains on a written list, as the end of a sentence, if any does."""
    from zoo.plugins.registry import find_dataset

    try:
        dataset = find_dataset(str(folder))  # what it passes over was just reported
    except DatasetError as error:  # what is left out may have been a class
        return f"; `zoo train` refuses it: {error}"
    options = ["--protocol", protocol] if protocol else []
    for kept in [True, False] if grouped else [False]:
        if _refusal(protocol, dataset, [], kept) is None:
            command = ["zoo", "train", "svm", "--data", str(folder), *options]
            return f"; `{shlex.join(command + ['--ungrouped'] * (not kept))}` uses it"
    return f"; `zoo train` refuses it: {_refusal(protocol, dataset, [], grouped)}"


def _refusal(
    protocol: str | None, dataset: "Dataset", problems: "list[Problem]", grouped: bool
) -> str | None:
    """Return why a training will refuse the tracks that it can decode, None if it will not."""
    from zoo.evaluate.protocols import chosen_protocol

    kinds = {"undecodable", "truncated"}
    lost = {track for problem in problems if problem.kind in kinds for track in problem.tracks}
    try:
        usable = dataset.without(lost)
        return chosen_protocol(protocol, usable, grouped).refusal(usable, grouped)
    except DatasetError as error:
        return str(error)


def _text(data: str, dataset: "Dataset", problems: "list[Problem]") -> Text:
    problems = sorted(problems, key=lambda problem: not problem.distorts)
    serious = sum(problem.distorts for problem in problems)
    if problems:
        yield make_table(
            columns("problem", "tracks", "detail"),
            ((problem.kind, _some(problem.tracks), problem.detail) for problem in problems),
            ", ".join(filter(None, (dataset.name, dataset.selection, f"{len(dataset)} tracks"))),
            (WARNING if problem.distorts else None for problem in problems),
            leave=("tracks",),
        )
    if card := _card(dataset):
        what = f"{card['title']} has the licence: {card['licence']}"
        yield f"{what}; `zoo data info {shlex.quote(data)}` has its known faults and citation."
    others = len(problems) - serious
    yield (
        f"{serious} problem{'s' * (serious != 1)} would distort a score or stop a training; "
        f"{others} {'is' if others == 1 else 'are'} worth knowing."
    )


@app.command("list")
def list_collections(
    data: Annotated[
        str | None,
        typer.Option(
            help="Also state which of them this dataset is; as for --data of `zoo train`.",
            autocompletion=complete_data,
        ),
    ] = None,
    format: FormatOption = "table",
) -> None:
    """List the published collections that are recognised as they lie on a disk.

    Each with its licence and where to get it; the zoo downloads none.

    Example: zoo data list --data ./ESC-50-master
    """
    from zoo.datasets.collections.known import COLLECTIONS
    from zoo.plugins.registry import find_dataset

    dataset = find_dataset(data, reporter=TerminalReporter()) if data is not None else None
    found = [
        asdict(each) | {"is_data": dataset and dataset.collection == each.name}
        for each in COLLECTIONS.values()
    ]
    print_result(format, json=found, table=_collections(found, dataset))


def _collections(found: list[dict[str, Any]], dataset: "Dataset | None") -> Text:
    yield make_table(
        [
            *columns("name", no_wrap=True),
            *columns("title"),
            *columns("files", "classes", justify="right"),
            *columns("licence", "where to get it"),
        ],
        [
            [item[key] for key in ("name", "title", "files", "classes", "licence", "address")]
            for item in found
        ],
        leave=("where to get it", "classes", "files", "licence", "title"),
    )
    if dataset:
        card = _card(dataset)
        what = f"{card['title']}, {len(dataset)} tracks" if card else "none of them"
        yield f"{dataset.source} is {what}."


def _some(tracks: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first of many tracks, and how many more there are; JSON has all of them."""
    more = len(tracks) - _TRACKS
    return (*tracks[:_TRACKS], f"and {more} more") if more > 1 else tracks


@app.command("info")
@with_reading
def info(
    data: Annotated[
        str,
        typer.Argument(
            help="A dataset, as for --data of `zoo train`.", autocompletion=complete_data
        ),
    ],
    *,
    reading: "Reading",
    format: FormatOption = "table",
) -> None:
    """Show what a dataset contains, without decoding it.

    Example: zoo data info demo
    """
    reporter = TerminalReporter()
    with reporter.bar("loading libraries"):
        from zoo.datasets import FeatureTable
        from zoo.datasets.collections.gtzan import is_gtzan
        from zoo.plugins.registry import find_dataset

    dataset = find_dataset(data, reporter=reporter, reading=reading)
    tracks = Counter(track.label for track in dataset.tracks)
    pairs = zip(dataset.tracks, dataset.groups.tolist(), strict=True)
    groups = Counter(label for label, _ in {(track.label, group) for track, group in pairs})
    facts: dict[str, Any] = {
        "dataset": dataset.name,
        "source": dataset.source,
        "fingerprint": dataset.fingerprint,
        "understood": dataset.said,
        "selection": dataset.selection,
        "kind": "feature table" if isinstance(dataset, FeatureTable) else "audio",
        "gtzan": is_gtzan(dataset),
        "collection": _card(dataset),
        "tracks": len(dataset),
        "segments": dataset.segments,
        "groups": len(set(dataset.groups.tolist())),
        "left_out": dict(getattr(dataset, "left_out", {})),
        "folds": sorted({track.fold for track in dataset.tracks if track.fold}, key=_order),
        "parts": sorted({track.split for track in dataset.tracks if track.split}, key=_order),
        "classes": [
            {"class": name, "tracks": tracks[name], "groups": groups[name]}
            for name in dataset.classes
        ],
    }
    print_result(format, json=facts, table=_facts(facts, dataset))


def _facts(facts: dict[str, Any], dataset: "Dataset") -> Text:
    for name in ("dataset", "source", "fingerprint", "kind", "tracks", "groups"):
        yield f"{name:<12}{facts[name]}"
    if facts["gtzan"]:
        yield "gtzan       recognised: artists and duplicates are known"
    card = facts["collection"]
    if card:
        yield f"collection  {card['title']}"
    for name in ("segments", "understood", "selection"):
        if facts[name]:
            yield f"{name:<12}{facts[name]}"
    for name in ("folds", "parts"):
        if facts[name]:
            yield f"{name:<12}{', '.join(map(str, facts[name]))}"
    within: dict[str, list[Track]] = {}
    for track in dataset.tracks:
        within.setdefault(track.label, []).append(track)
    yield make_tree(
        f"{facts['dataset']}: {facts['tracks']} tracks",
        (
            (
                f"{item['class']}: {_count(item['tracks'], 'track')}, "
                f"{_count(item['groups'], 'group')}",
                _leaves(within[item["class"]]),
            )
            for item in facts["classes"]
        ),
    )
    if any(item["class"] == OTHER for item in facts["classes"]):
        yield f"Models are trained against {OTHER}; it is not a class of a leaderboard."
    if card:
        yield from _cited(card)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _card(dataset: "Dataset") -> dict[str, Any] | None:
    """Return the card of the published collection that a dataset is, or a part of."""
    from zoo.datasets.collections.known import COLLECTIONS

    collection = COLLECTIONS.get(dataset.collection or "")
    return asdict(collection) if collection else None


def _cited(card: dict[str, Any]) -> Iterator[str]:
    yield f"{card['title']} has the licence: {card['licence']}."
    yield f"Known to be wrong with it: {card['faults']}"
    yield "To cite it:"
    yield from card["citation"].splitlines()


def _leaves(tracks: "list[Track]") -> Iterator[str]:
    """Yield the numbers of a class's tracks per part, fold and group, where these are known."""
    for kind, title in (("split", "parts"), ("fold", "folds"), ("group", "groups")):
        counts = Counter(value for track in tracks if (value := getattr(track, kind)))
        if counts:
            names = sorted(counts, key=_order)
            if kind == "group" and len(names) > _GROUPS:
                few, many = min(counts.values()), max(counts.values())
                size = f"{few} to {many}" if few < many else f"{few}"
                yield f"groups: {len(names)}, of {size} track{'s' * (many > 1)}"
                continue
            more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
            yield f"{title}: {', '.join([*(f'{n} ({counts[n]})' for n in names[:_SHOWN]), *more])}"


def _order(name: str) -> tuple[int, int, str]:
    """Return a key that puts numbers by their size, and train before valid before test."""
    order = {"train": 1, "valid": 2, "test": 3}
    return (order.get(name, 0), int(name) if name.isdecimal() else 0, name)
