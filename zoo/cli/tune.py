"""``zoo tune``: hyperparameter search on the training part of one split."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli.completion import complete_model
from zoo.cli.console import TerminalReporter
from zoo.cli.experiment_file import ConfigOption
from zoo.cli.options import (
    DataOption,
    EngineOption,
    FormatOption,
    FrontEndOption,
    JobsOption,
    SchedulerOption,
    Tuner,
    UngroupedOption,
    chosen_engine,
    with_reading,
)
from zoo.cli.output import Text, columns, make_table, percent, print_result

if TYPE_CHECKING:
    from zoo.tuning.trials import Tuning
    from zoo_registry.reading import Reading

__all__ = ["command"]

_SHOWN = 10  # number of the best trials that are printed


@with_reading
def command(
    model: Annotated[
        str,
        typer.Argument(
            help="A name from `zoo models`, or ./my_model.py.", autocompletion=complete_model
        ),
    ],
    trials: Annotated[
        int,
        typer.Option(
            min=1, help="Number of trials, in addition to one with the default parameters."
        ),
    ] = 20,
    tuner: Annotated[
        Tuner,
        typer.Option(help="Search method; hyperband gives good trials more epochs or tracks."),
    ] = "random",
    data: DataOption = "demo",
    *,
    reading: "Reading",
    frontend: FrontEndOption = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Protocol, as for `zoo train`; the search uses the training part of its first "
            "fold only."
        ),
    ] = None,
    ungrouped: UngroupedOption = False,
    seed: Annotated[
        int, typer.Option(help="Random seed for the split, the search and the model.")
    ] = 0,
    jobs: JobsOption = None,
    engine: EngineOption = "processes",
    scheduler: SchedulerOption = None,
    config: ConfigOption = None,  # its values are those of the other options
    format: FormatOption = "table",
) -> None:
    """Search the parameters of a model, scored on inner folds of the training part.

    The same command continues an interrupted search; more --trials extend it.

    Example: zoo tune svm --trials 20 && zoo train svm --tuned
    """
    reporter = TerminalReporter()
    reporter.note(f"Tuning {model} on {data}: {trials} trials.")
    with reporter.bar("loading libraries"):
        from zoo.plugins.registry import find_dataset, open_registry, usable_model
        from zoo.tuning import trials as tunings
        from zoo.tuning.search import tune

    registry = open_registry()
    usable_model(registry, model, frontend)  # reading the data may take long
    with chosen_engine(engine, scheduler, jobs) as workers:
        dataset = find_dataset(data, registry, engine=workers, reporter=reporter, reading=reading)
        tuning = tune(
            model,
            dataset,
            frontend=frontend,
            trials=trials,
            tuner=tuner,
            protocol=protocol,
            grouped=not ungrouped,
            seed=seed,
            engine=workers,
            reporter=reporter,
            registry=registry,
        )
    shares = tunings.importance(tuning)
    listed = [trial.to_dict() | {"score": trial.score} for trial in tuning.trials]
    result = {"tuning": tuning.id, "trials": listed, "importance": shares}
    print_result(format, json=result, table=_text(tuning, shares))
    if tuning.best is None:
        raise typer.Exit(1)
    again = tunings.command(
        "train", model, dataset, frontend, "--tuned",
        protocol=protocol, grouped=not ungrouped, seed=seed,
    )  # fmt: skip
    reporter.note(f"Next: `{again}`.")


def _text(tuning: "Tuning", shares: dict[str, float]) -> Text:
    done = [trial for trial in tuning.trials if trial.score is not None]
    shared = any(trial.share < 1 for trial in done)
    ranked = sorted(done, key=lambda trial: (-trial.share, -(trial.score or 0), trial.number))
    names = sorted({name for trial in tuning.trials for name in trial.params})
    headings = ("trial", *["share"] * shared, "score", *names, "seconds")
    rows = (
        (
            trial.number,
            *[f"{trial.share:.2g}"] * shared,
            percent(trial.score),
            *(_value(trial.params.get(name)) for name in names),
            f"{trial.seconds:.1f}",
        )
        for trial in ranked[:_SHOWN]
    )
    title = f"{tuning.id}: the best of {len(done)} trials"
    if any(trial.number == 0 for trial in done):
        title += ", including trial 0 with the card's defaults"
    yield make_table(columns(*headings, justify="right"), rows, title)
    for trial in tuning.trials:
        if trial.error:
            yield f"trial {trial.number} failed: {trial.error}"
    if shares:
        by_share = sorted(shares.items(), key=lambda pair: -pair[1])
        yield "What matters: " + ", ".join(f"{name} {share:.0%}" for name, share in by_share)
    yield f"All trials: {tuning.folder / 'trials.csv'}"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
