"""Published collections, recognised as they lie on a disk, and their cards."""

from zoo.datasets.collections import (
    ballroom,
    esc,
    fma,
    gtzan,
    mtg_jamendo,
    speech_commands,
    urbansound8k,
)
from zoo.datasets.collections.collection import Collection
from zoo.datasets.collections.esc import collection_of
from zoo.datasets.listing import Layout, Listing

__all__ = ["COLLECTIONS", "Collection", "check_tables", "collection_of", "recognise"]

_MODULES = (gtzan, esc, urbansound8k, fma, ballroom, speech_commands, mtg_jamendo)
_WITH_TABLE = (esc, urbansound8k, fma, mtg_jamendo)
COLLECTIONS = {each.name: each for module in _MODULES for each in module.COLLECTIONS}


def recognise(listing: Listing) -> Layout | None:
    """Return the layout of the published collection that lies in a folder, None if none does.

    Parameters
    ----------
    listing : Listing
        Names in the folder.

    Raises
    ------
    DatasetError
        If it lies in the folder more than once, or other recordings lie beside it.
    """
    return next(filter(None, (module.read(listing) for module in _MODULES)), None)


def check_tables(listing: Listing) -> None:
    """Raise `DatasetError` if a collection lies in a folder without the table of its labels.

    Parameters
    ----------
    listing : Listing
        Names in the folder, in which no table of labels was found.
    """
    for module in _WITH_TABLE:
        module.check_table(listing)
