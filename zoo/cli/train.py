"""``zoo train``: training and evaluation of models."""

from collections.abc import Mapping
from contextlib import nullcontext, suppress
from itertools import product
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.choice import note_choices
from zoo.cli.completion import complete_model, complete_run
from zoo.cli.console import TerminalReporter
from zoo.cli.experiment_file import ConfigOption, SetOption
from zoo.cli.options import (
    DataOption,
    EngineOption,
    FrontEndsOption,
    JobsOption,
    NameOption,
    NoteOption,
    SchedulerOption,
    Tuner,
    UngroupedOption,
    chosen_engine,
    with_reading,
)
from zoo.cli.output import print_text, say
from zoo.cli.plan import plan_text
from zoo.cli.trained import print_boards, print_curves
from zoo_registry.errors import PluginError, RunError, UsageError
from zoo_registry.text import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo.datasets import Dataset
    from zoo_registry.model import Model
    from zoo_registry.plugins import Registry
    from zoo_registry.reading import Reading
    from zoo_registry.runs import Run

__all__ = ["command", "setting"]

_IMBALANCE = 5.0  # tracks of the largest class over those of the smallest that are worth a note


@with_reading
def command(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names from `zoo models`, or files such as ./my_model.py.",
            autocompletion=complete_model,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Train every model that is ready.")] = False,
    data: DataOption = "demo",
    *,
    reading: "Reading",
    frontends: FrontEndsOption = None,
    from_run: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Use the front end of this run, such as the published gtzan.",
            autocompletion=complete_run,
        ),
    ] = None,
    keep_classes: Annotated[
        bool,
        typer.Option(
            "--keep-classes",
            help="Also learn the classes of the run given by --from, from its tracks.",
        ),
    ] = False,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="How tracks are split: kfold:5 (the default; leave-one-group-out if there are few "
            "groups), kfold:5x3, holdout:0.3x3, predefined; for GTZAN fault-filtered, artist-3fold."
        ),
    ] = None,
    ungrouped: UngroupedOption = False,
    settings: SetOption = None,
    tuned: Annotated[
        bool,
        typer.Option("--tuned", help="Use the best parameters that `zoo tune` found on this data."),
    ] = False,
    nested: Annotated[
        int, typer.Option(min=0, help="Trials of a parameter search inside every fold; 0 for none.")
    ] = 0,
    tuner: Annotated[Tuner, typer.Option(help="Search method of --nested.")] = "random",
    seeds: Annotated[
        list[int] | None,
        typer.Option(
            "--seed",
            help="Random seed for the split and the model, 0 by default; repeatable, for one run "
            "per seed.",
        ),
    ] = None,
    robustness: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Number of test tracks to test again after everyday changes, such as "
            "silence or MP3.",
        ),
    ] = None,
    no_robustness: Annotated[
        bool, typer.Option("--no-robustness", help="Do not test changed tracks; saves time.")
    ] = False,
    sizes: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            help="Also train on these numbers of tracks per class, such as 5,10,20,all, to see "
            "what more tracks would give.",
        ),
    ] = None,
    given_name: NameOption = None,
    note: NoteOption = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Train nothing; print what would be trained and about how long it takes.",
        ),
    ] = False,
    jobs: JobsOption = None,
    engine: EngineOption = "processes",
    scheduler: SchedulerOption = None,
    config: ConfigOption = None,  # its values are those of the other options
) -> None:
    """Train models and test each on data that it has not seen (cross-validation).

    The same command finds its earlier runs, continues an unfinished one, and
    never overwrites another.

    Example: zoo train svm random-forest --data ./my-music
    """
    reporter = _announced("Planning" if dry_run else "Training", models, every, data)
    from zoo.datasets import FeatureTable
    from zoo.evaluate.subsets import checked_sizes
    from zoo.plugins.registry import find_dataset, open_registry, usable_model
    from zoo.training.names import check_name
    from zoo.training.origin import Origin
    from zoo.training.train import train

    wanted = _tracks_to_change(robustness, no_robustness)
    fewer = checked_sizes(sizes.split(",") if sizes is not None else ())
    registry = open_registry()
    origin = Origin.checked(from_run, keep_classes, frontends, data)
    if from_run and origin.run:
        note_choices({from_run: origin.run.id})
    names = _wanted(models, every, registry)
    params = dict(map(setting, settings or ()))
    wishes = list(product(frontends or (origin.frontend(registry),), names, _seeds(seeds)))
    _check_name(given_name, note, len(wishes))
    weighted: dict[str, bool] = {}
    for frontend, name, seed in wishes:  # errors are reported before hours of work
        with suppress(UsageError) if every else nullcontext():
            model = usable_model(registry, name, frontend)
            weighted |= _checked(model, name, params)
            check_name(given_name, model, params, seed, tuned)
    failures: list[str] = []
    scored: list[Run] = []
    with chosen_engine(engine, scheduler, jobs) as workers:
        dataset = find_dataset(data, registry, engine=workers, reporter=reporter, reading=reading)
        dataset = origin.extended(dataset, registry, reporter)
        grouped = not ungrouped
        _note_facts(reporter, dataset, (protocol, grouped, wishes[0][2]), names, weighted)
        if dry_run:
            print_text(
                plan_text(
                    registry,
                    dataset,
                    wishes,
                    params,
                    protocol,
                    grouped,
                    wanted,
                    every,
                    tuned=tuned,
                    nested=nested,
                    tuner=tuner,
                    sizes=fewer,
                    jobs=jobs,
                    cluster=engine == "dask",
                )
            )
            return
        for frontend, name, seed in wishes:
            try:
                run = train(
                    name,
                    dataset,
                    frontend=frontend,
                    protocol=protocol,
                    grouped=grouped,
                    params=params,
                    tuned=tuned,
                    nested=nested,
                    tuner=tuner,
                    seed=seed,
                    robustness=wanted,
                    sizes=fewer,
                    name=given_name,
                    note=note,
                    engine=workers,
                    reporter=reporter,
                    registry=registry,
                )
            except (PluginError, RunError) as error:
                failures.append(f"{name}{f', seed {seed}' * bool(seeds)}: {error}")
                continue
            except UsageError as error:
                if every:  # models that do not fit the data are left out
                    reporter.warn(f"{name} is left out: {error}")
                elif seed == wishes[0][2]:
                    raise
                else:  # the split of another seed was possible
                    failures.append(f"{name}, seed {seed}: {error}")
                continue
            scored += [run] * run.is_scored
            failures += [run.lack] if run.lack else []
            failures += run.record.sizes.failures if run.record.sizes else []
    _finish(scored, failures, audio=not isinstance(dataset, FeatureTable), curves=bool(fewer))


def _finish(
    scored: "Sequence[Run]", failures: "Sequence[str]", *, audio: bool, curves: bool
) -> None:
    """Print boards and curves of what was trained; raise `PluginError` if anything failed."""
    print_boards(scored, audio=audio)
    print_curves(scored if curves else ())
    kept = dict.fromkeys(
        f"{name} has the runs: {place}"
        for run in scored
        for name, entry in run.record.extensions.items()
        if isinstance(entry, Mapping) and (place := entry.get("place"))
    )
    for sentence in kept:
        say(sentence, err=True)
    if failures:
        raise PluginError("not everything could be trained: " + "; ".join(failures))


def _announced(
    verb: str, models: "Sequence[str] | None", every: bool, data: str
) -> TerminalReporter:
    """Tell what is going to be trained, before the libraries for it are imported."""
    reporter = TerminalReporter()
    if models or every:
        which = "every model that is ready" if every else ", ".join(models or ())
        reporter.note(f"{verb} {which} on {data}.")
        with reporter.bar("loading libraries"):
            import zoo.training.train  # noqa: F401
    return reporter


def _checked(model: "Model", name: str, params: Mapping[str, str]) -> dict[str, bool]:
    """Check parameters; return by the name of the model whether it is weighted, if it can be."""
    from zoo.plugins.classical import check_estimator
    from zoo.training.network_checks import check_network

    resolved = model.card.resolve(params)
    check_network(model, resolved)
    is_balanced = model.card.split(resolved)[1]
    if is_balanced:
        check_estimator(model, resolved)
    return {name: is_balanced} if model.card.weighs_classes else {}


def _note_facts(
    reporter: TerminalReporter,
    dataset: "Dataset",
    split: tuple[str | None, bool, int],
    names: "Sequence[str]",
    weighted: Mapping[str, bool],
) -> None:
    """Note what a user may want to know of a dataset before the work.

    Parameters
    ----------
    reporter : TerminalReporter
        Receiver of the sentences.
    dataset : Dataset
        The tracks.
    split : tuple of str or None, bool, int
        Protocol, whether groups are kept together, and seed.
    names : sequence of str
        The models.
    weighted : mapping
        Whether they are trained with weights of the classes, by the names of those that can be.
    """
    from zoo.datasets.checks.imbalance import BALANCED, RANKED, sizes_apart
    from zoo.evaluate.protocols import chosen_protocol
    from zoo.evaluate.published_splits import note_published

    protocol, grouped, seed = split
    # Also for a plan; a training says the same by itself, which is printed once.
    splitting = chosen_protocol(protocol, dataset, grouped, reporter.warn, seed)
    if sentence := note_published(dataset, splitting.spec):
        reporter.note(sentence)
    sizes = sizes_apart(dataset, _IMBALANCE)
    if sizes and not any(weighted.values()):
        of = "" if len(weighted) == len(names) else f" (of {', '.join(weighted)})"
        weigh = (
            f"with `{BALANCED}` all classes count alike in the training{of}, which helps many "
            "models, not all; " * bool(weighted)
        )
        ranked = f"`{RANKED}` ranks by an accuracy in which all classes count alike"
        reporter.note(f"{sizes}: {weigh}{ranked}")


def _wanted(models: "list[str] | None", every: bool, registry: "Registry") -> list[str]:
    """Return the models that the command names, or all that are ready, each once."""
    names = list(models or ())
    if every:
        ready = [state for state in registry.models() if state.status == "ready"]
        # Classical models come first: they take seconds, networks take minutes.
        names += [state.name for state in sorted(ready, key=lambda state: state.family or "")]
    if not names:
        raise UsageError("no model is named; give one from `zoo models`, or --all")
    return list(dict.fromkeys(names))


def _seeds(seeds: "list[int] | None") -> list[int]:
    """Return the seeds that the command names, each once; 0 if it names none."""
    from zoo.training.train import check_seed

    for seed in seeds or ():
        check_seed(seed)
    return list(dict.fromkeys(seeds or (0,)))


def _check_name(name: str | None, note: str | None, count: int) -> None:
    """Raise `UsageError` if the runs of the command cannot have this name and note."""
    from zoo.workspace import checked_name, checked_note

    checked_note(note or "")
    if name is not None and checked_name(name) and count > 1:
        raise UsageError(
            f"--name is the name of one run, and this command trains {count}; leave it out, and "
            "name them with `zoo runs edit`"
        )


def _tracks_to_change(number: int | None, none: bool) -> int | None:
    """Return the value of ``--robustness``, 0 for ``--no-robustness``, None without both."""
    if none and number:
        raise UsageError("--robustness and --no-robustness contradict each other; give one")
    return 0 if none else number


def setting(text: str) -> tuple[str, str]:
    """Return name and value of an argument of ``--set``."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError(f"--set takes NAME=VALUE, such as C=10, not {quoted(text)}")
    return name, value
