"""``zoo ensemble``: several runs as one."""

from typing import Annotated, Literal

import typer

from zoo.cli.choice import note_choices
from zoo.cli.completion import complete_run
from zoo.cli.console import TerminalReporter
from zoo.cli.output import say
from zoo_registry.errors import RunError

__all__ = ["command"]


def command(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Two runs or more of one board: ids, folders, or names of models.",
            autocompletion=complete_run,
        ),
    ],
    weights: Annotated[
        Literal["mean", "fit"],
        typer.Option(help="Equal weights, or weights fitted to the cross-validated predictions."),
    ] = "mean",
) -> None:
    """Combine runs of one board to a run with one ONNX file; nothing is trained.

    The same command finds its earlier run. Weights are fitted for the tracks of
    each fold to the answers to the tracks of the other folds.

    Example: zoo ensemble svm random-forest --weights fit
    """
    from zoo.cli.trained import print_boards

    reporter = TerminalReporter()
    with reporter.bar(f"combining {', '.join(runs)}"):
        from zoo.training.ensemble import ensemble, members_of

        members = members_of(runs)
        note_choices({word: run.id for word, run in zip(runs, members, strict=True)})
        made = ensemble(members, weights, reporter=reporter)
    say(f"{made.id} combines {made.record.combines}.", err=True)
    if not (made.has_artefact or made.lack):
        say(f"{made.id} has {made.form}", err=True)
    print_boards([made], audio=made.takes_audio)
    if made.lack:
        raise RunError(made.lack)
