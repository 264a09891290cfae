"""``zoo tag``: the genre, as a model hears it, in the tags of music files."""

from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.commands import (
    WARNING,
    FormatOption,
    MinConfidenceOption,
    PrecisionOption,
    TerminalReporter,
    percent,
    print_data,
    run_and_paths,
    say,
)
from zoo_registry.errors import UsageError
from zoo_registry.published import NAMES
from zoo_registry.text import json_text, pip_install

if TYPE_CHECKING:
    from zoo_plugins._tagging.tagging import Result

__all__ = ["command"]

_FAILED = "failed"


def command(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN] PATH...",
            help="A run or model as for `zoo predict`, by default the published gtzan; files, "
            "folders and patterns.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be written, and write nothing.")
    ] = False,
    if_empty: Annotated[
        bool, typer.Option("--if-empty", help="Write only to files without a genre; the default.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also replace the genre of files that have one.")
    ] = False,
    min_confidence: MinConfidenceOption = "auto",
    precision: PrecisionOption = None,
    undo_file: Annotated[
        Path | None,
        typer.Option(help="File for --undo, continued if it exists; by default a new one here."),
    ] = None,
    undo_of: Annotated[
        Path | None,
        typer.Option("--undo", metavar="FILE", help="Restore former genres, from an undo file."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Files processed at the same time; all cores by default."),
    ] = None,
    format: FormatOption = "table",
) -> None:
    """Write the genre into music files that have none; their sound stays as it is.

    Example: zoo tag gtzan ~/Music --dry-run
    """
    if find_spec("mutagen") is None:
        raise UsageError(f"`zoo tag` needs mutagen; {pip_install('tag')} brings it")
    from zoo_plugins._tagging.tagging import Wish, tag
    from zoo_plugins._tagging.undo import UndoFile

    if undo_of:
        if arguments or replace or dry_run or undo_file:
            raise UsageError("--undo takes nothing but an undo file; leave the rest out")
        _undo(undo_of, format)
        return
    if if_empty and replace:
        raise UsageError("--if-empty and --replace contradict each other; give one of them")
    if not arguments:
        raise UsageError("name the files or folders to tag, as in `zoo tag ~/Music --dry-run`")
    if "-" in arguments:
        raise UsageError("`zoo tag` writes into files, and - is standard input; name the files")
    reporter = TerminalReporter()
    run, paths = run_and_paths(arguments, reporter.note)
    kept = None if dry_run else UndoFile(undo_file)
    wish = Wish(paths, run or NAMES[0], replace, min_confidence, precision, jobs)
    counts = Counter[str]()
    for result in tag(wish, kept, reporter):
        counts[_outcome(result, dry_run)] += 1
        if format == "json":
            print_data(json_text(result.to_json()) + "\n")
        elif result.error is None and not result.is_done:
            say(_line(result))
        if result.error:
            is_named = result.error.startswith(result.path)
            reason = result.error if is_named else f"{result.path}: {result.error}"
            say(f"zoo: {reason}", err=True, style=WARNING)
        if result.written and kept and kept.count == 1:  # at once: the command may be interrupted
            reporter.note(f"`zoo tag --undo {quote(str(kept.path))}` restores the former genres")
    reporter.note(", ".join(f"{counts[what]} {what}" for what in sorted(counts)))
    if counts[_FAILED]:
        raise typer.Exit(1)


def _outcome(result: "Result", dry_run: bool) -> str:
    """Return what became of a file in a few words, for the count."""
    if result.error:
        return _FAILED
    if result.genre:
        return "would get a genre" if dry_run else "got a genre"
    return "have one" if result.is_done else "without an answer" if result.run else "skipped"


def _line(result: "Result") -> str:
    """Return the line of a file that gets a genre, or does not although it has none."""
    if result.genre is None:
        label = "unknown" if result.run else "skipped"
        guess = f"; guess: {result.guess}" if result.guess else ""
        return f"{label}  {result.path}  ({result.reason}{guess})"
    former = f"  (was {', '.join(result.former)})" if result.former else ""
    return f"{result.genre}  {percent(result.confidence)}  {result.path}{former}"


def _undo(path: Path, format: str) -> None:
    from zoo_plugins._tagging.undo import read_entries, undo

    counts = Counter[str]()
    for entry, reason, failed in undo(read_entries(path)):
        counts[_FAILED if failed else "as before" if reason else "restored"] += 1
        if format == "json":
            done = {"path": entry.path, "restored": reason is None, "reason": reason}
            print_data(json_text(done) + "\n")
        elif reason is None:
            say(f"restored  {entry.path}")
        if failed:
            say(f"zoo: {entry.path}: {reason}", err=True, style=WARNING)
    TerminalReporter().note(", ".join(f"{counts[what]} {what}" for what in sorted(counts)))
    if counts[_FAILED]:
        raise typer.Exit(1)
