"""Speech Commands: single words, a second each, of thousands of speakers.

It lies in one folder per word, with ``testing_list.txt`` and ``validation_list.txt``; what is in
neither list is for training. A file is called after its speaker: ``0a7c2a8d_nohash_0.wav``.
``_background_noise_`` holds recordings of minutes, to be mixed with the words.
"""

import re

from zoo.datasets.collections.collection import Collection, layout, one_root, stem
from zoo.datasets.listing import Layout, Listing

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
_LISTS = {"testing_list.txt": "test", "validation_list.txt": "valid"}


def read(listing: Listing) -> Layout | None:
    """Return the layout if all names are like those of Speech Commands, complete or a part.

    Other words than the published ones may be recordings of the user, which are read alike.

    Parameters
    ----------
    listing : Listing
        Names in a folder.

    Raises
    ------
    DatasetError
        If it lies in the folder more than once.
    """
    rows, noises = [], []
    for path in listing.files:
        label, name = ["", *path.split("/")][-2:]
        match = _NAME.fullmatch(stem(name))
        if label == NOISE:
            noises.append(path)
        elif match and label:
            row = {"path": path, "id": f"{label}/{name}", "label": label}
            rows.append(row | {"group": match[1]})
        else:
            return None
    root = one_root(listing, "Speech Commands", rows)
    if root is None:
        return None
    for path in noises:
        listing.passed.add("of background noise", path)
    parts, known = _parts(listing, root), "speakers kept together"
    if parts:
        rows = [row | {"split": parts.get(_key(row["id"]), "train")} for row in rows]
        known = f"published split, {known}"
    words = {row["label"] for row in rows} | {key.partition("/")[0] for key in parts}
    if not words <= set(SECOND):
        return Layout(rows, f"Names as in Speech Commands: {known}.")
    first = parts and words <= set(FIRST)
    which = SPEECH_COMMANDS_1 if first else SPEECH_COMMANDS_2
    return layout(listing, which, rows, known)


def _parts(listing: Listing, root: str) -> dict[str, str]:
    """Return "test" or "valid" by word and stem, for the files in the lists."""
    parts = {}
    for name, part in _LISTS.items():
        if f"{root}{name}" in listing.tables:
            with listing.copy(f"{root}{name}") as local:
                listing.passed.drop({f"{root}{name}"})
                for line in local.read_text(encoding="utf-8").splitlines():
                    parts[_key(line.strip())] = part
    return parts


def _key(path: str) -> str:
    return f"{path.rpartition('/')[0]}/{stem(path)}"
