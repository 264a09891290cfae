"""Offers its data as a list."""

from zoo import hookimpl


@hookimpl
def zoo_datasets():
    return ["archive"]
