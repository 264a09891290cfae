"""``zoo data``: what a dataset holds, and what in it would distort a score."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from zoo.cli.completion import complete_data
from zoo.cli.console import (
    ListFormat,
    TerminalReporter,
    in_columns,
    new_table,
    print_json,
    print_table,
    say,
)
from zoo_registry.errors import DatasetError

__all__ = ["app"]

app = typer.Typer(help="Look at a dataset before training on it.", no_args_is_help=True)


@app.command("check")
def check_data(
    data: Annotated[
        str,
        typer.Argument(
            help="demo, or a folder with one sub-folder a class.", autocompletion=complete_data
        ),
    ],
    write: Annotated[
        bool,
        typer.Option("--write", help="Write a metadata.csv whose groups merge what was found."),
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes; all cores by default.")
    ] = None,
    format: Annotated[
        ListFormat, typer.Option(help="How to print what was found.")
    ] = ListFormat.table,
) -> None:
    """Decode everything once and report what would distort a score.

    Exit status 1 if anything would.

    Example: zoo data check ./my-music --write
    """
    from zoo.datasets import open_dataset
    from zoo.datasets.check import check, write_metadata
    from zoo.plugins.registry import offered_datasets, open_registry

    dataset = open_dataset(data, offered_datasets(open_registry()))
    if write and not Path(data).is_dir():
        raise DatasetError(f"--write puts a metadata.csv into a folder, and {data} is none")
    problems = check(dataset, jobs, TerminalReporter())
    written = write_metadata(dataset, problems, Path(data)) if write else None
    serious = sum(problem.distorts for problem in problems)
    if format is ListFormat.json:
        print_json(
            {
                "dataset": dataset.name,
                "tracks": len(dataset),
                "classes": list(dataset.classes),
                "distorts": serious > 0,
                "problems": [asdict(problem) for problem in problems],
            }
        )
    else:
        table = new_table(title=f"{dataset.name}, {len(dataset)} tracks")
        for heading in ("problem", "tracks", "detail"):
            table.add_column(heading, overflow="fold")
        for problem in sorted(problems, key=lambda problem: not problem.distorts):
            cells = in_columns((problem.kind, problem.tracks, problem.detail))
            table.add_row(*cells, style=None if problem.distorts else "dim")
        if problems:
            print_table(table)
        say(
            f"{serious} problems would distort a score; {len(problems) - serious} are worth "
            "knowing."
        )
    if written:
        say(f"Wrote {written}; `zoo train svm --data {data}` uses it.", err=True)
    if serious:
        raise typer.Exit(1)


@app.command("info")
def info(
    data: Annotated[
        str, typer.Argument(help="What --data of `zoo train` takes.", autocompletion=complete_data)
    ],
    format: Annotated[ListFormat, typer.Option(help="How to print it.")] = ListFormat.table,
) -> None:
    """Tell what a dataset holds, without decoding it.

    Example: zoo data info demo
    """
    from zoo.datasets import FeatureTable, open_dataset
    from zoo.datasets.gtzan import is_gtzan
    from zoo.plugins.registry import offered_datasets, open_registry

    dataset = open_dataset(data, offered_datasets(open_registry()))
    counts = Counter(track.label for track in dataset.tracks)
    groups = {
        name: len(
            {int(g) for g, t in zip(dataset.groups, dataset.tracks, strict=True) if t.label == name}
        )
        for name in dataset.classes
    }
    facts: dict[str, Any] = {
        "dataset": dataset.name,
        "source": dataset.source,
        "fingerprint": dataset.fingerprint,
        "kind": "feature table" if isinstance(dataset, FeatureTable) else "audio",
        "gtzan": is_gtzan(dataset),
        "tracks": len(dataset),
        "groups": len(set(dataset.groups.tolist())),
        "folds": sorted({track.fold for track in dataset.tracks if track.fold}),
        "parts": sorted({track.split for track in dataset.tracks if track.split}),
        "classes": [
            {"class": name, "tracks": counts[name], "groups": groups[name]}
            for name in dataset.classes
        ],
    }
    if format is ListFormat.json:
        print_json(facts)
        return
    for name in ("dataset", "source", "fingerprint", "kind", "tracks", "groups"):
        say(f"{name:<12}{facts[name]}")
    if facts["gtzan"]:
        say("gtzan       recognised: artists and duplicates are known")
    for name in ("folds", "parts"):
        if facts[name]:
            say(f"{name:<12}{', '.join(map(str, facts[name]))}")
    table = new_table()
    table.add_column("class")
    table.add_column("tracks", justify="right")
    table.add_column("groups", justify="right")
    for name in dataset.classes:
        table.add_row(*in_columns((name, counts[name], groups[name])))
    print_table(table)
