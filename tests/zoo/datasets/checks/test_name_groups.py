"""Names that look alike: of classes, and of pieces of one recording."""

from itertools import product

import pytest

from zoo.datasets import Dataset, Track
from zoo.datasets.checks.name_groups import alike_classes, find_pieces

CLASSES = ("dog", "rain")


def named(names, **more) -> Dataset:
    tracks = [
        Track(
            name, name.split("/")[-2] if "/" in name else f"genre{number % 2}", f"d{number}", **more
        )
        for number, name in enumerate(names)
    ]
    return Dataset("set", "there", tracks)


def names(form: str, *ranges) -> list[str]:
    """Return names of both classes, for all values of the fields."""
    return [form.format(*values, c=c) for c in CLASSES for values in product(*ranges)]


PIECES = {
    "segments": (names("{c}/track{}_seg{}.wav", range(6), range(5)), 12, True),
    "joined words": (names("{c}/{}part{}.mp3", range(6), range(3)), 12, True),
    "of several": (names("{c}/Title {} - Part {} of 3.mp3", "abc", (1, 2, 3)), 6, True),
    "times": (names("{c}/x{}_{}.wav", range(4), ("00-05", "05-10", "10-13")), 8, True),
    "fractions": (names("{c}/x{}_{}.wav", range(4), ("0.0_2.5", "1.5_4.0")), 8, True),
    "copies": (names("{c}/song {}{}.wav", "abcdefg", ("", " (2)", " - Copy")), 14, False),
    "two levels": (names("{c}/{c}_{:05d}_{}.wav", range(5), range(6)), 10, False),
    "two levels with dots": (names("{c}/{c}.{:05d}.{}.wav", range(5), range(6)), 10, False),
    "one speaker in all classes": (
        names("{c}/{}_nohash_{}.wav", ("0a7c2a8d", "1b77ee66"), (0, 1)),
        2,
        False,
    ),
    "stems": (names("{c}/{}-{:02d}.wav", "abcd", range(6)), 8, False),
    "artists": (names("{c}/{:02d} - {} - Title.mp3", range(9), ("Ann", "Bo B.", "Cy")), 3, False),
    "an upper-case suffix": (names("{c}/track{}_seg{}.WAV", range(2), range(2)), 4, True),
}


@pytest.mark.parametrize("kind", PIECES)
def test_pieces(kind):
    paths, groups, explicit = PIECES[kind]
    pieces = find_pieces(named(paths))
    assert set(pieces.groups) == set(paths)
    assert len(set(pieces.groups.values())) == groups
    assert pieces.explicit == explicit
    assert f"{len(paths)} tracks are of {groups} recording" in pieces.sentence
    assert find_pieces(named(paths, group="known")) is None


NO_PIECES = {
    "one stem": names("{c}/{c}_{}.wav", range(40)),
    "numbers": names("{c}/{:04d}.wav", range(40)),
    "one stem in brackets": names("{c}/dog ({}).wav", range(9)),
    "GTZAN": names("{c}/{c}.{:05d}.wav", range(50)),
    "ESC-50": [
        f"{c}/{n % 5}-{100032 + 7 * n + k}-A-{k}.wav"
        for k, c in enumerate(CLASSES)
        for n in range(40)
    ],
    "dates": names("{c}/2021-{:02d}-{:02d}.wav", (5, 6), range(1, 9)),
    "dates and times": names("{c}/2021{:02d}{:02d}_{:02d}0000.wav", (5, 6), (1, 2), range(4)),
    "titles": names("{c}/{:02d} - Title {}.mp3", range(4), "abcd"),
    "two stems": names("{c}/{}_{}.wav", ("bark", "howl"), range(9)),
    "parts": names("{c}/{}_{}.wav", ("train", "val", "test"), range(4)),
    "parts in folders": [
        f"{s}/{c}/{s}{n}.wav" for s in ("train", "val") for c in CLASSES for n in range(9)
    ],
    "one recording per class": names("{c}/long_seg{}.wav", range(9)),
    "most of a class": ["dog/" + name for name in (*(f"dog_clip_{n}" for n in range(30)), "a", "b")]
    + ["rain/1.wav"],
    "words within words": names("{c}/depart{}.wav", range(9)),
}


@pytest.mark.parametrize("kind", NO_PIECES)
def test_numbers_alone_prove_nothing(kind):
    assert find_pieces(named(NO_PIECES[kind])) is None


@pytest.mark.parametrize(
    ("classes", "alike"),
    [
        (("Rock", "jazz", "rock"), [["Rock", "rock"]]),
        (("hip hop", "hip hop ", "hip-hop", "hip_hop", "hiphop"), "all"),
        (("Bo\u0308en", "B\u00f6en"), "all"),
        (("Straße", "STRASSE"), "all"),
        (("1", "1.0", "2", "10"), [["1", "1.0"]]),
        (("-", "_", "*", " "), []),
        (("c", "c++", "rock", "rocks", "nan", "inf", "1e999"), []),
    ],
)  # fmt: skip
def test_classes_that_look_alike(classes, alike):
    assert alike_classes(classes) == ([list(classes)] if alike == "all" else alike)
