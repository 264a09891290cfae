"""``zoo runs export``: a folder that hands a model over."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from zoo.cli.choice import note_choices
from zoo.cli.console import TerminalReporter
from zoo.cli.options import ForceOption, RunArgument
from zoo.cli.output import print_data, say
from zoo_registry.errors import UsageError

__all__ = ["command"]


def command(
    run: RunArgument,
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="A new or empty folder; by default RUN-bundle or RUN-hf.", show_default=False
        ),
    ] = None,
    format: Annotated[
        Literal["bundle", "hf"],
        typer.Option(help="bundle for any computer, hf for the Hugging Face Hub."),
    ] = "bundle",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Another way to name the folder.")
    ] = None,
    force: ForceOption = False,
) -> None:
    """Write a folder that works without the zoo: ONNX file, model card, and a script to run it.

    Example: zoo runs export svm handed-over
    """
    from zoo.artefacts.bundle import INSTALL, SCRIPT, hand_over
    from zoo.artefacts.hub import REPOSITORY, for_the_hub, upload_command
    from zoo.workspace import find_run

    if folder and output:
        raise UsageError(f"the folder is named twice, {folder} and {output}; leave one out")
    if force and format == "hf":
        raise UsageError("--force does not go with --format hf: give a new folder")
    found = find_run(run)
    note_choices({run: found.id})
    target = folder or output or Path(f"{found.id}-{format}")
    with TerminalReporter().bar(f"exporting {found.id}"):
        written = for_the_hub(found, target) if format == "hf" else hand_over(found, target, force)
    for path in written:
        print_data(f"{path}\n")
    if format == "hf":
        named = f"{REPOSITORY} being your account and a name"
        say(f"Next: `{upload_command(target)}`, {named}.", err=True)
    elif target / SCRIPT in written:
        used = f"`python {shlex.quote(str(target / SCRIPT))} song.wav`"
        say(f"Next: {used}, in any environment after `{INSTALL}`.", err=True)
