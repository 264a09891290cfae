"""``zoo predict``: what is in these recordings, according to a trained model."""

import csv
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.console import TerminalReporter, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zoo.predicting import Prediction

__all__ = ["command"]


class PredictionFormat(StrEnum):
    """How predictions are printed."""

    table = "table"
    json = "json"
    csv = "csv"


def command(
    run: Annotated[str, typer.Argument(help="A run's id or folder, or a model's name.")],
    paths: Annotated[list[Path], typer.Argument(help="Audio files, or folders of them.")],
    format: Annotated[
        PredictionFormat, typer.Option(help="json prints one object a line.")
    ] = PredictionFormat.table,
) -> None:
    """Classify recordings with a trained model.

    Example: zoo predict svm song.mp3 --format json
    """
    from zoo.predicting import audio_files, predict

    files = audio_files(paths)
    writers = {
        PredictionFormat.json: _write_json,
        PredictionFormat.csv: _write_csv,
        PredictionFormat.table: _write_lines,
    }
    failed = 0
    with TerminalReporter().bar(f"{len(files)} files", len(files)) as bar:

        def watched() -> "Iterator[Prediction]":
            nonlocal failed
            for done, prediction in enumerate(predict(run, files), start=1):
                failed += prediction.error is not None
                yield prediction
                bar.update(done)

        writers[format](watched())
    if failed:
        raise typer.Exit(1)


def _write_json(predictions: "Iterable[Prediction]") -> None:
    for prediction in predictions:
        sys.stdout.write(json.dumps(prediction.to_json(), ensure_ascii=False) + "\n")
        sys.stdout.flush()


def _write_csv(predictions: "Iterable[Prediction]") -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["path", "label", "confidence", "windows", "error"])
    for item in predictions:
        confidence = "" if item.confidence is None else f"{item.confidence:.6g}"
        writer.writerow([item.path, item.label, confidence, item.windows, item.error])
        sys.stdout.flush()


def _write_lines(predictions: "Iterable[Prediction]") -> None:
    for item in predictions:
        if item.error is not None:
            sys.stderr.write(f"zoo: {item.error}\n")
            continue
        votes = ", ".join(
            f"{name} {count}"
            for name, count in sorted((item.votes or {}).items(), key=lambda pair: -pair[1])
        )
        sys.stdout.write(f"{item.label}  {percent(item.confidence)}  {item.path}  ({votes})\n")
        sys.stdout.flush()
