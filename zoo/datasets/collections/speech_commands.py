"""Speech Commands: single words, a second each, of thousands of speakers.

It lies in one folder per word, with ``testing_list.txt`` and ``validation_list.txt``; what is in
neither list is for training. Kaggle's copy has the words in ``train/audio``, the lists in
``train``. A file is called after its speaker: ``0a7c2a8d_nohash_0.wav``.
``_background_noise_`` holds recordings of minutes, to be mixed with the words.
"""

import re

from zoo.datasets.collections.collection import (
    Collection,
    find_table,
    layout,
    named_tracks,
    stem,
    text_lines,
)
from zoo.datasets.layout.folder_roles import folder_roles
from zoo.datasets.layout.listing import Layout, Listing, Row

__all__ = ["COLLECTIONS", "read"]

CITATION = """\
@article{speechcommandsv2,
  author = {{Warden}, P.},
  title = "{Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition}",
  journal = {ArXiv e-prints},
  archivePrefix = "arXiv",
  eprint = {1804.03209},
  year = 2018,
  url = {https://arxiv.org/abs/1804.03209}
}"""
LICENCE = "CC BY 4.0"
FAULTS = (
    "Some recordings are cut off, nearly silent, or hold another word; the second version has "
    "better labels than the first."
)
SPEECH_COMMANDS_2 = Collection(
    name="speech-commands-0.02",
    title="Speech Commands 0.02",
    files=105_829,
    classes=35,
    address="https://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    licence=LICENCE,
    citation=CITATION,
    faults=FAULTS,
    kind="spoken words",
    example="recording.wav",
)
SPEECH_COMMANDS_1 = Collection(
    name="speech-commands-0.01",
    title="Speech Commands 0.01",
    files=64_721,
    classes=30,
    address="https://download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
    licence=LICENCE,
    citation=CITATION,
    faults=FAULTS,
    kind="spoken words",
    example="recording.wav",
)
COLLECTIONS = (SPEECH_COMMANDS_2, SPEECH_COMMANDS_1)

NOISE = "_background_noise_"
FIRST = (
    "bed", "bird", "cat", "dog", "down", "eight", "five", "four", "go", "happy",
    "house", "left", "marvin", "nine", "no", "off", "on", "one", "right", "seven",
    "sheila", "six", "stop", "three", "tree", "two", "up", "wow", "yes", "zero",
)  # fmt: skip
SECOND = (*FIRST, "backward", "follow", "forward", "learn", "visual")
_NAME = re.compile(r"([0-9A-Za-z]+)_nohash_\d+")
_ALIKE = "Names as in Speech Commands"
_LISTS = {"testing_list.txt": "test", "validation_list.txt": "valid"}


def read(listing: Listing) -> Layout | None:
    """Return the layout if most names are like those of Speech Commands, complete or a part.

    Other words than the published ones may be recordings of the user, which are read alike.

    Parameters
    ----------
    listing : Listing
        Names in a folder.

    Raises
    ------
    DatasetError
        If it lies in the folder more than once, or other recordings lie beside it.
    """
    noises = [path for path in listing.files if f"/{NOISE}/" in f"/{path}"]
    files = [path for path in listing.files if path not in set(noises)]
    found = named_tracks(listing, "Speech Commands", files, _row)
    if not found or (found.root is None and found.others):
        return None
    for path in noises:
        listing.passed.add("of background noise", path)
    if found.root is None:  # as of a split of the user's
        roles = folder_roles(listing.name, files)
        groups = {row["path"]: row["group"] for row in found.rows}
        rows = [row | {"group": groups[row["path"]]} for row in roles.rows]
        return Layout(rows, f"{_ALIKE}: speakers kept together; {roles.said}")
    parts, known = _parts(listing, found.root), "speakers kept together"
    if parts:
        for row in (*found.rows, *found.strangers):
            row["split"] = parts.get(_key(row["id"]), "train")
        known = f"published split, {known}"
    words = {row["label"] for row in found.rows} | {key.partition("/")[0] for key in parts}
    if not words <= set(SECOND):
        said = "; ".join(filter(None, [f"{_ALIKE}: {known}", found.said]))
        return Layout([*found.rows, *found.strangers], f"{said}.")
    first = parts and words <= set(FIRST)
    which = SPEECH_COMMANDS_1 if first else SPEECH_COMMANDS_2
    return layout(listing, which, found, known)


def _row(label: str, name: str) -> Row | None:
    match = _NAME.fullmatch(stem(name))
    return {"group": match[1]} if match and label else None


def _parts(listing: Listing, root: str) -> dict[str, str]:
    """Return "test" or "valid" by word and stem, for the files in the lists."""
    parts = dict[str, str]()
    for name, part in _LISTS.items():
        for path, above in find_table(listing, name):
            if root.startswith(above):  # the lists may lie further above the words
                listing.passed.drop({path})
                parts |= {_key(line.strip()): part for line in text_lines(listing, path)}
                break
    return parts


def _key(path: str) -> str:
    return f"{path.rpartition('/')[0]}/{stem(path)}"
