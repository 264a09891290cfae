"""The card of a published collection, and the names that its modules look for."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from zoo.audio.folders import OUTSIDE
from zoo.datasets.layout.listing import Layout, Listing, Row
from zoo_registry.errors import DatasetError
from zoo_registry.text import few, quoted

__all__ = [
    "Collection",
    "Named",
    "are_enough",
    "ask_for_table",
    "elsewhere",
    "find_table",
    "layout",
    "named_tracks",
    "stem",
    "text_lines",
]

_SHARE, _FEWEST = 0.5, 10  # published names, so that others among them do not matter
_SHOWN = 3  # names of others in a sentence


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
    by_artist : bool
        Whether its groups are artists.
    kind : str
        What its classes are, in the plural.
    example : str
        Name of a file that a model of it is asked about.
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
    by_artist: bool = False
    kind: str = "music genres"
    example: str = "song.mp3"

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


@dataclass(frozen=True)
class Named:
    """Tracks that were recognised by their names, and others among them.

    Attributes
    ----------
    rows : list of dict
        Tracks of published names.
    strangers : list of dict
        Tracks of other names in class folders, or in folders beside these.
    others : list of str
        Audio files that lie elsewhere.
    root : str or None
        Folder above all class folders; None if there are several, as of a split.
    """

    rows: list[Row]
    strangers: list[Row] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    root: str | None = None

    @property
    def said(self) -> str:
        """Clause on the tracks of other names, empty if there are none."""
        count, classes = len(self.strangers), {row["label"] for row in self.rows}
        own = sorted({row["label"] for row in self.strangers} - classes)
        if not count:
            return ""
        names = few([row["path"].rpartition("/")[2] for row in self.strangers], _SHOWN)
        text = f"{count} other file{'s' * (count != 1)} ({names}) labelled by folder"
        more = f", of the further class{'es' * (len(own) > 1)} {few(own, _SHOWN)}"
        return text + more * bool(own)


def are_enough(count: int, total: int) -> bool:
    """Whether so many published names among all mean that a collection is there."""
    return 0 < count == total or (count >= _FEWEST and count > _SHARE * total)


def named_tracks(
    listing: Listing,
    title: str,
    files: Iterable[str],
    row_of: Callable[[str, str], Row | None],
    label_of: Callable[[str], str] = str,
) -> Named | None:
    """Return the tracks in class folders if most names are those of a collection.

    Parameters
    ----------
    listing : Listing
        Names in a folder.
    title : str
        Title of the collection.
    files : iterable of str
        Paths of its audio files.
    row_of : callable
        Returns what the folder and the name of a file tell; None for a name that is not published.
    label_of : callable
        Returns the class of a folder.

    Raises
    ------
    DatasetError
        If a track lies in the folder more than once.
    """
    rows, strangers = list[Row](), list[str]()
    for path in files:
        folder, name = ["", *path.split("/")][-2:]
        label = label_of(folder)
        row = row_of(label, name)
        if row is None:
            strangers.append(path)
        else:
            rows.append({"path": path, "id": f"{label}/{name}", "label": label} | row)
    if not are_enough(len(rows), len(rows) + len(strangers)):
        return None
    root = _one_root(listing, title, rows)
    found = Named(rows, root=root)
    for path in strangers:
        folder, _, name = path.removeprefix(root or "").partition("/")
        if root is None or not path.startswith(root):
            found.others.append(path)
        elif name:
            label = label_of(folder)
            found.strangers.append({"path": path, "id": f"{label}/{name}", "label": label})
        else:
            listing.passed.add(OUTSIDE, path)
    return found


def _one_root(listing: Listing, title: str, rows: Sequence[Row]) -> str | None:
    """Return the folder above all class folders, None if there are several, as of a split."""
    roots = sorted({path[: path.rfind("/", 0, path.rfind("/")) + 1] for path in _paths(rows)})
    if len(roots) == 1:
        return roots[0]
    if max(Counter(row["id"].rpartition(".")[0] for row in rows).values()) > 1:
        places = ", ".join(quoted(root or "./") for root in roots)
        raise DatasetError(
            f"{listing.name} holds {title} more than once, in {places}; give one of these folders"
        )
    return None


def _paths(rows: Sequence[Row]) -> Iterator[str]:
    return (row["path"] for row in rows)


def elsewhere(files: Iterable[str], rows: Sequence[Row]) -> list[str]:
    """Return the files in folders that hold none of the tracks.

    Parameters
    ----------
    files : iterable of str
        Paths of audio files.
    rows : sequence of dict
        Tracks of a collection.
    """
    folders = {path.rpartition("/")[0] for path in _paths(rows)}
    return [path for path in files if path.rpartition("/")[0] not in folders]


def layout(
    listing: Listing,
    collection: Collection,
    found: Named,
    known: str,
) -> Layout:
    """Return the layout of a collection.

    Parameters
    ----------
    listing : Listing
        Names in the folder that the user gave.
    collection : Collection
        The recognised collection.
    found : Named
        Its tracks.
    known : str
        Clause on what the collection tells about its tracks.

    Raises
    ------
    DatasetError
        If there are other recordings beside it: the user may have meant all of them.
    """
    if others := found.others:
        files = "another recording" if len(others) == 1 else f"{len(others)} other recordings"
        raise DatasetError(
            f"{listing.name} holds {collection.title} and {files}, such as {quoted(others[0])}; "
            "give a folder that holds one of them only"
        )
    classes = len({row["label"] for row in found.rows})
    said = (
        f"{collection.title}: {len(found.rows)} of {collection.files} files, "
        f"{classes} class{'es' * (classes != 1)}; {known}"
    )
    said = "; ".join(filter(None, [said, found.said])) + "."
    return Layout([*found.rows, *found.strangers], said, collection.name)


def ask_for_table(
    listing: Listing, count: int, title: str, table: str, folders: str = "audio and meta"
) -> None:
    """Raise `DatasetError` if most files are of a collection whose labels are in a table.

    Parameters
    ----------
    listing : Listing
        Names in a folder, in which the table is not.
    count : int
        Number of files with names of the collection.
    title, table : str
        Title of the collection, and where its labels are.
    folders : str
        What the folder to give has to hold.
    """
    if 2 * count > len(listing.files):
        raise DatasetError(
            f"{listing.name} holds files of {title}, whose labels are in {table}; "
            f"give the folder that holds both {folders}"
        )


def text_lines(listing: Listing, path: str) -> list[str]:
    """Return the lines of a text file of the publisher.

    Parameters
    ----------
    listing : Listing
        Names in a folder.
    path : str
        Relative path of the file.

    Raises
    ------
    DatasetError
        If it cannot be read.
    """
    with listing.copy(path) as local:
        try:
            content = local.read_bytes()
            return content.decode("utf-8-sig").splitlines()
        except OSError as error:
            raise DatasetError(f"{listing.name}/{path} cannot be read: {error}") from error
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise DatasetError(
                f"{listing.name}/{path}, line {line}: it is not in UTF-8; "
                "unpack the file again as it was published"
            ) from error


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
