"""``zoo runs``: what lies in the workspace."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from zoo.cli.completion import complete_data, complete_run
from zoo.cli.console import (
    ListFormat,
    in_columns,
    new_table,
    percent,
    print_data,
    print_json,
    print_table,
    say,
)
from zoo_registry.text import shown

__all__ = ["app"]

app = typer.Typer(help="List, show, verify, export and remove runs.", no_args_is_help=True)


@app.command("list")
def list_runs(
    format: Annotated[ListFormat, typer.Option(help="How to print the list.")] = ListFormat.table,
) -> None:
    """List all runs of the workspace, the damaged ones included.

    Example: zoo runs list --format json
    """
    from zoo.workspace import runs
    from zoo_registry.runs import Run

    found = list(runs())
    sound = [item for item in found if isinstance(item, Run)]
    damaged = [item for item in found if not isinstance(item, Run)]
    if format is ListFormat.json:
        print_json(
            [_summary(run) for run in sound]
            + [{"run": None, "status": "damaged", "error": str(error)} for error in damaged]
        )
        return
    table = new_table()
    for heading in ("run", "dataset", "protocol", "status", "finished (UTC)"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "run")
    for run in sound:
        summary = _summary(run)
        protocol = summary["protocol"] + ("" if summary["grouped"] else " ungrouped")
        finished = (summary["finished"] or "")[:16].replace("T", " ")
        cells = (run.id, summary["dataset"], protocol, summary["status"], finished)
        table.add_row(*in_columns(cells))
    if sound:
        print_table(table)
    elif not damaged:
        say("There is no run yet; `zoo train svm` makes one.", err=True)
    for error in damaged:
        say(f"damaged: {error}", err=True)


def _summary(run: Any) -> dict[str, Any]:
    record = run.record
    return {
        "run": run.id,
        "model": record.model.name,
        "dataset": record.dataset.name,
        "protocol": record.protocol.spec,
        "grouped": record.protocol.grouped,
        "status": record.status,
        "finished": record.finished,
        "folder": str(run.folder),
        "error": record.error,
    }


@app.command("show")
def show(
    run: Annotated[
        str,
        typer.Argument(
            help="A run's id or folder, or a model's name.", autocompletion=complete_run
        ),
    ],
    format: Annotated[ListFormat, typer.Option(help="How to print it.")] = ListFormat.table,
) -> None:
    """Show one run: scores, confusion matrix, parameters, what was left out.

    Example: zoo runs show svm
    """
    from zoo.workspace import find_run

    found = find_run(run)
    predictions = found.predictions() if found.complete else None
    if predictions is None:
        scores, matrix = None, None
    else:
        from zoo.evaluate.metrics import confusion, score

        scores, matrix = score(predictions), confusion(predictions)
    if format is ListFormat.json:
        print_json(
            {"run": found.id, "folder": str(found.folder)}
            | found.record.to_dict()
            | {
                "scores": asdict(scores) if scores else None,
                "confusion": matrix.tolist() if matrix is not None else None,
            }
        )
        return
    _print_facts(found)
    if scores is not None and predictions is not None and matrix is not None:
        folds = " ".join(map(percent, scores.fold_accuracy))
        say(
            f"accuracy {percent(scores.accuracy)} by vote, {percent(scores.accuracy_mean)} by mean "
            f"probability, macro F1 {percent(scores.macro_f1)}; folds {folds}"
        )
        say()
        table = new_table(title="confusion: rows are labels, columns are answers")
        table.add_column("", no_wrap=True)
        for name in in_columns(predictions.classes):  # ten of them fit into 80 columns
            table.add_column(name[:4], justify="right", no_wrap=True)
        for name, counts in zip(predictions.classes, matrix.tolist(), strict=True):
            table.add_row(*in_columns((name, *(count or "." for count in counts))))
        print_table(table)


def _print_facts(run: Any) -> None:
    record = run.record
    params = ", ".join(f"{name}={value}" for name, value in record.params.items()) or "none"
    artefact = record.artefact.file or record.artefact.error or "none yet"
    facts = {
        "run": run.id,
        "folder": run.folder,
        "status": record.status + (f": {record.error}" if record.error else ""),
        "dataset": f"{record.dataset.name}, {record.dataset.tracks} tracks",
        "protocol": record.protocol.spec
        + ("" if record.protocol.grouped else ", split by track (--ungrouped)")
        + f", seed {record.seed}",
        "parameters": params,
        "artefact": artefact,
    }
    for name, value in facts.items():
        say(f"{name:<11}{value}")
    for skipped in record.skipped:
        say(f"left out   {skipped.reason}")
    for entry in record.folds:
        if entry.error:
            say(f"fold {entry.fold} failed: {entry.error}")
    for name, kept in record.extensions.items():
        for key, value in kept.items() if isinstance(kept, dict) else [("", kept)]:
            say(f"{name:<10} {key} {_in_words(value)}".rstrip())


def _in_words(value: Any) -> str:
    """Return what an extension keeps: figures by their names, anything else as it is."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(item)}" for name, item in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@app.command("verify")
def verify_runs(
    run: Annotated[
        str | None,
        typer.Argument(
            help="A run's id or folder, or a model's name; all by default.",
            autocompletion=complete_run,
        ),
    ] = None,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Also train again, and compare the predictions.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            help="Where the dataset is now, if it has moved.", autocompletion=complete_data
        ),
    ] = None,
    format: Annotated[
        ListFormat, typer.Option(help="How to print the findings.")
    ] = ListFormat.table,
) -> None:
    """Compute split, audit and scores of runs again, and fail on any difference.

    Example: zoo runs verify svm --rerun
    """
    from zoo.cli.console import TerminalReporter
    from zoo.training.verify import verify_run
    from zoo.workspace import find_run, runs
    from zoo_registry.runs import Run

    wanted = list(runs()) if run is None else [find_run(run)]
    reporter = TerminalReporter()
    results: list[dict[str, Any]] = []
    for item in wanted:
        if isinstance(item, Run):
            findings = verify_run(item, rerun=rerun, data=data, reporter=reporter)
            results.append({"run": item.id, "findings": list(map(asdict, findings))})
        else:
            finding = {"what": "record", "detail": str(item)}
            results.append({"run": None, "findings": [finding]})
    if format is ListFormat.json:
        print_json(results)
    for result in results if format is ListFormat.table else ():
        name = result["run"] or "damaged run"
        if not result["findings"]:
            say(f"{name}: verified{', and trained again alike' if rerun else ''}")
        for found in result["findings"]:
            say(f"{name}: {found['what']}: {found['detail']}")
    if any(result["findings"] for result in results):
        raise typer.Exit(1)
    if not results:
        say("There is no run to verify; `zoo train svm` makes one.", err=True)


@app.command("export")
def export_run(
    run: Annotated[
        str,
        typer.Argument(
            help="A run's id or folder, or a model's name.", autocompletion=complete_run
        ),
    ],
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
) -> None:
    """Write a folder that stands alone: the ONNX file, its card, a script of 20 lines.

    Example: zoo runs export svm handed-over
    """
    from zoo.artefacts.bundle import hand_over
    from zoo.workspace import find_run

    for path in hand_over(find_run(run), folder):
        print_data(f"{path}\n")


@app.command("remove")
def remove_run(
    run: Annotated[str, typer.Argument(help="A run's id or folder.", autocompletion=complete_run)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a run.

    Example: zoo runs remove svm-1f0c9a4e2b
    """
    from zoo.workspace import find_run, locked, remove

    found = find_run(run)
    if not yes:
        typer.confirm(shown(f"Delete {found.folder}?"), abort=True)
    with locked(found.folder, lambda: say("waiting for its training to end", err=True)):
        remove(found)
