"""Tracing of hooks: with ``ZOO_TRACE=1`` each call prints a line with its plugin to stderr."""

import functools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from zoo_registry.text import shown

__all__ = ["plugin_name", "trace"]


def trace(manager: pluggy.PluginManager) -> None:
    """Make the hooks of all plugins of `manager` print their calls if ``ZOO_TRACE`` is set."""
    if os.environ.get("ZOO_TRACE", "0") in ("", "0"):
        return
    for hook, caller in vars(manager.hook).items():
        for found in caller.get_hookimpls():
            # pluggy's own monitoring does not name the plugin of a result.
            found.function = _traced(found, hook)


def plugin_name(plugin: object) -> str:
    """Return the name of a plugin's module, loose file or class."""
    if not isinstance(plugin, ModuleType):
        return type(plugin).__name__
    loose = plugin.__name__.startswith("zoo_file_")
    return Path(str(plugin.__file__)).name if loose else plugin.__name__


def _traced(found: pluggy.HookImpl, hook: str) -> Callable[..., Any]:
    function, who = found.function, plugin_name(found.plugin)

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        if found.wrapper:
            _say(f"{hook} is wrapped by {who}")
            return function(*arguments)
        begun = time.perf_counter()
        try:
            answer = function(*arguments)
        except BaseException as error:
            _say(f"{hook} by {who} raised {type(error).__name__}")
            raise
        seconds = time.perf_counter() - begun
        gave = "nothing" if answer is None else f"a {type(answer).__name__}"
        _say(f"{hook} by {who} gave {gave} in {seconds:.3f} s")
        return answer

    return call


def _say(text: str) -> None:
    sys.stderr.write(f"zoo: {shown(text)}\n")
