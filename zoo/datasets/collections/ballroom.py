"""Ballroom: excerpts of half a minute of eight dances, from the ISMIR 2004 tempo contest.

It lies in ``BallroomData/<dance>`` with a list, ``allBallroomFiles``; three folders, such as
``Rumba-American``, hold one of the eight dances. The names tell the album or
the medium of an excerpt, such as ``Albums-Latin_Jam-06.wav`` and ``Media-105901.wav``: the last
number, or its last two digits, is the track on it.
"""

import re

from zoo.datasets.collections.collection import Collection, layout, named_tracks, stem
from zoo.datasets.layout.listing import Layout, Listing, Row

__all__ = ["COLLECTIONS", "read"]

CITATION = """\
@article{gouyon2006experimental,
  author = {Gouyon, F. and Klapuri, A. and Dixon, S. and Alonso, M. and Tzanetakis, G. and
            Uhle, C. and Cano, P.},
  title = {An Experimental Comparison of Audio Tempo Induction Algorithms},
  journal = {IEEE Transactions on Audio, Speech, and Language Processing},
  volume = {14},
  number = {5},
  pages = {1832--1844},
  year = {2006},
  doi = {10.1109/TSA.2005.858509}
}"""
BALLROOM = Collection(
    name="ballroom",
    title="Ballroom",
    files=698,
    classes=8,
    address="https://mtg.upf.edu/ismir2004/contest/tempoContest/node5.html",
    licence="none is stated",
    citation=CITATION,
    faults="Some excerpts are in it twice, such as Albums-Latin_Jam-06 and Albums-Latin_Jam-15; "
    "many excerpts are of one album, and tempo alone tells most dances apart.",
    kind="ballroom dances",
)
COLLECTIONS = (BALLROOM,)

CLASSES = (
    "ChaChaCha", "Jive", "Quickstep", "Rumba",
    "Samba", "Tango", "VienneseWaltz", "Waltz",
)  # fmt: skip
_RUMBAS = {"Rumba-American", "Rumba-International", "Rumba-Misc"}
_NAME = re.compile(r"(Albums-.+)-\d+|(Media-\d+)\d\d")


def read(listing: Listing) -> Layout | None:
    """Return the layout if most names are those of Ballroom, complete or a part.

    Parameters
    ----------
    listing : Listing
        Names in a folder.

    Raises
    ------
    DatasetError
        If it lies in the folder more than once, or other recordings lie beside it.
    """
    found = named_tracks(listing, BALLROOM.title, listing.files, _row, _dance)
    if not found or found.root is None:
        return None
    return layout(listing, BALLROOM, found, "excerpts of one album kept together")


def _dance(folder: str) -> str:
    return "Rumba" if folder in _RUMBAS else folder


def _row(label: str, name: str) -> Row | None:
    match = _NAME.fullmatch(stem(name))
    return {"group": match[1] or match[2]} if match and label in CLASSES else None
