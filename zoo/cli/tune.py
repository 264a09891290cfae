"""``zoo tune``: search better parameters, and say which tracks the search has seen."""

from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.completion import complete_model
from zoo.cli.console import (
    ListFormat,
    Tuner,
    in_columns,
    new_table,
    percent,
    print_json,
    print_table,
    say,
)
from zoo.cli.options import (
    DataOption,
    EngineName,
    EngineOption,
    JobsOption,
    SchedulerOption,
    UngroupedOption,
    chosen_engine,
)

if TYPE_CHECKING:
    from zoo.tuning.trials import Tuning

__all__ = ["command"]

_SHOWN = 10  # of the best trials


def command(
    model: Annotated[
        str,
        typer.Argument(
            help="A name from `zoo models`, or ./my_model.py.", autocompletion=complete_model
        ),
    ],
    trials: Annotated[int, typer.Option(min=1, help="Beside that of the defaults.")] = 20,
    tuner: Annotated[
        Tuner, typer.Option(help="hyperband shares out epochs, or training tracks.")
    ] = Tuner.random,
    data: DataOption = "demo",
    protocol: Annotated[
        str, typer.Option(help="The search sees the training part of its first fold.")
    ] = "kfold:5",
    ungrouped: UngroupedOption = False,
    seed: Annotated[int, typer.Option(help="Of split, search and model.")] = 0,
    jobs: JobsOption = None,
    engine: EngineOption = EngineName.processes,
    scheduler: SchedulerOption = None,
    format: Annotated[ListFormat, typer.Option(help="How to print it.")] = ListFormat.table,
) -> None:
    """Search the parameters of a model, scored on inner folds of the training part.

    The same command goes on where it was interrupted; more --trials continue it.

    Example: zoo tune svm --trials 20 && zoo train svm --tuned
    """
    from zoo.cli.console import TerminalReporter
    from zoo.tuning.search import tune
    from zoo.tuning.trials import importance

    reporter = TerminalReporter()
    with chosen_engine(engine, scheduler, jobs) as workers:
        tuning = tune(
            model,
            data,
            trials=trials,
            tuner=tuner.value,
            protocol=protocol,
            grouped=not ungrouped,
            seed=seed,
            engine=workers,
            reporter=reporter,
        )
    shares = importance(tuning)
    if format is ListFormat.json:
        listed = [trial.to_dict() | {"score": trial.score} for trial in tuning.trials]
        print_json({"tuning": tuning.id, "trials": listed, "importance": shares})
    else:
        _print_trials(tuning)
        if shares:
            ranked = sorted(shares.items(), key=lambda pair: -pair[1])
            say("What matters: " + ", ".join(f"{n} {share:.0%}" for n, share in ranked))
        say(f"All trials: {tuning.folder / 'trials.csv'}")
    if tuning.best is None:
        raise typer.Exit(1)
    reporter.note(f"Next: `zoo train {model} --data {data} --tuned`.")


def _print_trials(tuning: "Tuning") -> None:
    done = [trial for trial in tuning.trials if trial.score is not None]
    shared = any(trial.share < 1 for trial in done)
    ranked = sorted(done, key=lambda trial: (-trial.share, -(trial.score or 0), trial.number))
    title = f"{tuning.id}: {len(done)} trials, the best of them; 0 is the card's defaults"
    table = new_table(title=title)
    names = sorted({name for trial in tuning.trials for name in trial.params})
    for name in ("trial", *["share"] * shared, "score", *names, "seconds"):
        table.add_column(*in_columns([name]), justify="right")
    for trial in ranked[:_SHOWN]:
        values = (trial.params.get(name) for name in names)
        cells = [f"{v:.4g}" if isinstance(v, float) else str(v) for v in values]
        share = [f"{trial.share:.2g}"] * shared
        seconds = f"{trial.seconds:.1f}"
        row = (trial.number, *share, percent(trial.score), *cells, seconds)
        table.add_row(*in_columns(row))
    print_table(table)
    for trial in tuning.trials:
        if trial.error:
            say(f"trial {trial.number} failed: {trial.error}")
