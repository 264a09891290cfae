"""``zoo label``: recordings whose labels would help a model most, as a table and as a page."""

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zoo.cli.choice import note_choices, note_default
from zoo.cli.colour import WARNING
from zoo.cli.completion import complete_trained
from zoo.cli.console import TerminalReporter
from zoo.cli.options import OpenOption
from zoo.cli.output import Note, columns, make_table, percent, print_result, say
from zoo_registry.errors import UsageError, ZooError
from zoo_registry.files import check_replaceable
from zoo_registry.predictions import OTHER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo.cli.output import Text
    from zoo.inference.label_sheet import LabelSheet
    from zoo.inference.labelling import Proposal
    from zoo.inference.predictors import Predictor
    from zoo_registry.runs import Run

__all__ = ["command"]


def command(
    paths: Annotated[list[str], typer.Argument(help="Folders, audio files, patterns.")],
    run: Annotated[
        str | None,
        typer.Option(
            help="A run's id or folder, a model's name or file, or an ONNX file; by default as for "
            "`zoo predict`.",
            autocompletion=complete_trained,
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Number of recordings to label.")] = 20,
    out: Annotated[
        Path,
        typer.Option(help="The table, labels.csv by default; existing rows are kept."),
    ] = Path("labels.csv"),
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve a page to play the recordings and enter labels.")
    ] = False,
    open: OpenOption = False,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of the page; 0 for any free port.")
    ] = 0,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Files processed at the same time; all cores by default."),
    ] = None,
    format: Annotated[Literal["table", "json"], typer.Option(help="Output format.")] = "table",
) -> None:
    """Choose the recordings to label next, and write them into a table for `zoo train --data`.

    Example: zoo label ./folder --run gtzan --open
    """
    from zoo.audio.files import STDIN, audio_files
    from zoo.inference.label_sheet import LabelSheet
    from zoo.inference.labelling import propose
    from zoo.inference.predictors import default_model, open_model
    from zoo.workspace import sole_writer

    serve = serve or open
    if STDIN in paths:
        raise UsageError("standard input has no path that a table could hold; give files")
    reporter = TerminalReporter()
    files: list[str] = audio_files(paths, reporter.note)
    asked = default_model() if run is None else _run_of(run)
    if run is None and asked:
        note_default(asked)
    check_replaceable(out, lambda _: True)
    with sole_writer(out):
        sheet = LabelSheet(out)
        waiting = sheet.waiting()
        threads = None if 1 in (jobs, len(files)) else 1
        model = open_model(run or asked or "", threads, embeds=True)
        if run is not None:
            note_choices({run: model.name})
        if len(model.classes) < 2:  # noqa: PLR2004
            raise UsageError(f"{model.name} knows one class, and is never unsure")
        proposals: list[Proposal] = []
        if len(waiting) < count:
            more = count - len(waiting)
            proposals = propose(model, files, sheet, more, jobs, reporter, _say_failed)
            sheet.add([proposal.to_row() for proposal in proposals])
        reporter.note(_summary(sheet, len(proposals), model.name))
        command = _command_to_train(asked, run, out)
        if not serve:
            rows = [asdict(proposal) | {"label": ""} for proposal in proposals]
            print_result(format, json=rows, table=_table(proposals, command))
            return
        _serve(sheet, model, command, port, open)


def _serve(sheet: "LabelSheet", model: "Predictor", command: str, port: int, open: bool) -> None:
    """Serve the page, until interrupted."""
    from zoo.web.label_page import LabelPage, serve

    def ready(address: str) -> None:
        """Print the address; open the page if requested."""
        say("The page is served at this address; Ctrl-C ends it.", err=True)
        say(address)
        sys.stdout.flush()
        if open:
            import webbrowser

            webbrowser.open(address)

    recordings = [sheet.file(row) for row in sheet.waiting()]
    classes = [name for name in model.classes if name != OTHER]
    serve(LabelPage(sheet, recordings, classes, model.name, command), port, ready)


def _say_failed(sentence: str) -> None:
    say(f"zoo: {sentence}; it is skipped", err=True, style=WARNING)


def _run_of(wanted: str) -> "Run | None":
    """Return the run that a word means, None if it is the file of an artefact."""
    from zoo.workspace import find_run

    try:
        return find_run(wanted, lambda run: run.takes_audio)
    except ZooError:
        return None


def _summary(sheet: "LabelSheet", added: int, asked: str) -> str:
    waiting = len(sheet.waiting())
    kept = len(sheet.rows) - waiting
    has = f"{kept} row{_s(kept)} with a label kept, " * bool(kept)
    left = "" if waiting else "; no recording is left that the model could judge"
    return (
        f"{sheet.path}: {has}{added} new row{_s(added)}, {waiting} without a label{left} "
        f"({asked} was asked)"
    )


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _command_to_train(asked: "Run | None", word: str | None, table: Path) -> str:
    """Return the command that trains the model of a run, on its front end, with the table."""
    kind = "svm"
    if asked:
        model = asked.record.model
        name = (model.file if model.is_file else model.name) or kind
        kind = f"{shlex.quote(name)} --from {shlex.quote(word or asked.id)}"
    return f"zoo train {kind} --data {shlex.quote(str(table))}"


def _table(proposals: "Sequence[Proposal]", command: str) -> "Text":
    rows = [
        (Path(each.path).name, each.guess, percent(each.confidence), each.group, each.reason)
        for each in proposals
    ]
    if rows:
        named = columns("recording", "guess")
        numbers = columns("confidence", justify="right")
        yield make_table([*named, *numbers, *columns("group", "reason")], rows)
    yield Note(f"Fill in the column label, then train: {command}")
