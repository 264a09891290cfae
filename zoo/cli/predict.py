"""``zoo predict``: prediction of the labels of audio files."""

import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

from zoo.cli.choice import note_choices, note_default
from zoo.cli.colour import WARNING
from zoo.cli.completion import complete_asked
from zoo.cli.console import TerminalReporter
from zoo.cli.options import ForceOption, MinConfidenceOption, PrecisionOption
from zoo.cli.output import percent, print_data, say
from zoo.cli.wrapping import in_width, is_terminal
from zoo.execution.progress import SAVED
from zoo.inference.prediction import NONE_OF_THEM, UNLIKE, Prediction
from zoo_registry.errors import UsageError
from zoo_registry.text import few, shown

if TYPE_CHECKING:
    from zoo.inference.predictors import Predictor
    from zoo_registry.runs import Run

__all__ = ["command"]


def command(
    given: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN]... PATH...",
            help="First the model: a published run, a run's id or folder, a model's name or file, "
            "model@dataset, or an ONNX file. Without a model, your newest run is used, or else the "
            "best published one. Then the recordings: audio files, folders, patterns; - for "
            "standard input, ./-a.wav for a name that begins with a hyphen.",
            autocompletion=complete_asked,
        ),
    ],
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Also print the label over time.")
    ] = False,
    min_confidence: MinConfidenceOption = "0",
    precision: PrecisionOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="A .jsonl or .csv file, continued if the command was interrupted; - for standard "
            "output."
        ),
    ] = None,
    force: ForceOption = False,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Files processed at the same time; all cores by default."),
    ] = None,
    format: Annotated[
        Literal["table", "json", "csv"],
        typer.Option(help="Output format; json prints one object per line."),
    ] = "table",
) -> None:
    """Classify recordings with a trained model: one of yours, or one that comes with the zoo.

    Example: zoo predict song.mp3
    """
    reporter = TerminalReporter()
    with reporter.bar("loading libraries"):
        from zoo.inference.arguments import models_and_recordings, recordings
        from zoo.inference.confidence import least_confidence
        from zoo.inference.output_file import (
            OutputFile,
            csv_header,
            csv_lines,
            is_stdout,
            json_line,
        )
        from zoo.inference.predict import predict
        from zoo.inference.predictors import open_models
    named, paths = models_and_recordings(given, reporter.note)
    files: list[str] = recordings(paths, reporter.note)
    if output is not None and format == "table":
        format = "csv" if output.suffix.lower() == ".csv" else "json"
    as_csv = format == "csv"
    if output is not None and is_stdout(output):
        output = None
    with reporter.bar(f"opening {', '.join(named) or 'the model'}"):
        models = open_models(named or [_default()], threads=None if 1 in (jobs, len(files)) else 1)
    note_choices(dict(zip(named, (model.name for model in models), strict=False)))
    kept = None
    if output is not None:
        model = _only(models)
        least = least_confidence(model, min_confidence, precision, reporter.note)
        kept = OutputFile(output, as_csv, timeline, model.name, force, least)
        min_confidence, precision = str(least), None
        waiting = [file for file in files if not kept.holds(file)]
        if len(waiting) < len(files):
            SAVED.set()
            reporter.note(f"{len(files) - len(waiting)} of {len(files)} files are in {output}")
        files = waiting
    if not files:
        return

    def as_line(found: Prediction) -> str:
        """Return a prediction in the chosen format."""
        if format == "table":
            return _text(found, of_several=len(models) > 1)
        return csv_lines(found, timeline) if as_csv else json_line(found)

    predictions = predict(
        models,
        files,
        timeline=timeline,
        min_confidence=min_confidence,
        precision=precision,
        jobs=jobs,
        in_order=format != "json",
        reporter=reporter,
    )
    hints = _Hints(models, timeline)
    aloud = kept is not None or format == "table"
    if named and format == "table":
        _say_heading(models)
    with closing(predictions), kept.open() if kept else nullcontext(None) as file:
        if as_csv and not file:
            print_data(csv_header(timeline))
        failed = _write(predictions.stream(), file, as_line, aloud, hints)
    if kept:
        answered = f"{len(files)} file{'s' * (len(files) != 1)} answered"
        reporter.note(f"{answered} into {output}, {failed} of them with an error")
    if aloud:
        hints.say()
    if failed:
        raise typer.Exit(1)


def _write(
    predictions: Iterable[Prediction],
    file: TextIO | None,
    as_line: Callable[[Prediction], str],
    aloud: bool,
    hints: "_Hints",
) -> int:
    """Write each prediction as soon as it is there; return the number of errors."""
    write, failed = file.write if file else print_data, 0
    for prediction in predictions:
        hints.see(prediction)
        if prediction.error is not None:
            failed += 1
            if aloud:
                say(f"zoo: {prediction.error}", err=True, style=WARNING)
        if prediction.heard is not None:
            say(f"zoo: {prediction.path}: {prediction.heard}", err=True, style=WARNING)
        write(as_line(prediction))
        (file or sys.stdout).flush()
        SAVED.set()
    return failed


def _default() -> "Run":
    from zoo.inference.predictors import default_model

    run = default_model()
    note_default(run)
    return run


def _only(models: "list[Predictor]") -> "Predictor":
    """Return the one model whose answers a file holds."""
    if models[1:]:
        raise UsageError("--output holds the answers of one model; ask one model at a time")
    return models[0]


def _text(found: Prediction, of_several: bool) -> str:
    """Return the line of a file, the label first, and the lines of its timeline.

    The line of one of several models begins with its name.
    """
    from zoo.inference.timeline import clock, stretches

    if found.error is not None:
        return ""
    ranked = sorted((found.votes or {}).items(), key=lambda pair: -pair[1])
    detail = found.reason or ", ".join(f"{name} {count}" for name, count in ranked)
    if found.label_mean not in (found.label, None) and not found.reason:
        detail += f"; by mean probability {found.label_mean}"
    if found.guess:  # each number stands beside what it is of
        own = (found.probabilities or {}).get(found.guess)
        sure = f" {percent(found.confidence)}" if found.reason == NONE_OF_THEM else ""
        detail += f"{sure}; guess: {found.guess} {percent(own)}"
    if found.silent and found.windows:
        detail += f"; {found.silent} silent {_do(found.silent)} not vote"
    if found.unlike and not (found.reason or "").startswith((UNLIKE, NONE_OF_THEM)):
        detail += f"; {found.unlike} {_do(found.unlike)} not vote: {UNLIKE}"
    if found.silent or found.windows:  # otherwise it is too short
        detail += f"; {found.seconds:.1f} s"
    if found.band:
        detail += f"; {found.band}"
    if of_several:
        detail += f"; trained on {found.dataset}" * (found.dataset is not None)
    elif not is_terminal():  # which has a heading; a line of a pipe stands alone
        name = "@".join(dict.fromkeys(filter(None, (found.run, found.dataset))))
        detail += f"; {shlex.quote(name)}"
    sure = "" if found.guess else f"{percent(found.confidence)}  "
    name = f"{found.run}: " if of_several else ""
    lines = [f"{name}{found.label}  {sure}{found.path}"]
    if is_terminal():
        lines += in_width(f"    {detail}", indent=4)
    else:
        lines[0] += f"  ({detail})"
    for part in stretches(found.timeline or []):
        times = f"{clock(part.start, 1)}-{clock(part.end, 1)}"
        lines.append(f"  {times:>21}  {part.shown}  {percent(part.confidence)}".rstrip())
    return "".join(shown(line) + "\n" for line in lines)


def _say_heading(models: "Sequence[Predictor]") -> None:
    """Print the name of the one model that is asked, and what it was trained on, on a terminal."""
    if len(models) == 1 and is_terminal():
        (model,) = models
        say(f"{model.name}, trained on {model.dataset}" if model.dataset else model.name)


class _Hints:
    """Sentences after the last answer, on what a reader may do next.

    The one on the timeline is left out if there is one, or can be none.
    """

    def __init__(self, models: "Sequence[Predictor]", timeline: bool) -> None:
        self._timeline = timeline or len(models) > 1 or not models[0].has_times
        self._answered: Counter[str] = Counter()
        self._unlike: Counter[str] = Counter()
        self._divided: dict[str, None] = {}

    def see(self, found: Prediction) -> None:
        """Count an answer."""
        if not found.windows or not found.votes or found.run is None:
            return
        self._answered[found.run] += 1
        self._unlike[found.run] += (found.reason or "").startswith(UNLIKE)
        if not found.reason and 2 * max(found.votes.values()) <= found.windows:
            self._divided[found.path] = None

    def say(self) -> None:
        """Print the sentences on stderr."""
        for hint in self._sentences():
            for line in in_width(hint, indent=2, err=True):
                say(line, err=True)

    def _sentences(self) -> Iterator[str]:
        if self._divided and not self._timeline:
            yield (
                f"no class has most of the windows of {few([*self._divided], 1, ' and ')}; "
                "--timeline shows which class is where"
            )
        for run, count in self._unlike.items():
            if 2 * count > self._answered[run]:
                these = (
                    "most of these recordings are"
                    if self._answered[run] > 1
                    else "this recording is"
                )
                yield (
                    f"{these} unlike those that {run} was trained on; `zoo models` lists other "
                    "models"
                )


def _do(count: int) -> str:
    return "window does" if count == 1 else "windows do"
