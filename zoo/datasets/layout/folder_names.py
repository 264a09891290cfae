"""Names of folders that are genres, or that say nothing about the files."""

import re
from collections.abc import Iterable

from zoo.datasets.layout.columns import plain_name

__all__ = ["are_genres", "are_numbered", "is_around", "say_nothing"]

# Genres by which a library's outer folders are known to be classes: the frequent ones of ID3.
_GENRES = frozenset(
    """
    acoustic alternative ambient blues bluegrass celtic chanson children classical classic
    country dance disco dubstep easylistening electronic electronica experimental folk funk
    gospel grunge hiphop house indie instrumental international jazz jungle latin lofi metal
    newage oldies opera pop psychedelic punk rnb rap reggae rock salsa ska soul soundtrack
    spoken swing tango techno trance trap triphop vocal world drumandbass dnb drumnbass edm
    hardrock heavymetal
    """.split()  # noqa: SIM905
)
_AROUND = {"audio", "data", "wav", "clip", "sound", "recording", "sample", "dataset", "genre"}


def are_genres(names: Iterable[str]) -> bool:
    """Whether a third of some names are those of genres.

    Parameters
    ----------
    names : iterable of str
        Names of folders.

    Examples
    --------
    >>> are_genres(["Hip-Hop", "Rock", "Zouk"]), are_genres(["Queen", "ABBA"])
    (True, False)
    """
    plain = set(map(plain_name, names))
    return bool(plain) and 3 * len(plain & _GENRES) >= len(plain)


def say_nothing(names: Iterable[str]) -> bool:
    """Whether folders are hardly classes by their names, such as ``audio`` or ``Folder 1``.

    Parameters
    ----------
    names : iterable of str
        Names of the folders.
    """
    return are_numbered(names) or any(map(is_around, names))


def are_numbered(names: Iterable[str]) -> bool:
    """Whether names differ in nothing but a number or a letter.

    Parameters
    ----------
    names : iterable of str
        Names of folders.
    """
    return len({re.sub(r"\d+|(?<![^\W_])[a-z](?![^\W_])", "", n.casefold()) for n in names}) == 1


def is_around(name: str) -> bool:
    """Whether a folder is called as one around others, such as ``data``.

    Parameters
    ----------
    name : str
        Name of the folder.
    """
    return re.sub(r"s?\d*$", "", plain_name(name)) in _AROUND
