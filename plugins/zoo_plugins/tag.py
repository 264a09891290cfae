"""Extension that writes the genre into the tags of music files: ``zoo tag RUN ~/Music``.

It needs mutagen (``pip install 'genre-zoo[tag]'``). Files that have a genre are left as they are.
"""

from typing import Any

from zoo_registry import hookimpl

__all__ = ["zoo_commands"]


@hookimpl
def zoo_commands(app: Any) -> None:
    """Add ``zoo tag``."""
    from zoo.commands import add_command
    from zoo_plugins._tagging.command import command

    add_command(app, "tag", command)
