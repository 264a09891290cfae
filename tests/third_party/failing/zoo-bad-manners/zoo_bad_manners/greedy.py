"""Adds a command that Typer cannot make, and one whose name is taken."""

from zoo import hookimpl


@hookimpl
def zoo_commands(app):
    app.command("unsound")(unsound)
    app.command("train")(train)


def unsound(how: complex):
    """Never run: a command line has no complex numbers."""


def train():
    """Instead of what everybody expects."""
