"""Options that several commands share, with the same name and help."""

import inspect
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from zoo.cli.completion import complete_data, complete_front_end, complete_run
from zoo.evaluate.board import TITLES
from zoo_registry.errors import UsageError

if TYPE_CHECKING:
    from zoo.execution.engine import Engine

__all__ = [
    "BoardDataOption",
    "BoardProtocolOption",
    "ByOption",
    "DataOption",
    "EngineOption",
    "ForceOption",
    "FormatOption",
    "FrontEndOption",
    "FrontEndsOption",
    "JobsOption",
    "ListFormat",
    "ListFormatOption",
    "MinConfidenceOption",
    "NameOption",
    "NoteOption",
    "OpenOption",
    "PrecisionOption",
    "RunArgument",
    "SchedulerOption",
    "Tuner",
    "UngroupedOption",
    "chosen_engine",
    "with_reading",
]

_VARIABLE = "DASK_SCHEDULER_ADDRESS"  # the same as Dask uses


def _share(text: str) -> float:
    """Return a text as a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value < 0 or value > 1:  # that a share is none is said where it is used
        raise typer.BadParameter(f"{text!r} is not a number from 0 to 1")
    return value


def _confidence(text: str) -> str:
    """Return a text that is a number from 0 to 1, or auto."""
    try:
        is_valid = text == "auto" or 0 <= float(text) <= 1
    except ValueError:
        is_valid = False
    if not is_valid:
        raise typer.BadParameter(f"{text!r} is neither a number from 0 to 1 nor auto")
    return text


DataOption = Annotated[
    str,
    typer.Option(
        help="demo, a folder with one sub-folder per class, a table of labels (or the URL of "
        "either), or a feature table.",
        autocompletion=complete_data,
    ),
]
_FRONT_END = "Front end instead of the model's own: a name from `zoo models` or a file ./mine.py, "
FrontEndOption = Annotated[
    str | None,
    typer.Option(
        "--front-end",
        help=_FRONT_END + "also with fields, such as handcrafted:window=10.",
        autocompletion=complete_front_end,
    ),
]
FrontEndsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--front-end",
        help=_FRONT_END + "also with fields, such as handcrafted:window=10; repeatable.",
        autocompletion=complete_front_end,
    ),
]
UngroupedOption = Annotated[
    bool,
    typer.Option(
        "--ungrouped",
        help="Split by track, even if artists are known; scores are then too high.",
    ),
]
JobsOption = Annotated[
    int | None, typer.Option(min=1, help="Processes that compute features; all cores by default.")
]
BoardDataOption = Annotated[
    str | None,
    typer.Option(
        help="Only boards of this dataset, as for `zoo train`.", autocompletion=complete_data
    ),
]
BoardProtocolOption = Annotated[str | None, typer.Option(help="Only boards of this protocol.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace existing files.")]
NameOption = Annotated[
    str | None,
    typer.Option(
        "--name", help="Name of the run: boards show it, and commands accept it instead of the id."
    ),
]
RunArgument = Annotated[
    str,
    typer.Argument(
        help="A published run, a run's id, name or folder, or a model's name.",
        autocompletion=complete_run,
    ),
]
NoteOption = Annotated[str | None, typer.Option(help="A note, which `zoo runs show` prints.")]
OpenOption = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]
MinConfidenceOption = Annotated[
    str,
    typer.Option(
        parser=_confidence,
        metavar="NUMBER",
        help="Answer `unknown` if the confidence is below this number, from 0 to 1; `auto` means "
        "--precision 0.9.",
    ),
]
ByOption = Annotated[
    str,
    typer.Option(
        "--by",
        help=f"Metric to rank by: {', '.join(TITLES)}.",
        metavar="METRIC",
        autocompletion=lambda: list(TITLES),
    ),
]
PrecisionOption = Annotated[
    float | None,
    typer.Option(
        parser=_share,
        metavar="NUMBER",
        help="Answer `unknown` if unsure, so that this share of the other answers is right, from "
        "0 to 1, as estimated by cross-validation.",
    ),
]
ListFormat = Literal["table", "json"]
ListFormatOption = Annotated[ListFormat, typer.Option(help="Output format.")]
FormatOption = Annotated[ListFormat, typer.Option(help="Output format.")]
# What the user says about a dataset, by the names of the values of a `Reading`.
_READING: dict[str, Any] = {
    "path": Annotated[
        str | None,
        typer.Option("--path-column", help="Column with the file, in a table of labels."),
    ],
    "label": Annotated[
        str | None, typer.Option("--label-column", help="Column with the class of each file.")
    ],
    "group": Annotated[
        str | None,
        typer.Option(
            "--group-column", help="Column with the group of each file, such as its artist."
        ),
    ],
    "fold": Annotated[
        str | None, typer.Option("--fold-column", help="Column with the published folds.")
    ],
    "only": Annotated[
        list[str] | None, typer.Option("--only-class", help="Use only this class; repeatable.")
    ],
    "without": Annotated[
        list[str] | None, typer.Option("--exclude-class", help="Leave out this class; repeatable.")
    ],
    "limit": Annotated[
        int | None,
        typer.Option(
            "--limit",
            min=1,
            help="At most this many tracks per class: whole groups, always the same ones.",
        ),
    ],
}
Tuner = Literal["random", "bayesian", "hyperband"]
EngineOption = Annotated[
    Literal["processes", "dask"],
    typer.Option(help="Run on processes of this machine, or on the workers of a Dask cluster."),
]
SchedulerOption = Annotated[
    str | None, typer.Option(help=f"Address of the Dask scheduler; or set {_VARIABLE}.")
]


def with_reading(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that has, in the place of its parameter `reading`, options for its values.

    Parameters
    ----------
    command : callable
        Function of a command, with a parameter ``reading`` that takes a `Reading`.
    """

    @wraps(command)
    def wrapped(**given: Any) -> None:
        """Run the command with the values of the options."""
        from zoo_registry.reading import Reading

        said = {name: given.pop(name) for name in _READING}
        several: dict[str, Any] = {name: tuple(said[name] or ()) for name in ("only", "without")}
        if said["limit"] is not None:  # which takes what the split needs
            several["by_track"] = bool(given.get("ungrouped"))
            several["by_part"] = given.get("protocol") == "predefined"
        alone = bool(given.get("keep_classes"))  # other classes are added
        command(reading=Reading(**said | several, alone=alone), **given)

    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in _READING.items()
    ]
    signature = inspect.signature(command)
    parameters = [
        option
        for name, own in signature.parameters.items()
        for option in (
            options if name == "reading" else [own.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
        )
    ]
    vars(wrapped)["__signature__"] = signature.replace(parameters=parameters)
    wrapped.__annotations__ = {option.name: option.annotation for option in parameters}
    return wrapped


def chosen_engine(
    name: str, scheduler: str | None, jobs: int | None
) -> "AbstractContextManager[Engine]":
    """Return the engine that the options name, as a context that ends the use of a cluster.

    Parameters
    ----------
    name, scheduler : str
        Values of ``--engine`` and ``--scheduler``; the latter may be None.
    jobs : int or None
        Value of ``--jobs``.

    Raises
    ------
    UsageError
        If the options contradict each other, or the cluster cannot be used.
    """
    from zoo.execution.engine import LocalProcesses

    if name == "processes":
        if scheduler:
            raise UsageError("--scheduler is for a Dask cluster; add --engine dask")
        return nullcontext(LocalProcesses(jobs))
    if jobs:
        raise UsageError("--jobs is for processes of this machine; a cluster has its own workers")
    address = scheduler or os.environ.get(_VARIABLE)
    if not address:
        raise UsageError(
            "--engine dask needs a scheduler; start one with `dask scheduler`, and give its "
            f"address as --scheduler or in {_VARIABLE}"
        )
    from zoo.execution.dask_cluster import Cluster

    return Cluster(address)
