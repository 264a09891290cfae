"""Names in Markdown."""

from zoo_registry.text import shown

__all__ = ["cell"]


def cell(text: str) -> str:
    """Return the text of one cell of a table: a line in which nothing divides cells."""
    return shown(text).replace("|", "\\|")
