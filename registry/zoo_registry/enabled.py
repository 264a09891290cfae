"""Plugins that the user has switched off, and optional ones that the user has switched on.

The choice is stored in ``plugins.json`` in the user's configuration folder (``ZOO_CONFIG``).
``ZOO_PLUGINS_DISABLED`` and ``ZOO_PLUGINS_ENABLED``, names separated by commas, apply to one
process and its children. A name is that of a plugin, or that of a package for all its plugins.
"""

import json
import logging
import os
from collections.abc import Collection
from functools import cache
from pathlib import Path

from zoo_registry.errors import UsageError
from zoo_registry.files import read_json, unwritable, write_text
from zoo_registry.places import config_folder
from zoo_registry.structures import Structure, from_plain
from zoo_registry.text import in_a_line, near, quoted

__all__ = ["DISABLED", "ENABLED", "Switches", "read_switches", "switch", "warn_of_unknown"]

_log = logging.getLogger(__name__)

DISABLED, ENABLED = "ZOO_PLUGINS_DISABLED", "ZOO_PLUGINS_ENABLED"


class Switches(Structure):
    """Names of plugins or packages: those not imported, and optional extensions that are used."""

    disabled: frozenset[str] = frozenset()
    enabled: frozenset[str] = frozenset()


class _Stored(Structure):
    """The content of ``plugins.json``."""

    disabled: list[str]
    enabled: list[str]


def read_switches() -> Switches:
    """Return the choices of the user; raises `UsageError` if the file is damaged."""
    kept = _read()
    disabled, enabled = (_names(os.environ.get(name, "")) for name in (DISABLED, ENABLED))
    return Switches((kept.disabled - enabled) | disabled, (kept.enabled | enabled) - disabled)


def warn_of_unknown(known: Collection[str]) -> None:
    """Log a warning for each name in the environment that no plugin and no package has.

    Parameters
    ----------
    known : collection of str
        Names of all plugins and their packages.
    """
    for variable in (DISABLED, ENABLED):
        for name in sorted(_names(os.environ.get(variable, "")) - set(known)):
            _warn(variable, name, near(name, sorted(known)))


@cache
def _warn(variable: str, name: str, nearest: str) -> None:
    """Log the warning once per process."""
    _log.warning(
        "%s names %s, which is no plugin%s; `zoo plugins list` shows all",
        variable, quoted(name), nearest,
    )  # fmt: skip


def switch(name: str, on: bool) -> Path:
    """Store that a plugin, or each plugin of a package, is on or off; return the path."""
    kept = _read()
    disabled, enabled = set(kept.disabled) - {name}, set(kept.enabled) - {name}
    (enabled if on else disabled).add(name)
    stored = _Stored(sorted(disabled), sorted(enabled))
    path = _path()
    try:
        write_text(path, json.dumps(stored.to_dict(), indent=2) + "\n")
    except OSError as error:
        raise UsageError(unwritable(path, error)) from error
    return path


def _path() -> Path:
    return config_folder() / "plugins.json"


def _read() -> Switches:
    path = _path()
    try:
        stored = from_plain(read_json(path), _Stored)
    except (OSError, ValueError) as error:
        if not os.path.exists(path):  # noqa: PTH110  (nor is it below a home that cannot be read)
            return Switches()
        raise UsageError(
            f"{path} cannot be read ({in_a_line(error)}); delete it, and switch "
            "plugins off and on again"
        ) from error
    return Switches(frozenset(stored.disabled), frozenset(stored.enabled))


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())
