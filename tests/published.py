"""Small synthetic copies of published collections, in the layouts and file formats they have."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000


def clip(path: Path, seed: int, seconds: float = 0.3) -> Path:
    """Write a short noisy tone; its bytes depend on the seed only."""
    rng, time = np.random.default_rng(seed), np.arange(int(RATE * seconds)) / RATE
    tone = 0.3 * np.sin(2 * np.pi * rng.uniform(200, 900) * time)
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = tone + 0.02 * rng.standard_normal(time.size)
    kind = {".au": "AU", ".mp3": "MP3", ".ogg": "OGG", ".flac": "FLAC"}.get(path.suffix, "WAV")
    soundfile.write(path, samples, RATE, format=kind)
    return path


def lines(path: Path, rows: Iterable[Sequence[object]], separator: str = ",") -> None:
    """Write a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=separator, lineterminator="\n").writerows(rows)


def gtzan(folder: Path, suffix: str = ".wav", each: int = 3) -> Path:
    """Write genre folders, as in ``genres.tar.gz`` and Kaggle's ``Data/genres_original``."""
    for number, genre in enumerate(("blues", "jazz", "rock")):
        for track in range(each):
            clip(folder / genre / f"{genre}.{track:05d}{suffix}", 100 * number + track)
    return folder


def kaggle(folder: Path, each: int = 3) -> Path:
    """Write GTZAN as Kaggle has it: pictures and feature tables beside the recordings."""
    data = folder / "Data"
    gtzan(data / "genres_original", each=each)
    for genre in ("blues", "jazz", "rock"):
        (data / "images_original" / genre).mkdir(parents=True)
        (data / "images_original" / genre / f"{genre}00000.png").write_bytes(b"\x89PNG")
    head = ["filename", "length", "tempo", "label"]
    names = [f"{genre}.{n:05d}" for genre in ("blues", "jazz", "rock") for n in range(3)]
    rows = [[f"{name}.wav", 661794, 100 + n, name[:-6]] for n, name in enumerate(names)]
    lines(data / "features_30_sec.csv", [head, *rows])
    cut = [
        [f"{name}.{part}.wav", 66149, 90 + 10 * part + n, name[:-6]]
        for n, name in enumerate(names)
        for part in (0, 1)
    ]
    lines(data / "features_3_sec.csv", [head, *cut])
    return folder


def esc(folder: Path, classes: Sequence[tuple[str, int]] = (("dog", 0), ("rain", 10))) -> Path:
    """Write ESC-50: ``audio/`` and ``meta/esc50.csv``, two takes of each source."""
    rows: list[Sequence[object]] = [
        ["filename", "fold", "target", "category", "esc10", "src_file", "take"]
    ]
    ten = {"dog", "rain"}
    for number, (label, target) in enumerate(classes):
        for fold in range(1, 6):
            source = 10_000 * (number + 1) + fold
            for take in "AB":
                name = f"{fold}-{source}-{take}-{target}.wav"
                clip(folder / "audio" / name, source + 100 * ord(take))
                rows.append([name, fold, target, label, label in ten, source, take])
    lines(folder / "meta" / "esc50.csv", rows)
    return folder


def urbansound8k(folder: Path, beside: bool = False) -> Path:
    """Write UrbanSound8K; with `beside`, the folds lie beside the table."""
    rows: list[Sequence[object]] = [
        ["slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class"]
    ]
    for fold in range(1, 11):
        for number, label in ((3, "dog_bark"), (8, "siren")):
            source = 1000 * fold + number
            for part in range(2):
                name = f"{source}-{number}-0-{part}.wav"
                place = folder if beside else folder / "audio"
                clip(place / f"fold{fold}" / name, 10 * source + part)
                rows.append([name, source, part, part + 0.3, 1, fold, number, label])
    lines(folder / ("" if beside else "metadata") / "UrbanSound8K.csv", rows)
    return folder


def fma(folder: Path, subset: str = "small") -> Path:
    """Write FMA: numbered folders, and ``fma_metadata/tracks.csv`` with its three header rows."""
    columns = [
        ("album", "id"), ("album", "information"), ("artist", "bio"), ("artist", "id"),
        ("artist", "name"), ("set", "split"), ("set", "subset"), ("track", "genre_top"),
        ("track", "genres"), ("track", "title"),
    ]  # fmt: skip
    rows: list[Sequence[object]] = [
        ["", *(group for group, _ in columns)],
        ["", *(name for _, name in columns)],
        ["track_id", *("" for _ in columns)],
    ]
    numbers = [2, 5, 10, 140, 1013, 1014, 98565, 98567, 155066, 155320]
    parts = ["training", "training", "validation", "test", "training"] * 2
    for place, (number, part) in enumerate(zip(numbers, parts, strict=True)):
        genre = ("Hip-Hop", "Rock")[place % 2]
        several = number == 155320  # of two root genres, so that the table has none
        level = "large" if several else subset if place < 2 else "small"
        rows.append(
            [number, 7, "x" * 200_000 if not place else "an\nalbum", "", place // 2 + 100, "Ann",
             part, level, "" if several else genre, "[21]", f"song {number}"]
        )  # fmt: skip
        if several and subset == "small":
            continue
        name = f"{number:06d}"
        clip(folder / f"fma_{subset}" / name[:3] / f"{name}.mp3", number)
    rows.append([999, 7, "", "", 1, "Bo", "training", "small", "Rock", "[12]", "not downloaded"])
    lines(folder / "fma_metadata" / "tracks.csv", rows)
    lines(folder / "fma_metadata" / "genres.csv", [["genre_id", "#tracks", "parent"], [21, 9, 0]])
    return folder


def ballroom(folder: Path) -> Path:
    """Write Ballroom: ``BallroomData``, with its list of files."""
    names = ["Albums-Latin_Jam-06", "Albums-Latin_Jam-15", "Media-105901", "Media-105902",
             "Media-104302"]  # fmt: skip
    listed = []
    for number, dance in enumerate(("Jive", "VienneseWaltz", "Rumba-Misc")):
        for place, name in enumerate(names):
            own = name.replace("Latin_Jam", f"Latin_Jam{number}").replace("1059", f"106{number}")
            clip(folder / "BallroomData" / dance / f"{own}.wav", 10 * number + place)
            listed.append(f"./{dance}/{own}.wav\n")
    (folder / "BallroomData" / "allBallroomFiles").write_text("".join(listed))
    return folder


def speech_commands(folder: Path, words: Sequence[str] = ("yes", "no", "learn")) -> Path:
    """Write Speech Commands: words, lists and background noise."""
    speakers = {"0a7c2a8d": "train", "3cfc6b3a": "train", "c120e80e": "test", "0227998e": "valid"}
    lists: dict[str, list[str]] = {"test": [], "valid": []}
    for number, word in enumerate(words):
        for place, (speaker, part) in enumerate(speakers.items()):
            for take in range(2):
                name = f"{word}/{speaker}_nohash_{take}.wav"
                clip(folder / name, 100 * number + 10 * place + take)
                if part in lists:
                    lists[part].append(name)
    (folder / "testing_list.txt").write_text("\n".join(lists["test"]) + "\n")
    (folder / "validation_list.txt").write_text("\n".join(lists["valid"]) + "\n")
    clip(folder / "_background_noise_" / "pink_noise.wav", 7, seconds=3)
    (folder / "_background_noise_" / "README.md").write_text("noise")
    return folder


def mtg_jamendo(folder: Path, low: bool = False) -> Path:
    """Write MTG-Jamendo: numbered folders of recordings, and tables of several splits."""
    head = ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS"]
    for split in range(2):
        for part, first in (("train", 0), ("validation", 8), ("test", 12)):
            rows: list[Sequence[object]] = [head]
            for number in range(first, first + (8 if part == "train" else 4)):
                track = 1_376_200 + (number + 3 * split) % 16
                tags = ["genre---rock" if track % 2 else "genre---ambient"]
                tags += ["genre---pop"] if track % 4 == 3 else []
                artist = f"artist_{490_000 + track // 4:06d}"
                path = f"{track % 100:02d}/{track}.mp3"
                rows.append([f"track_{track:07d}", artist, "album_161779", path, 166.0, *tags])
            name = f"data/splits/split-{split}/autotagging_genre-{part}.tsv"
            lines(folder / name, rows, separator="\t")
    for track in range(1_376_200, 1_376_216):
        name = f"{track % 100:02d}/{track}{'.low' if low else ''}.mp3"
        clip(folder / "raw_30s" / "audio" / name, track)
    return folder


def index(path: Path, kind: str, files: dict[str, str], others: Sequence[str] = ()) -> Path:
    """Write an index as mirdata and soundata read it: the file of each "tracks" or "clips"."""
    path.parent.mkdir(parents=True, exist_ok=True)
    absent = {other: [None, None] for other in others}
    items = {name: {"audio": [file, "0" * 32], **absent} for name, file in files.items()}
    path.write_text(json.dumps({"version": "1.0", kind: items}))
    return path
