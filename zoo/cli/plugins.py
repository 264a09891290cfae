"""``zoo plugins``: new plugins, the installed ones, advice about broken ones, and switches."""

import platform
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zoo.cli import check
from zoo.cli.colour import WARNING
from zoo.cli.completion import complete_plugin
from zoo.cli.console import TerminalReporter
from zoo.cli.options import FormatOption, ListFormatOption
from zoo.cli.output import AlertNote, Note, Text, columns, make_table, print_data, print_result, say
from zoo_registry.errors import LimitError, UsageError

if TYPE_CHECKING:
    from zoo_registry.plugin_status import PluginStatus

__all__ = ["app"]

app = typer.Typer(help="List, check, switch and write plugins.", no_args_is_help=True)

_SLOW = 0.5  # seconds of import above which the author is advised to change it
_STYLES = {"ready": None, "disabled": "dim"}

PluginArgument = Annotated[
    str,
    typer.Argument(
        help="A plugin, or a package with all its plugins.", autocompletion=complete_plugin
    ),
]


@app.command("new")
def new(
    name: Annotated[
        str, typer.Argument(help="Name of the plugin: lower-case words joined by hyphens.")
    ],
    folder: Annotated[Path, typer.Argument(help="Where to write it.")] = Path(),
    package: Annotated[
        bool, typer.Option("--package", help="Write a project that can be installed and published.")
    ] = False,
    kind: Annotated[
        Literal["classical", "deep", "front-end"],
        typer.Option(help="Start from a scikit-learn estimator, a Keras network, or an encoder."),
    ] = "classical",
    network: Annotated[
        Path | None,
        typer.Option(
            "--from", help="ONNX file of an encoder, from patches of sound to embeddings."
        ),
    ] = None,
) -> None:
    """Write a model or front end that works, to be changed into yours.

    Nothing that exists is overwritten.

    Example: zoo plugins new my-model
    """
    from zoo.artefacts.isolated import isolated
    from zoo.plugins.scaffold import write_module, write_package
    from zoo.plugins.scaffold_network import read_network

    if network and kind != "front-end":
        raise UsageError(f"a {kind} model is not made of an ONNX file; add --kind front-end")
    given = None
    if network:
        try:
            given = isolated(read_network, network)
        except LimitError as error:
            raise UsageError(f"{network} cannot be run: {error}") from error
    if package:
        paths = write_package(name, folder, kind, given)
    else:
        paths = [write_module(name, folder, kind, given)]
        if kind == "front-end":
            paths.append(paths[0].with_suffix(".onnx"))
    for path in paths:
        print_data(f"{path}\n")
    written = folder / name if package else paths[0]
    # As it is typed in a shell.
    typed = shlex.quote(str(written) if written.is_absolute() else f"./{written.as_posix()}")
    for question in given.questions() if given else ():
        say(f"{network}: {question}", err=True, style=WARNING)
    named = name if package else typed
    install = f"`pip install --editable {typed}`, then " if package else ""
    train = f"zoo train svm --front-end {named}" if kind == "front-end" else f"zoo train {named}"
    join = " and" if package else ", then"
    say(f"Next: {install}`{train}`{join} `zoo plugins check {named}`.", err=True)


app.command("check")(check.command)


@app.command("list")
def list_plugins(format: ListFormatOption = "table") -> None:
    """List models and extensions, and the hooks that each implements.

    Example: zoo plugins list
    """
    from zoo.workspace import cache_folder
    from zoo_registry.plugins import Registry

    states = Registry().plugins(cache_folder() / "slow-plugins.json")
    print_result(format, json=list(map(asdict, states)), table=_table(states))


def _table(states: "list[PluginStatus]") -> Text:
    yield make_table(
        columns("plugin", "kind", "status", "from", "hooks"),
        ((s.name, s.kind, s.status, s.origin, ", ".join(s.hooks)) for s in states),
        styles=(_STYLES.get(state.status, WARNING) for state in states),
    )
    for state in states:
        if state.kind == "extension" and state.reason and " needs " in state.reason:
            yield Note(f"{state.name}: {state.reason}.")
    # The weights of a front end are optional, and `zoo models` says how to get them.
    sound = ("missing", "front-end")
    if any(s.status in ("broken", "missing") and (s.status, s.kind) != sound for s in states):
        yield AlertNote("`zoo plugins doctor` says what is wrong, and what to do.")
    elif any(state.status == "slow" for state in states):
        yield Note("`zoo plugins doctor` waits for those that are slow.")


@app.command("doctor")
def doctor(format: FormatOption = "table") -> None:
    """Load every plugin, waiting a minute if need be, and say what to do about those that fail.

    Exit status 1 if one is broken.

    Example: zoo plugins doctor
    """
    from importlib.metadata import version

    from zoo.workspace import cache_folder, models_folder
    from zoo_registry import CONTRACT
    from zoo_registry.places import config_folder
    from zoo_registry.plugins import Registry

    with TerminalReporter().bar("loading every plugin"):
        states = Registry().plugins(cache_folder() / "slow-plugins.json", patience=None)
    about = {
        "genre-zoo": f"{version('genre-zoo')}, contract {CONTRACT}",
        "python": platform.python_version(),
        "runs": str(models_folder()),
        "cache": str(cache_folder()),
        "config": str(config_folder()),
    }
    plugins = [asdict(state) | {"advice": _advice(state)} for state in states]
    result = {"installation": about, "plugins": plugins}
    print_result(format, json=result, table=_diagnosis(about, states))
    if any(state.status == "broken" for state in states):
        raise typer.Exit(1)


def _diagnosis(about: dict[str, str], states: "list[PluginStatus]") -> Text:
    for name, value in about.items():
        yield f"{name:<11}{value}"
    troubled = [(state, advice) for state in states if (advice := _advice(state))]
    for state, advice in troubled:
        reason = f": {state.reason}" if state.reason else ""
        yield ""
        yield f"{state.name} ({state.origin}) is {state.status}{reason}"
        yield f"  {advice}"
    ready = sum(state.status == "ready" for state in states)
    yield ""
    yield f"{ready} of {len(states)} plugins are ready, {len(troubled)} need attention."


@app.command("disable")
def disable(name: PluginArgument) -> None:
    """Switch a plugin off: it is listed, and never imported.

    Example: zoo plugins disable my-model
    """
    _switch(name, on=False)


@app.command("enable")
def enable(name: PluginArgument) -> None:
    """Switch a plugin on again, or an optional extension on.

    Example: zoo plugins enable timing
    """
    _switch(name, on=True)


def _switch(name: str, on: bool) -> None:
    from zoo_registry.enabled import read_switches, switch
    from zoo_registry.plugins import Registry

    entries = Registry().entries
    known = {entry.name for entry in entries} | {entry.source.distribution for entry in entries}
    # An uninstalled plugin can be enabled, so that its entry in the file is removed.
    if name not in known and not (on and name in read_switches().disabled):
        names = ", ".join(sorted({entry.name for entry in entries}))
        raise UsageError(f"there is no plugin or package {name!r}; plugins are: {names}")
    path = switch(name, on)
    say(f"{name} is switched {'on' if on else 'off'} in {path}", err=True)
    for entry in entries if on else ():
        if name in (entry.name, entry.source.distribution) and entry.need:
            say(f"{entry.name} {entry.need}", err=True)


def _advice(state: "PluginStatus") -> str | None:
    """Return advice about a plugin, None if nothing is wrong with it."""
    name, package = state.name, state.distribution
    if state.status == "broken":
        return (
            f"Tell the author, or update it: pip install --upgrade {package}. Without it: "
            f"`zoo plugins disable {package}`, or pip uninstall {package}."
        )
    if state.status == "missing":
        return "Install what it needs; nothing else is wrong with it."
    if state.seconds is not None and state.seconds > _SLOW and state.status == "ready":
        return (
            f"Importing {name} takes {state.seconds:.1f} s, for which every list of models waits "
            "or which it leaves out: its author should import frameworks inside functions."
        )
    return None
