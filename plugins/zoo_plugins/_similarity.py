"""``zoo similar``: the recordings that are most like one."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

import zoo
from zoo.commands import FormatOption, Note, TerminalReporter, columns, make_table, print_result
from zoo_registry.errors import AudioError, UsageError

__all__ = ["command"]

_SAME = "the same recording"


def command(
    song: Annotated[str, typer.Argument(help="The recording to compare with.")],
    paths: Annotated[list[str], typer.Argument(help="Audio files, folders and patterns.")],
    run: Annotated[
        str | None,
        typer.Option(help="Compare by the front end of this run; by default the published gtzan."),
    ] = None,
    front_end: Annotated[
        str | None,
        typer.Option(help="Compare by this front end instead, a name from `zoo models`."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Recordings to list.")] = 10,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes; all cores by default.")
    ] = None,
    format: FormatOption = "table",
) -> None:
    """List the recordings that are most similar to a given one.

    Example: zoo similar song.mp3 ~/Music
    """
    if run and front_end:
        raise UsageError("--run and --front-end contradict each other; give one of them")
    if not Path(song).is_file():
        raise UsageError(f"there is no file {song!r}")
    reporter = TerminalReporter()
    found = zoo.embed([song, *paths], run, frontend=front_end, jobs=jobs, reporter=reporter)
    for reason in found.failed.values():
        reporter.warn(f"left out: {reason}")
    if song in found.failed:
        raise AudioError(f"{song} has no embedding to compare by: {found.failed[song]}")
    own = found.files.index(song)
    distances = found.distances(song)
    order = [
        number
        for number in distances.argsort(kind="stable").tolist()
        if os.path.realpath(found.files[number]) != os.path.realpath(song)
    ]
    if not order and not found.failed:
        raise UsageError(
            f"there is no other recording to compare {song} with; name a folder of some"
        )
    if not order:
        raise AudioError(f"{song} has nothing to be compared with: no other recording can be used")
    nearest: list[dict[str, Any]] = [
        {
            "path": found.files[number],
            "distance": round(float(distances[number]), 3),
            "same_recording": bool((found.rows[number] == found.rows[own]).all()),
        }
        for number in order[:count]
    ]
    rows = [
        (f"{each['distance']:.2f}", each["path"], _SAME * each["same_recording"])
        for each in nearest
    ]
    measure = (
        f"distance: Euclidean, between the means of the rows that {found.front_end} gives for each "
        f"recording, each column divided by its spread over these {len(found.files)} recordings"
    )
    head = [*columns("distance", justify="right"), *columns("recording", "", overflow="fold")]
    print_result(format, json=nearest, table=[make_table(head, rows), Note(measure)])
    if found.failed:
        raise typer.Exit(1)
