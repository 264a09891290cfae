"""The genre in the tags of a file, read and written with mutagen; all other tags stay."""

import io
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.audio.ffmpeg import stated_genre
from zoo.audio.heads import read_head
from zoo_registry.errors import ZooError
from zoo_registry.text import digest, first_line, quoted

__all__ = ["NO_TAGS", "Tags", "TagsError", "read_tags", "remove_tags", "write_genre"]

NO_TAGS = "mutagen writes no tags into a file of this kind"
_ROOM = 1024  # bytes for later tags, if an ID3 tag has to be made larger
_PIECE = 1 << 20  # bytes
_OWN_BLOCKS = (1, 4)  # padding and tags, among the blocks of FLAC
_LATIN, _UTF_8 = 0, 3  # encodings of ID3; mutagen takes UTF-16 for the latter in version 2.3
_IN_FRONT = ("MP3", "TrueAudio", "ID3FileType")  # kinds that begin with their ID3 tag
_BEGIN = re.compile(rb"\xff[\xe0-\xff]|TTA")  # of their sound

Values = list[Any]
"""Values of the genre as JSON, exactly as the tags hold them: an empty list if there is none."""


class TagsError(ZooError):
    """The tags of a file cannot be read, or the genre cannot be written."""


@dataclass(frozen=True)
class Tags:
    """Tags of a file.

    Attributes
    ----------
    kind : str
        Name of mutagen's type of the file.
    genres : tuple of str
        Genres as a player shows them.
    values : list
        The same as JSON, exactly as the tags hold them.
    others : str
        Hash of all other tags and pictures.
    is_new : bool
        Whether the file has no tags, not even empty ones.
    """

    kind: str
    genres: tuple[str, ...]
    values: Values
    others: str
    is_new: bool


def read_tags(path: Path, kind: str | None = None) -> Tags | None:
    """Return the tags of a file, None if mutagen has no tags for files of its kind.

    Parameters
    ----------
    path : Path
        Audio file.
    kind : str, optional
        Name of mutagen's type of the file, if it is known; names of files are not looked at then.

    Raises
    ------
    TagsError
        If mutagen cannot read the file.
    """
    found: Tags | None = _guarded(path, "cannot be read", lambda: _tags(_open(path, kind), path))
    return found


def write_genre(
    source: Path, target: Path, tags: Tags, wanted: str | Values, size: int | None = None
) -> None:
    """Copy a file with another genre; audio, pictures and other tags stay as they are.

    Parameters
    ----------
    source, target : Path
        The file, and the path of the copy.
    tags : Tags
        Result of `read_tags` of the file.
    wanted : str or list
        A genre; or the `values` of earlier tags, which are empty if the genre shall be removed.
    size : int, optional
        Bytes that the copy shall have, as far as padding allows; by default as many as the file.

    Raises
    ------
    TagsError
        If mutagen cannot write the file, the genre would be read as another, or another tag would
        be changed.
    """
    _guarded(target, "cannot be written", lambda: _write(source, target, tags.kind, wanted, size))
    found = _guarded(target, "cannot be read", lambda: _tags(_open(target, tags.kind), target))
    if isinstance(wanted, str) and found.genres != (wanted,):
        read = ", ".join(found.genres) or "none"
        raise TagsError(f"the genre {quoted(wanted)} would be read as {quoted(read)}")
    if not isinstance(wanted, str) and found.values != wanted:
        raise TagsError("its former genre cannot be written back")
    if found.others != tags.others:
        raise TagsError("mutagen would change other tags of it")


def remove_tags(source: Path, target: Path, tags: Tags, size: int) -> None:
    """Copy a file without its tags, which it did not have before it got a genre.

    Parameters
    ----------
    source, target : Path
        The file, and the path of the copy.
    tags : Tags
        Result of `read_tags` of the file.
    size : int
        Bytes that the copy shall have, as far as padding allows.

    Raises
    ------
    TagsError
        If mutagen cannot write the file.
    """
    _guarded(target, "cannot be written", lambda: _write(source, target, tags.kind, None, size))


def _guarded(path: Path, what: str, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except (ZooError, MemoryError):
        raise
    except Exception as error:  # mutagen raises many kinds on damaged files
        if isinstance(error.__cause__ or error.__context__, OSError):
            error = error.__cause__ or error.__context__  # type: ignore[assignment]
        if isinstance(error, OSError) and error.errno:  # such as a full disk
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise TagsError(f"its tags {what}: {first_line(error)}") from error


def _open(path: Path, kind: str | None = None) -> Any:
    """Return a file of mutagen's, or None if it knows no such file."""
    import mutagen
    from mutagen.id3 import ID3

    file = mutagen.File(path) if kind is None else _kinds()[kind](path)
    if file is None or not isinstance(file.tags, ID3):
        return file
    # As they are found: not translated to another version, and without the older ID3v1 tag at the
    # end of the file; but its values begin a new tag, or players would show none of them.
    kind_of_file = type(file)
    file = kind_of_file(path, translate=False, load_v1=False)
    return file if file.tags is not None else kind_of_file(path, translate=False, v2_version=3)


def _kinds() -> dict[str, Any]:
    import mutagen
    from mutagen import (
        aiff,
        apev2,
        asf,
        dsdiff,
        dsf,
        flac,
        id3,
        monkeysaudio,
        mp3,
        mp4,
        musepack,
        oggflac,
        oggopus,
        oggspeex,
        oggtheora,
        oggvorbis,
        optimfrog,
        tak,
        trueaudio,
        wave,
        wavpack,
    )

    modules = (
        aiff, apev2, asf, dsdiff, dsf, flac, id3, monkeysaudio, mp3, mp4, musepack, oggflac,
        oggopus, oggspeex, oggtheora, oggvorbis, optimfrog, tak, trueaudio, wave, wavpack,
    )  # fmt: skip
    found = [value for module in modules for value in vars(module).values()]
    return {
        value.__name__: value
        for value in found
        if isinstance(value, type) and issubclass(value, mutagen.FileType)
    }


def _tags(file: Any, path: Path) -> Tags | None:
    if file is None:
        return None
    in_front = type(file).__name__ in _IN_FRONT
    has_tag = file.tags is not None and bool(getattr(file.tags, "size", True))  # not ID3v1 alone
    if in_front and not has_tag and not _BEGIN.match(read_head(path).content):
        return None  # a film, or another file of a wrong name
    if file.tags is None:
        try:
            file.add_tags()
        except Exception:  # such as those of AAC, which has none
            return None
    family = _family(file.tags)
    names = [name.strip() for name in family.names(file.tags)]
    if not any(names):  # another place of the file, such as the INFO of WAV, may name one
        names = [stated_genre(path) or (_ape_genre(path) if in_front else "")]
    return Tags(
        type(file).__name__,
        tuple(filter(None, names)),
        family.values(file.tags),
        _others(file, family.key),
        not has_tag,
    )


def _ape_genre(path: Path) -> str:
    """Return the genre of the tag that some programs put behind MP3, in addition to ID3."""
    from mutagen.apev2 import APEv2, error

    try:
        return str(APEv2(path).get("Genre", ""))
    except error:
        return ""


def _others(file: Any, key: str) -> str:
    """Return the hash of all tags but the genre, and of pictures."""
    tags = file.tags
    in_order = isinstance(tags, list)
    pairs = list(tags) if in_order else sorted(tags.items())
    found = [f"{name}={value!r}" for name, value in pairs if name.casefold() != key.casefold()]
    blocks = getattr(file, "metadata_blocks", ())  # of FLAC: pictures, marks, tables
    found += [
        f"{block.code} {block.write()!r}" for block in blocks if block.code not in _OWN_BLOCKS
    ]
    parts = ("vendor", "unknown_frames", "_failed_atoms")
    found += [repr(part) for name in parts if (part := getattr(tags, name, None))]
    return digest(found)


def _write(
    source: Path, target: Path, kind: str, wanted: str | Values | None, size: int | None
) -> None:
    """Copy a file with a genre, with former values, or, if nothing is wanted, without tags."""
    from mutagen.id3 import ID3

    file = _open(source, kind)
    if file.tags is None:
        file.add_tags()
    tags, family, now = file.tags, _family(file.tags), source.stat().st_size
    if wanted is not None:
        family.put(tags, family.new(wanted) if isinstance(wanted, str) else wanted)
    is_id3, remove = isinstance(tags, ID3), wanted is None
    size = now if size is None else size
    if is_id3:
        version = 4 if tags.size and tags.version[:2] == (2, 4) else 3
        if tags.size and tags.version < (2, 3, 0):
            tags.update_to_v23()  # no later program reads 2.2, and mutagen does not write it
        options: dict[str, Any] = {"v2_version": version, "v23_sep": None}
        if kind in _IN_FRONT:  # mutagen's own way would write the ID3v1 tag at the end again, too
            _put_in_front(source, target, tags, options, None if remove else size)
            return
    else:
        options = {}
    shutil.copyfile(source, target)
    if remove and kind == "FLAC":
        file.metadata_blocks = [block for block in file.metadata_blocks if block is not tags]
        file.save(target, padding=_padding(now, size))
    elif remove:
        (file if kind == "DSF" else tags).delete(target)
    elif isinstance(family, _Ape):
        tags.save(target)  # it ends the file, and has no padding
    else:
        (tags if is_id3 else file).save(target, padding=_padding(now, size), **options)


def _padding(now: int, wanted: int) -> Callable[[Any], int]:
    """Return the function by which mutagen chooses the padding that gives a file this size."""
    return lambda info: max(0, info.padding - (now - wanted))


def _put_in_front(
    source: Path, target: Path, tags: Any, options: dict[str, Any], size: int | None
) -> None:
    """Copy a file with an ID3 tag in the place of the one that it begins with, or without one."""
    begin, rest = io.BytesIO(), source.stat().st_size - tags.size
    if size is not None:
        tags.save(begin, padding=lambda _: 0, **options)
        room = size - rest - len(begin.getvalue())
        begin = io.BytesIO()
        tags.save(begin, padding=lambda _: room if room >= 0 else _ROOM, **options)
    with source.open("rb") as old, target.open("wb") as new:
        old.seek(tags.size)
        new.write(begin.getvalue())
        shutil.copyfileobj(old, new, _PIECE)


class _Vorbis:
    """The genre in tags that hold any texts by name; the others differ from it."""

    key = "genre"

    def names(self, tags: Any) -> list[str]:
        """Return the genres as a player shows them."""
        return [str(value) for value in self.values(tags)]

    def values(self, tags: Any) -> Values:
        """Return the values as JSON."""
        return [str(value) for value in tags.get(self.key, ())]

    def new(self, genre: str) -> Values:
        """Return the values that mean a genre."""
        return [genre]

    def put(self, tags: Any, values: Values) -> None:
        """Replace the values; an empty list removes them."""
        if values:
            tags[self.key] = self.made(values)
        elif self.key in tags:
            del tags[self.key]

    def made(self, values: Values) -> Any:
        """Return what mutagen takes for these values."""
        return values


class _Mp4(_Vorbis):
    key = "\xa9gen"


class _Asf(_Vorbis):
    key = "WM/Genre"


class _Ape(_Vorbis):
    key = "Genre"

    def made(self, values: Values) -> Any:
        from mutagen.apev2 import APETextValue

        return APETextValue("\0".join(values), 0)


class _Id3(_Vorbis):
    """ID3: values are pairs of an encoding and the texts as they stand in the frame."""

    key = "TCON"

    def names(self, tags: Any) -> list[str]:
        from mutagen.id3 import TCON

        # Some programs decode what was decoded already.
        once = [genre for frame in tags.getall(self.key) for genre in frame.genres]
        return list(TCON(encoding=_UTF_8, text=once).genres)

    def values(self, tags: Any) -> Values:
        return [[int(frame.encoding), list(frame.text)] for frame in tags.getall(self.key)]

    def new(self, genre: str) -> Values:
        # A parenthesis would begin the number of a genre, two of them stand for one.
        text = f"({genre}" if genre.startswith("(") else genre
        return [[_LATIN if genre.isascii() else _UTF_8, [text]]]

    def put(self, tags: Any, values: Values) -> None:
        from mutagen.id3 import TCON

        frames = [TCON(encoding=encoding, text=texts) for encoding, texts in values]
        tags.setall(self.key, frames)


def _family(tags: Any) -> _Vorbis:
    from mutagen.apev2 import APEv2
    from mutagen.asf import ASFTags
    from mutagen.id3 import ID3
    from mutagen.mp4 import MP4Tags

    known = {ID3: _Id3, APEv2: _Ape, MP4Tags: _Mp4, ASFTags: _Asf}
    return next((family for kind, family in known.items() if isinstance(tags, kind)), _Vorbis)()
