"""``zoo plugins new``: a working model as the start of a new one."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from zoo.cli.output import print_data, say

__all__ = ["command"]


def command(
    name: Annotated[str, typer.Argument(help="Of the model: lower-case words joined by hyphens.")],
    folder: Annotated[Path, typer.Argument(help="Where to write it.")] = Path(),
    package: Annotated[
        bool, typer.Option("--package", help="Write a project that can be installed and published.")
    ] = False,
    kind: Annotated[
        Literal["classical", "deep"],
        typer.Option(help="Start from a scikit-learn estimator or a Keras network."),
    ] = "classical",
) -> None:
    """Write a model that works, to be changed into yours.

    Nothing that exists is overwritten.

    Example: zoo plugins new my-model
    """
    from zoo.plugins.scaffold import write_module, write_package

    if package:
        for path in write_package(name, folder, kind):
            print_data(f"{path}\n")
        project = _typed(folder / name)
        say(
            f"Next: `pip install --editable {project}`, then `zoo train {name}` and "
            f"`zoo plugins check {name}`.",
            err=True,
        )
    else:
        path = write_module(name, folder, kind)
        print_data(f"{path}\n")
        say(f"Next: `zoo train {_typed(path)}`, then `zoo plugins check {_typed(path)}`.", err=True)


def _typed(path: Path) -> str:
    """Return a path quoted for a shell."""
    return shlex.quote(str(path) if path.is_absolute() else f"./{path.as_posix()}")
