"""``zoo runs``: runs of the workspace."""

from contextlib import nullcontext
from dataclasses import asdict
from itertools import chain
from statistics import mean
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from zoo.cli import runs_export, runs_list
from zoo.cli.choice import note_choices
from zoo.cli.completion import complete_data, complete_run
from zoo.cli.confusion import confusion_table
from zoo.cli.console import TerminalReporter
from zoo.cli.options import ListFormat, RunArgument
from zoo.cli.output import (
    AlertNote,
    Text,
    columns,
    make_table,
    percent,
    print_data,
    print_result,
    say,
)
from zoo.cli.run_choices import about_run, edit, prefer
from zoo_registry.errors import RunError
from zoo_registry.text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from zoo.evaluate.metrics import ClassScores, Scores
    from zoo_registry.predictions import Predictions
    from zoo_registry.runs import Run

__all__ = ["app"]

app = typer.Typer(help="List, show, name, verify, export and remove runs.", no_args_is_help=True)

_WAITING = "waiting for its training to end"
_CONFUSED = 200  # classes in a confusion matrix

app.command("list")(runs_list.command)


@app.command("show")
def show(
    run: RunArgument,
    format: Annotated[
        Literal["table", "json", "toml"],
        typer.Option(help="Output format; toml is a file for `zoo train --config`."),
    ] = "table",
) -> None:
    """Show one run: scores, confusion matrix, parameters, what was left out.

    Example: zoo runs show svm
    """
    from zoo.workspace import find_run

    found = find_run(run)
    note_choices({run: found.id})
    if format == "toml":
        from zoo.cli.experiment_file import as_toml

        print_data(as_toml(found))
        return
    record = {"run": found.id, "folder": str(found.folder)} | about_run(found)
    record |= found.record.to_dict()
    record |= {"status": found.status, "scores": None, "confusion": None, "changes": None}
    text: Text = _facts(found)
    if found.is_scored:
        from zoo.cli.importance import importance_part
        from zoo.cli.robustness import robustness_part
        from zoo.cli.size_curve import sizes_part
        from zoo.evaluate.metrics import class_scores, confusion, score
        from zoo.evaluate.origins import origin_sentence
        from zoo.evaluate.rejection import rejection
        from zoo.evaluate.significance import Entries

        predictions = found.predictions()
        scores, matrix = score(predictions), confusion(predictions)
        entries = Entries([[predictions.scored]], _learnt(found))
        metrics, classes = entries.scores()[0], class_scores(predictions)
        record |= {"scores": asdict(scores), "confusion": matrix.tolist()}
        record["metrics"] = {
            name: dict(zip(("value", "low", "high"), figures, strict=True))
            for name, figures in metrics.items()
        }
        record["classes"] = list(map(asdict, classes))
        text = chain(text, _scores(predictions, scores, matrix))
        text = chain(text, _metrics(metrics), _classes(classes))
        if by_origin := origin_sentence(found, predictions.scored, _learnt(found)):
            record["by_origin"] = by_origin
            text = chain(text, [f"{by_origin[0].upper()}{by_origin[1:]}."])
        if rejected := rejection(predictions):
            record["other"] = asdict(rejected)
            text = chain(text, [f"{rejected.sentence}."])
        record["changes"], changed = robustness_part(found, predictions)
        text = chain(text, changed)
        record["importance"], important = importance_part(found, predictions)
        text = chain(text, important)
        if found.record.sizes:
            record["size_curve"], sizes = sizes_part(found)
            text = chain(text, sizes)
    print_result(format, json=record, table=text)


def _learnt(run: "Run") -> float:
    """Return the mean number of training tracks per fold."""
    return mean(entry.train_tracks for entry in run.record.folds if entry.is_trained)


def _facts(run: "Run") -> Text:
    record = run.record
    params = ", ".join(f"{name}={value}" for name, value in record.params.items()) or "none"
    chosen = about_run(run)
    facts = {
        "run": run.id,
        **{key: chosen[key] for key in ("name", "note") if chosen[key]},
        **({"preferred": f"{record.model.name} means this run"} if chosen["preferred"] else {}),
        "folder": run.folder,
        "status": run.state + (f": {record.error}" if record.error else ""),
        "dataset": f"{record.dataset.title}, {record.dataset.tracks} tracks",
        **({"kept from": record.dataset.kept_from} if record.dataset.kept_from else {}),
        "protocol": record.protocol.spec
        + ("" if record.protocol.grouped else ", split by track (--ungrouped)")
        + f", seed {record.seed}",
        **({"members": record.combines} if record.members else {}),
        "parameters": params,
        "front end": record.frontend_spec,
        "artefact": "none yet" if record.artefact.is_due else run.form,
    }
    if weights := record.frontend_plugin and record.frontend_plugin.described_weights:
        facts["weights"] = weights
        facts["seen"] = " ".join(record.trained_on)
    for name, value in facts.items():
        yield f"{name:<11}{value}"
    if run.about_fault:
        yield AlertNote(run.about_fault)
    if run.status in ("no artefact", "interrupted"):
        yield f"next       run `{record.command}` again"
    for skipped in record.skipped:
        yield f"left out   {skipped.reason}"
    for noted in record.dataset.noted:
        yield f"noted      {noted.track}: {noted.note}"
    for reason, folds in record.failures.items():
        if record.error != f"{folds}: {reason}":
            yield f"{folds} failed: {reason}"
    for entry in record.folds:
        for missing in entry.skipped:
            yield f"no answer  {missing.track}, {missing.change}: {missing.reason}"
    for name, kept in record.extensions.items():
        for key, value in kept.items() if isinstance(kept, dict) else [("", kept)]:
            yield f"{name:<10} {key} {_in_words(value)}".rstrip()


def _in_words(value: Any) -> str:
    """Return a value of an extension as text; figures of a dictionary follow their names."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(item)}" for name, item in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _scores(predictions: "Predictions", scores: "Scores", matrix: "NDArray[np.int64]") -> Text:
    folds = " ".join(["; folds", *map(percent, scores.fold_accuracy)])
    yield (
        f"accuracy {percent(scores.accuracy)} by vote, {percent(scores.accuracy_mean)} by mean "
        f"probability, macro F1 {percent(scores.macro_f1)}{folds * bool(scores.fold_accuracy)}"
    )
    if len(predictions.classes) > _CONFUSED:
        return
    yield ""
    yield confusion_table(predictions, matrix)


def _metrics(metrics: "Mapping[str, tuple[float, float, float]]") -> Text:
    from zoo.evaluate.board import TITLES, metric_key
    from zoo.evaluate.comparison import limits

    titles = {metric_key(name): title for name, title in TITLES.items()}
    yield make_table(
        [*columns("metric", no_wrap=True), *columns("value", "95 % interval", justify="right")],
        (
            (titles[key], percent(value), limits(low, high, percent, "-"))
            for key, (value, low, high) in metrics.items()
        ),
        "metrics",
    )


def _classes(classes: "Sequence[ClassScores]") -> Text:
    if len(classes) > _CONFUSED:
        return
    names = ("precision", "recall", "F1", "tracks")
    yield make_table(
        [*columns("class", overflow="fold"), *columns(*names, justify="right", no_wrap=True)],
        (
            (one.name, percent(one.precision), percent(one.recall), percent(one.f1), one.tracks)
            for one in classes
        ),
        "classes",
    )


@app.command("verify")
def verify_runs(
    run: Annotated[
        str | None,
        typer.Argument(
            help="A run's id or folder, a model's name, or its file (all runs of it); or all runs.",
            autocompletion=complete_run,
        ),
    ] = None,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Also train again, and compare the predictions.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            help="The dataset, if it has moved or is at a URL.", autocompletion=complete_data
        ),
    ] = None,
    frontend: Annotated[
        str | None,
        typer.Option("--front-end", help="With --rerun, the file of a front end that you trust."),
    ] = None,
    format: Annotated[ListFormat, typer.Option(help="Output format.")] = "table",
) -> None:
    """Compute split, audit and scores of runs again, and fail on any difference.

    Example: zoo runs verify svm --rerun
    """
    reporter = TerminalReporter()
    with reporter.bar("loading libraries"):
        from zoo.training.verify import lacks_recordings, not_here, verify_run
    from zoo.workspace import find_run, runs, runs_of_file
    from zoo_registry.runs import Run

    results: list[dict[str, Any]] = []
    file = run if run and run.endswith(".py") else None
    found: Sequence[Run | RunError]
    if run is None:
        found = list(runs())
    elif file:
        known = runs_of_file(file, [item for item in runs() if isinstance(item, Run)])
        found = [item for item in known if item.complete] or known
    else:
        one = find_run(run)
        note_choices({run: one.id})
        found = [one]
    for item in found:
        if isinstance(item, Run):
            with reporter.bar(f"verifying {item.id}"):
                findings = verify_run(
                    item, rerun=rerun, data=data, file=file, frontend=frontend, reporter=reporter
                )
            result = {"run": item.id, "findings": list(map(asdict, findings))}
            if lacks_recordings(item):
                if not data:
                    result["note"] = f"{not_here(item)}; --data FOLDER compares it with them"
            elif item.id != item.record.id and not any(one.what == "record" for one in findings):
                reporter.note(f"{item.id} is the run {item.record.id}: its folder was renamed")
            results.append(result)
        else:
            finding = {"what": "record", "detail": str(item)}
            results.append({"run": None, "findings": [finding]})
    ensembles = {item.id for item in found if isinstance(item, Run) and item.record.members}
    print_result(format, json=results, table=_findings(results, rerun, ensembles))
    if any(result["findings"] for result in results):
        raise typer.Exit(1)
    if not results:
        say("There is no run to verify; `zoo train svm` makes one.", err=True)


def _findings(results: list[dict[str, Any]], rerun: bool, ensembles: set[str]) -> Text:
    for result in results:
        name = result["run"] or "damaged run"
        again = "combined" if name in ensembles else "trained"
        if not result["findings"]:
            if note := result.get("note"):
                yield f"{name}: files and card verified, not the split and the answers"
                yield AlertNote(f"{name}: {note}")
            else:
                yield f"{name}: verified{f'; {again} again with the same result' * rerun}"
        for found in result["findings"]:
            yield f"{name}: {found['what']}: {found['detail']}"


app.command("export")(runs_export.command)


@app.command("remove")
def remove_run(
    run: Annotated[
        str,
        typer.Argument(
            help="A run's id, its first characters (eight at least), or its folder.",
            autocompletion=complete_run,
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a run of the workspace; other files in its folder stay.

    Example: zoo runs remove svm-1f0c9a4e2b
    """
    from zoo.workspace import (
        ensembles_of,
        find_removable,
        locked,
        place_of_folder,
        preferences,
        remove,
        runs,
    )
    from zoo_registry.runs import Run

    found = find_removable(run)
    link = "the link " if found.is_symlink() else ""
    for made in ensembles_of(found):
        say(
            f"{made.id} combines {found.name}: it predicts without it, but `zoo runs verify` needs "
            "it",
            err=True,
        )
    if not yes:
        try:
            agreed = typer.confirm(shown(f"Delete {link}{found}?"))
        except typer.Abort:  # the end of what can be read; nobody may be there
            say()
            agreed = False
        if not agreed:
            raise RunError("nothing was removed; --yes removes without a question")
    # What a link leads to is not the workspace's.
    with nullcontext() if link else locked(found, lambda: say(_WAITING, err=True)):
        left = remove(found)
    say(f"Removed {link}{found}", err=True)
    for one in preferences():
        if one.run == place_of_folder(found):
            again = f"`zoo runs prefer {one.id} --clear` forgets that"
            others = (item.record.model.name for item in runs() if isinstance(item, Run))
            now = "means another run now" if one.model in others else "has no run any more"
            say(f"{one.id} was preferred: {one.model} {now}; {again}", err=True)
    if left:
        say(f"{found} still holds {', '.join(left)}, not written by the zoo", err=True)


app.command("edit")(edit)
app.command("prefer")(prefer)
