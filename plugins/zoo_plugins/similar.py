"""Extension that finds the recordings most like one: ``zoo similar song.mp3 ~/Music``."""

from typing import Any

from zoo_registry import hookimpl

__all__ = ["zoo_commands"]


@hookimpl
def zoo_commands(app: Any) -> None:
    """Add ``zoo similar``."""
    from zoo.commands import add_command
    from zoo_plugins._similarity import command

    add_command(app, "similar", command)
