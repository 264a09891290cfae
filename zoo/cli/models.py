"""``zoo models``: what can be trained, from where, and what is broken and why."""

from typing import Annotated

import typer

from zoo.cli.console import ListFormat, in_columns, new_table, print_json, print_table, say

__all__ = ["command"]

_KEYS = ("name", "title", "family", "status", "reason", "distribution", "version")


def command(
    format: Annotated[ListFormat, typer.Option(help="How to print the list.")] = ListFormat.table,
) -> None:
    """List the models: what can be trained, from where, and what is broken and why.

    Example: zoo models
    """
    from zoo.workspace import cache_folder
    from zoo_registry.plugins import Registry

    states = Registry().models(cache_folder() / "slow-plugins.json")
    if format is ListFormat.json:
        print_json([{key: getattr(state, key) for key in _KEYS} for state in states])
        return
    table = new_table()
    for heading in ("model", "title", "family", "status", "from"):
        table.add_column(heading, overflow="fold")
    for state in states:
        origin = f"{state.distribution} {state.version or ''}".strip()
        style = None if state.status == "ready" else "yellow"
        table.add_row(
            *in_columns((state.name, state.title, state.family, state.status, origin)), style=style
        )
    print_table(table)
    for state in states:
        if state.reason:
            say(f"{state.name}: {state.reason}")
