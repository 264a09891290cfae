"""``zoo plugins``: what is installed, what is wrong with it, and how to switch it off and on."""

import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli import check, new
from zoo.cli.completion import complete_plugin
from zoo.cli.console import ListFormat, in_columns, new_table, print_json, print_table, say
from zoo_registry.errors import UsageError

if TYPE_CHECKING:
    from zoo_registry.plugin_status import PluginStatus

__all__ = ["app"]

app = typer.Typer(help="Look after plugins, and write new ones.", no_args_is_help=True)

app.command("new")(new.command)
app.command("check")(check.command)

_SLOW = 0.5  # seconds of import that are worth a word to the author


@app.command("list")
def list_plugins(
    format: Annotated[ListFormat, typer.Option(help="How to print the list.")] = ListFormat.table,
) -> None:
    """List models and extensions, and the hooks that each implements.

    Example: zoo plugins list
    """
    from zoo.workspace import cache_folder
    from zoo_registry.plugins import Registry

    states = Registry().plugins(cache_folder() / "slow-plugins.json")
    if format is ListFormat.json:
        print_json([asdict(state) for state in states])
        return
    table = new_table()
    for heading in ("plugin", "kind", "status", "from", "hooks"):
        table.add_column(heading, overflow="fold")
    for state in states:
        style = (
            None if state.status == "ready" else "dim" if state.status == "disabled" else "yellow"
        )
        cells = (state.name, state.kind, state.status, _origin(state), ", ".join(state.hooks))
        table.add_row(*in_columns(cells), style=style)
    print_table(table)
    if any(state.status not in ("ready", "disabled") for state in states):
        say("`zoo plugins doctor` says what is wrong, and what to do.", err=True)


@app.command("doctor")
def doctor(
    format: Annotated[ListFormat, typer.Option(help="How to print it.")] = ListFormat.table,
) -> None:
    """Load every plugin, waiting a minute if need be, and say what to do about those that fail.

    Exit status 1 if one is broken.

    Example: zoo plugins doctor
    """
    from importlib.metadata import version

    from zoo.workspace import cache_folder, models_folder
    from zoo_registry import CONTRACT
    from zoo_registry.enabled import config_folder
    from zoo_registry.plugins import Registry

    states = Registry().plugins(cache_folder() / "slow-plugins.json", patience=None)
    about: dict[str, Any] = {
        "genre-zoo": f"{version('genre-zoo')}, contract {CONTRACT}",
        "python": platform.python_version(),
        "runs": str(models_folder()),
        "cache": str(cache_folder()),
        "config": str(config_folder()),
    }
    if format is ListFormat.json:
        plugins = [asdict(state) | {"advice": _advice(state)} for state in states]
        print_json({"installation": about, "plugins": plugins})
    else:
        for name, value in about.items():
            say(f"{name:<11}{value}")
        troubled = [(state, advice) for state in states if (advice := _advice(state))]
        for state, advice in troubled:
            reason = f": {state.reason}" if state.reason else ""
            say()
            say(f"{state.name} ({_origin(state)}) is {state.status}{reason}")
            say(f"  {advice}")
        ready = sum(state.status == "ready" for state in states)
        say()
        say(f"{ready} of {len(states)} plugins are ready, {len(troubled)} need attention.")
    if any(state.status == "broken" for state in states):
        raise typer.Exit(1)


@app.command("disable")
def disable(
    name: Annotated[
        str,
        typer.Argument(
            help="A plugin, or a package with all it brings.", autocompletion=complete_plugin
        ),
    ],
) -> None:
    """Switch a plugin off: it is listed, and never imported.

    Example: zoo plugins disable my-model
    """
    _switch(name, on=False)


@app.command("enable")
def enable(
    name: Annotated[
        str,
        typer.Argument(
            help="A plugin, or a package with all it brings.", autocompletion=complete_plugin
        ),
    ],
) -> None:
    """Switch a plugin on again, or an optional extension on.

    Example: zoo plugins enable timing
    """
    _switch(name, on=True)


def _switch(name: str, on: bool) -> None:
    from zoo_registry.enabled import read_switches, switch
    from zoo_registry.plugins import Registry

    offers = Registry().entries
    known = {offer.name for offer in offers} | {offer.source.distribution for offer in offers}
    # What has been uninstalled meanwhile can be enabled, so that nothing of it stays behind.
    if name not in known and not (on and name in read_switches().disabled):
        names = ", ".join(sorted({offer.name for offer in offers}))
        raise UsageError(f"there is no plugin or package {name!r}; plugins are: {names}")
    path = switch(name, on)
    say(f"{name} is switched {'on' if on else 'off'} in {path}", err=True)


def _origin(state: "PluginStatus") -> str:
    return f"{state.distribution} {state.version or ''}".strip()


def _advice(state: "PluginStatus") -> str | None:
    """Return what to do about a plugin, if anything."""
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
