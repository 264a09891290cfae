"""Cannot tell its data sets."""

from zoo import hookimpl


@hookimpl
def zoo_datasets():
    raise ConnectionError("the archive does not answer")
