"""``zoo plugins new``: a model of one's own to start from."""

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.console import print_data, say

__all__ = ["command"]


class Kind(StrEnum):
    """What a new model starts from."""

    classical = "classical"
    deep = "deep"


def command(
    name: Annotated[str, typer.Argument(help="Of the model: lower-case words joined by hyphens.")],
    folder: Annotated[Path, typer.Argument(help="Where to write it.")] = Path(),
    package: Annotated[
        bool, typer.Option("--package", help="Write a project that can be installed and published.")
    ] = False,
    kind: Annotated[
        Kind, typer.Option(help="Start from a scikit-learn estimator or a Keras network.")
    ] = Kind.classical,
) -> None:
    """Write a model that works, to be changed into yours.

    Nothing that exists is overwritten.

    Example: zoo plugins new my-model
    """
    from zoo.plugins.scaffold import write_module, write_package

    if package:
        for path in write_package(name, folder, kind.value):
            print_data(f"{path}\n")
        project = _typed(folder / name)
        say(
            f"Next: `pip install --editable {project}`, then `zoo train {name}` and "
            f"`zoo plugins check {name}`.",
            err=True,
        )
    else:
        path = write_module(name, folder, kind.value)
        print_data(f"{path}\n")
        say(f"Next: `zoo train {_typed(path)}`, then `zoo plugins check {_typed(path)}`.", err=True)


def _typed(path: Path) -> str:
    """Return a path as it is typed in a shell."""
    return shlex.quote(str(path) if path.is_absolute() else f"./{path.as_posix()}")
