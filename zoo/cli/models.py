"""``zoo models``: list of models and front ends, and the reason why one cannot be used."""

from typing import TYPE_CHECKING

from zoo.cli.options import ListFormatOption
from zoo.cli.output import Text, columns, make_table, print_result

if TYPE_CHECKING:
    from zoo_registry.plugin_status import PluginStatus

__all__ = ["command"]

_HEADINGS = {
    "model": ("model", "title", "family", "front end", "status", "from"),
    "front-end": ("front end", "title", "status", "from"),
}
_KEYS = ("name", "title", "family", "status", "reason", "distribution", "version")


def command(format: ListFormatOption = "table") -> None:
    """List models and front ends: what can be trained, from where, and what is broken and why.

    Example: zoo models
    """
    from zoo.workspace import cache_folder
    from zoo_registry.plugins import Registry

    registry, memory = Registry(), cache_folder() / "slow-plugins.json"
    states = [*registry.models(memory), *registry.frontends(memory)]
    records = [{key: getattr(state, key) for key in _KEYS} for state in states]
    print_result(format, json=records, table=_table(states))


def _table(states: "list[PluginStatus]") -> Text:
    for kind, headings in _HEADINGS.items():
        listed = [state for state in states if state.kind == kind]
        yield make_table(
            columns(*headings, overflow="fold"),
            (
                (state.name, state.title, *[state.family, state.frontend] * (kind == "model"),
                 state.status, _origin(state))
                for state in listed
            ),
            styles=(None if state.status == "ready" else "yellow" for state in listed),
        )  # fmt: skip
    for state in states:
        if state.reason:
            yield f"{state.name}: {state.reason}"


def _origin(state: "PluginStatus") -> str:
    """Return the package; that of the zoo without its version, so that 80 columns are enough."""
    from zoo_registry.discovery import BUILT_IN

    return BUILT_IN if state.distribution == BUILT_IN else state.origin
