"""Names that look alike: of classes, and of tracks that are pieces of one recording or album.

A number alone proves nothing: ``dog_0.wav`` to ``dog_39.wav`` are forty recordings. Evidence is

* a word such as ``seg`` before the number, or a range of times (``song_00-05``, ``song_05-10``);
* a copy (``song (2)``) beside what it is a copy of;
* numbers on two levels (``blues_00000_3``), if half of a class or more has them;
* several stems (``album-01``, ``Artist - Title``), if nearly all of a class has one of at least
  three.

No group of tracks is a whole class.
"""

import re
import shlex
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from zoo.audio.kinds import is_audio
from zoo.datasets.base import Dataset, Track
from zoo.execution.progress import Reporter
from zoo_registry.files import is_folder
from zoo_registry.text import brief, quoted

__all__ = [
    "Pieces",
    "alike_classes",
    "alike_sentence",
    "find_pieces",
    "name_notes",
    "pieces_among",
    "with_recordings",
]

_WORD = (
    "seg|segment|part|pt|chunk|clip|slice|piece|excerpt|window|win|frame|snippet|split|crop|cut|"
    "section|block|offset|aug|augmented|take|teil|partie"
)
_SEGMENT = re.compile(
    rf"(.*[^\s._-])[\s._-]*(?<=[\s._\-\d])(?:{_WORD})[\s._-]*\(?\d+\)?(?:\s*of\s*\d+)?", re.I
)
_TIME = r"(\d+(?:\.\d+)?)(?:ms|s|sec)?"
_RANGE = re.compile(rf"(.*?[^\s._-])[\s_-]+{_TIME}(?:[-\u2013_]|[\s_]?to[\s_]?){_TIME}", re.I)
_COPY = re.compile(
    r"(.*[^\s_-])(?:\s*\(\d+\)|[\s_-]+(?:copy|kopie|copie)(?:[\s_-]*\(?\d+\)?)?)", re.I
)
_NUMBER = re.compile(r"(.*?[^\s._-])(?:[\s._-]+\(?\d+\)?|(?<=[^\W\d])\d+)")
_ARTIST = re.compile(r"(?:\d+[\s._-]+)?(.*\S)\s+[-\u2013]\s+\S.*")
_DATE = re.compile(r"(?:.*\D)?(?:19|20)\d\d[._-]?(?:0\d|1[0-2])(?:[._-]?[0-3]\d)?")
_NO_STEM = re.compile(rf"{_DATE.pattern}|train(ing)?|val(id|idation)?|test|dev|eval|fold", re.I)
# A hash or a catalogue number, which is the same thing in every class.
_KEY = re.compile(
    r"(?<![^\s._-])(?:(?=[a-z0-9]*\d[a-z])(?=[a-z0-9]*[a-z]\d)[a-z0-9]{7,}|[1-9]\d{5,})(?![^\s._-])",
    re.I,
)
_WHOLE = re.compile(r"0*(\d+)(?:\.0*)?")  # 1, 01 and 1.0
_BLANK = re.compile(r"[\s_-]+")
_HALF = 0.5  # of a class
_NEARLY_ALL = 0.8
_MOST = 2 / 3  # of a class, as much as one stem of several has
_STEMS = 3


@dataclass(frozen=True)
class Pieces:
    """Groups of tracks that their names suggest.

    Attributes
    ----------
    groups : dict
        Name of the group by id of the track, for groups of two tracks or more.
    explicit : bool
        Whether some names say so by a word, or by a range of times.
    sure : bool
        Whether all names say so by more than their stem.
    """

    groups: Mapping[str, str]
    explicit: bool
    sure: bool

    @property
    def sentence(self) -> str:
        """The number of tracks and groups, with an example."""
        first = next(iter(self.groups.values()))
        one, other = [brief(name) for name, group in self.groups.items() if group == first][:2]
        count = len(set(self.groups.values()))
        what = "recording" if self.sure else "recording, album or artist"
        of = f"one {what}" if count == 1 else f"{count} {what.replace('recording', 'recordings')}"
        return f"by their names, {len(self.groups)} tracks are of {of} (such as {one} and {other})"


@dataclass(frozen=True)
class _Stem:
    """The stem of a track's name: the group that it suggests, and by what."""

    track: Track
    group: str
    kind: str  # "word", "copy", "level" of numbers, or "stem"


def find_pieces(dataset: Dataset) -> Pieces | None:
    """Return the groups that names suggest for the tracks without a known one, None if none.

    Parameters
    ----------
    dataset : Dataset
        Recordings, or rows of a feature table.
    """
    return pieces_among(dataset.tracks)


def pieces_among(tracks: Iterable[Track]) -> Pieces | None:
    """Return the result of `find_pieces` for tracks, whose labels may all be equal."""
    classes = defaultdict[str, list[Track]](list)
    for track in tracks:
        classes[track.label].append(track)
    stems = {label: list(_stems(tracks)) for label, tracks in classes.items()}
    sizes = Counter(stem.group for own in stems.values() for stem in own)
    found = [stem for label, own in stems.items() for stem in _proven(own, sizes, classes[label])]
    sizes = Counter(stem.group for stem in found)
    found = [stem for stem in found if sizes[stem.group] > 1]
    if not found:
        return None
    kinds = {stem.kind for stem in found}
    groups = {stem.track.id: stem.group for stem in found}
    return Pieces(groups, "word" in kinds, "stem" not in kinds)


def alike_classes(classes: Sequence[str]) -> list[list[str]]:
    """Return the classes whose names differ only in case, blanks, hyphens, or how they are coded.

    Parameters
    ----------
    classes : sequence of str
        Names.
    """
    alike = defaultdict[str, list[str]](list)
    for name in classes:
        key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        if whole := _WHOLE.fullmatch(key):
            key = whole[1]
        alike[_BLANK.sub("", key) or name].append(name)
    return [names for names in alike.values() if len(names) > 1]


def alike_sentence(names: Sequence[str]) -> str:
    """Return a sentence about classes that `alike_classes` has found."""
    listed = ", ".join(map(quoted, names[:-1]))
    return (
        f"the classes {listed} and {quoted(names[-1])} look alike; "
        "give them one name if they are one class"
    )


def with_recordings(dataset: Dataset, reporter: Reporter | None = None) -> Dataset:
    """Return a feature table with the recording of each row, if all names prove it.

    Parameters
    ----------
    dataset : Dataset
        The table; no ``metadata.csv`` can be written for it.
    reporter : Reporter, optional
        Receives a note on the recordings.
    """
    pieces = find_pieces(dataset)
    if pieces is None or not pieces.sure:
        return dataset
    tracks = [
        replace(track, recording=pieces.groups.get(track.id, track.recording))
        for track in dataset.tracks
    ]
    if reporter:
        reporter.note(f"{pieces.sentence}; they are kept together")
    return replace(dataset, tracks=tracks)


def name_notes(dataset: Dataset) -> Iterator[str]:
    """Yield a line on classes that look alike, and one on pieces of recordings.

    Parameters
    ----------
    dataset : Dataset
        Recordings, or rows of a feature table.
    """
    yield from map(alike_sentence, alike_classes(dataset.classes))
    if pieces := find_pieces(dataset):
        then = "a column `group` in its table keeps them together"
        if is_folder(Path(dataset.source)):
            source = shlex.quote(dataset.source)
            then = f"`zoo data check {source} --write` keeps them together"
        yield f"{pieces.sentence}; {then}"


def _stems(tracks: Sequence[Track]) -> Iterator[_Stem]:
    """Yield what the name of each track of a class suggests."""
    names = {track.id: _without_suffix(track.id) for track in tracks}
    times, plain = _ranges(names), set(names.values())
    copied = {m[1] for name in plain if (m := _COPY.fullmatch(name)) and m[1] in plain}
    for track in tracks:
        if track.group or track.recording:
            continue
        name = names[track.id]
        if (match := _COPY.fullmatch(name)) and match[1] in copied:
            name = match[1]
        if match := _SEGMENT.fullmatch(name):
            yield _Stem(track, _group(track, match[1]), "word")
        elif base := times.get(track.id):
            yield _Stem(track, _group(track, base), "word")
        elif name in copied:
            yield _Stem(track, _group(track, name), "copy")
        elif (match := _ARTIST.fullmatch(name)) and not match[1].isdigit():
            yield _Stem(track, match[1], "stem")
        elif (match := _NUMBER.fullmatch(name)) and not _NO_STEM.fullmatch(match[1]):
            base, is_joined = match[1], name[match.end(1)].isdigit()
            if not _has_number(base):
                yield _Stem(track, _folder(track) + base, "stem")
            elif not is_joined:
                yield _Stem(track, _group(track, base), "level")


def _without_suffix(path: str) -> str:
    name = unicodedata.normalize("NFC", path.rpartition("/")[2])
    while is_audio(name):
        name = name.rpartition(".")[0]
    return name.strip()


def _folder(track: Track) -> str:
    """Return the folder of a track with a slash, empty if there is none."""
    return track.id[: track.id.rfind("/") + 1]


def _has_number(text: str) -> bool:
    return any(map(str.isdigit, text))


def _group(track: Track, base: str) -> str:
    """Return the name of the group of a stem: a key is the same in all classes."""
    key = next((key for key in _KEY.findall(base) if not _DATE.fullmatch(key)), None)
    return key or f"{track.label}/{base}"


def _ranges(names: Mapping[str, str]) -> dict[str, str]:
    """Return the stem by id of the tracks whose names end in ranges of times."""
    spans = defaultdict[str, list[tuple[float, float, str]]](list)
    for identifier, name in names.items():
        if match := _RANGE.fullmatch(name):
            spans[match[1]].append((float(match[2]), float(match[3]), identifier))
    found = dict[str, str]()
    for base, own in spans.items():
        own.sort()
        starts, ends, ids = zip(*own, strict=True)
        lengths = {round(end - start, 6) for start, end in zip(starts, ends, strict=True)}
        rising = len(set(starts)) == len(own) > 1 and min(lengths) > 0
        if rising and (len(lengths) == 1 or starts[1:] == ends[:-1]):
            found |= dict.fromkeys(ids, base)
    return found


def _proven(
    stems: Sequence[_Stem], sizes: Mapping[str, int], tracks: Sequence[Track]
) -> Iterator[_Stem]:
    """Yield the stems of a class for which there is evidence."""
    own = Counter(stem.group for stem in stems)
    folders = Counter(_folder(track) for track in tracks)
    several = defaultdict[str, list[_Stem]](list)
    for stem in stems:
        count, folder = own[stem.group], folders[_folder(stem.track)]
        is_all = count in {len(tracks), *([folder] if stem.kind == "stem" else ())}
        is_most = count > _MOST * len(tracks) and not _has_number(stem.group)
        if sizes[stem.group] > 1 and not (is_all or is_most):
            several[stem.kind].append(stem)
    yield from several["word"]
    yield from several["copy"]
    for kind, fewest, share in (("level", 2, _HALF), ("stem", _STEMS, _NEARLY_ALL)):
        if len({stem.group for stem in several[kind]}) >= fewest and len(
            several[kind]
        ) >= share * len(tracks):
            yield from several[kind]
