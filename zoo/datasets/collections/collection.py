"""The card of a published collection, and the names that its modules look for."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zoo.datasets.listing import Layout, Listing, Row
from zoo_registry.errors import DatasetError
from zoo_registry.text import quoted

__all__ = ["Collection", "find_table", "layout", "one_root", "stem"]


@dataclass(frozen=True)
class Collection:
    """Facts about a published collection.

    Attributes
    ----------
    name, title : str
        Name in records, such as "esc-50", and name for people.
    files : int
        Number of audio files that it holds when it is complete.
    classes : int
        Number of its classes.
    address : str
        Page from which it can be downloaded.
    licence : str
        Licence, or that none is stated.
    citation : str
        BibTeX entry.
    faults : str
        Sentence on what is known to be wrong with it.
    is_single : bool
        Whether each file has exactly one class, so that it is a track.
    """

    name: str
    title: str
    files: int
    classes: int
    address: str
    licence: str
    citation: str
    faults: str
    is_single: bool = True

    def missing(self, found: int) -> str:
        """Return a sentence if there are fewer, or more, than all tracks."""
        absent = self.files - found
        if absent == 0 or not self.is_single:
            return ""
        whole = f"{self.title}'s {self.files} tracks"
        if absent < 0:
            return f"{-absent} tracks more than {whole} are here"
        return (
            f"{absent} of {whole} are not here"
            if absent < found
            else f"{found} of {whole} are here"
        )


def layout(
    listing: Listing,
    collection: Collection,
    rows: Sequence[Row],
    known: str,
    others: Sequence[str] = (),
) -> Layout:
    """Return the layout of a collection.

    Parameters
    ----------
    listing : Listing
        Names in the folder that the user gave.
    collection : Collection
        The recognised collection.
    rows : sequence of dict
        Its tracks.
    known : str
        Clause on what the collection tells about its tracks.
    others : sequence of str
        Audio files that lie outside the folders of the collection.

    Raises
    ------
    DatasetError
        If there are others: the user may have meant all of them.
    """
    if others:
        files = "another recording" if len(others) == 1 else f"{len(others)} other recordings"
        raise DatasetError(
            f"{listing.name} holds {collection.title} and {files}, such as {quoted(others[0])}; "
            "give a folder that holds one of them only"
        )
    classes = len({row["label"] for row in rows})
    said = (
        f"{collection.title}: {len(rows)} of {collection.files} files, "
        f"{classes} class{'es' * (classes != 1)}; {known}."
    )
    return Layout(rows, said, collection.name)


def one_root(listing: Listing, title: str, rows: Sequence[Row]) -> str | None:
    """Return the folder above all class folders, None if there are several, as of a split.

    Parameters
    ----------
    listing : Listing
        Names in a folder.
    title : str
        Title of the collection.
    rows : sequence of dict
        Its tracks, each with a path that ends in the id.

    Raises
    ------
    DatasetError
        If a track lies in several of these folders.
    """
    roots = sorted({row["path"].removesuffix(row["id"]) for row in rows})
    if len(roots) == 1:
        return roots[0]
    if rows and max(Counter(row["id"].rpartition(".")[0] for row in rows).values()) > 1:
        places = ", ".join(quoted(root or "./") for root in roots)
        raise DatasetError(
            f"{listing.name} holds {title} more than once, in {places}; give one of these folders"
        )
    return None


def find_table(listing: Listing, *names: str) -> Iterator[tuple[str, str]]:
    """Yield the path of each table whose path ends in one of the names, and the folder above.

    Parameters
    ----------
    listing : Listing
        Names in a folder.
    *names : str
        Relative paths such as "meta/esc50.csv"; letter case does not matter.
    """
    for path in sorted(listing.tables, key=lambda path: (path.count("/"), path)):
        for name in names:
            if f"/{path}".lower().endswith(f"/{name}".lower()):
                yield path, path[: len(path) - len(name)]


def stem(path: str) -> str:
    """Return the name of a file without its suffixes."""
    return path.rpartition("/")[2].partition(".")[0]
