"""A command that counts the tracks of a data set."""

from typing import Annotated

import typer

from zoo import hookimpl


@hookimpl
def zoo_commands(app):
    app.command("count")(count)


def count(data: Annotated[str, typer.Argument(help="What --data of `zoo train` takes.")]):
    """Say hello, and how many tracks a data set has."""
    from zoo.datasets import open_dataset
    from zoo.plugins import offered_datasets, open_registry

    dataset = open_dataset(data, offered_datasets(open_registry()))
    typer.echo(f"Hello! {dataset.name} has {len(dataset)} tracks.")
