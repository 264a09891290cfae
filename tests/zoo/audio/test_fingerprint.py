"""Copies are found whatever was done to them; what merely sounds alike is not."""

import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from zoo.audio import fingerprint
from zoo.audio.decode import decode, resample
from zoo.audio.fingerprint import RATE, landmarks, near_duplicates

SOURCE_RATE = 22_050
SECONDS = 10
TUNES = 4

Wave = NDArray[np.float32]
Change = Callable[[Wave], tuple[Wave, int]]


def melody(seed: int, seconds: float = SECONDS) -> Wave:
    """Two voices of plucked notes with six partials."""
    rng = np.random.default_rng(seed)
    wave = np.zeros(round(seconds * SOURCE_RATE))
    for _ in range(2):
        start, pitch = 0, 60
        while start < len(wave):
            length = round(rng.choice([0.125, 0.25, 0.5]) * SOURCE_RATE)
            pitch = int(np.clip(pitch + rng.integers(-5, 6), 45, 84))
            time = np.arange(min(length, len(wave) - start)) / SOURCE_RATE
            for partial in range(1, 7):
                tone = np.sin(2 * np.pi * partial * 440 * 2 ** ((pitch - 69) / 12) * time)
                wave[start : start + length] += tone * np.exp(-6 * time) / partial
            start += length
    return wave.astype(np.float32)


def drums(seconds: float = SECONDS) -> Wave:
    """One bar of two sampled drums, over and over."""
    rng = np.random.default_rng(99)
    beat = SOURCE_RATE // 4
    time = np.arange(beat) / SOURCE_RATE
    kick = np.sin(2 * np.pi * (50 * time + 4 * (1 - np.exp(-30 * time)))) * np.exp(-15 * time)
    snare = 0.6 * rng.standard_normal(beat) * np.exp(-25 * time)
    bar = np.concatenate([kick, 0.3 * snare, snare, kick, kick, kick + 0.2 * snare, snare, snare])
    return np.resize(bar, round(seconds * SOURCE_RATE)).astype(np.float32)


def noise(seed: int, seconds: float = SECONDS) -> Wave:
    values = np.random.default_rng(seed).standard_normal(round(seconds * SOURCE_RATE))
    return values.astype(np.float32)


def coded(wave: Wave, rate: int, kind: str, subtype: str, compression: float) -> tuple[Wave, int]:
    file = io.BytesIO()
    options = {"format": kind, "subtype": subtype, "compression_level": compression}
    soundfile.write(file, wave / 8, rate, **options)
    file.seek(0)
    return soundfile.read(file, dtype="float32")


def telephone(wave: Wave) -> tuple[Wave, int]:
    narrow = resample(wave, SOURCE_RATE, 8_000)
    spectrum = np.fft.rfft(narrow)
    hertz = np.fft.rfftfreq(len(narrow), 1 / 8_000)
    spectrum[(hertz < 300) | (hertz > 3_400)] = 0
    return np.fft.irfft(spectrum, len(narrow)).astype(np.float32), 8_000


def noisy(wave: Wave, decibel: float) -> tuple[Wave, int]:
    level = np.sqrt(np.mean(wave**2)) * 10 ** (-decibel / 20)
    return wave + level * noise(7, len(wave) / SOURCE_RATE), SOURCE_RATE


# What is done to a track, and by how many seconds its beginning is cut.
CHANGES: dict[str, tuple[Change, float]] = {
    "exact": (lambda wave: (wave, SOURCE_RATE), 0),
    "quiet": (lambda wave: (0.01 * wave, SOURCE_RATE), 0),
    "inverted": (lambda wave: (-wave, SOURCE_RATE), 0),
    "44.1 kHz": (lambda wave: (resample(wave, SOURCE_RATE, 44_100), 44_100), 0),
    "16 kHz": (lambda wave: (resample(wave, SOURCE_RATE, 16_000), 16_000), 0),
    "8 kHz": (lambda wave: (resample(wave, SOURCE_RATE, 8_000), 8_000), 0),
    "noise": (lambda wave: noisy(wave, 30), 0),
    "telephone": (telephone, 0),
    "mp3": (lambda wave: coded(wave, SOURCE_RATE, "MP3", "MPEG_LAYER_III", 0.6), 0),
    "ogg, cut": (
        lambda wave: coded(0.6 * wave[3 * SOURCE_RATE + 77 :], SOURCE_RATE, "OGG", "VORBIS", 1.0),
        3 + 77 / SOURCE_RATE,
    ),
    "excerpt": (
        lambda wave: (wave[4 * SOURCE_RATE + 123 : 9 * SOURCE_RATE], SOURCE_RATE),
        4 + 123 / SOURCE_RATE,
    ),
    "late": (lambda wave: (np.pad(wave, (2 * SOURCE_RATE, 0)), SOURCE_RATE), -2),
}


@pytest.fixture(scope="module")
def tunes() -> list[Wave]:
    """Half of them over the same drum loop."""
    return [melody(seed) + (drums() if seed % 2 else 0) for seed in range(TUNES)]


@pytest.fixture(scope="module")
def originals(tunes: list[Wave]) -> list[NDArray[np.int32]]:
    return [landmarks(tune, SOURCE_RATE) for tune in tunes]


@pytest.mark.parametrize(("change", "cut"), CHANGES.values(), ids=CHANGES)
def test_altered_copies_match_their_originals_only(tunes, originals, change, cut):
    copies = [landmarks(*change(tune)) for tune in tunes]

    matches = near_duplicates([*originals, *copies])

    assert [(m.first, m.second) for m in matches] == [(n, n + TUNES) for n in range(TUNES)]
    assert all(m.offset == pytest.approx(cut, abs=0.02) for m in matches)
    assert all(m.hashes >= 12 and 0.08 <= m.share <= 1 for m in matches)


def test_an_exact_copy_shares_every_hash(originals):
    (match,) = near_duplicates([originals[0], originals[0]])
    assert (match.hashes, match.share, match.offset) == (len(originals[0]), 1, 0)


def test_the_offset_changes_sign_with_the_order(tunes, originals):
    cut = landmarks(tunes[0][2 * SOURCE_RATE :], SOURCE_RATE)
    (forth,) = near_duplicates([originals[0], cut])
    (back,) = near_duplicates([cut, originals[0]])
    assert forth.offset == pytest.approx(2, abs=0.02)
    assert back.offset == pytest.approx(-forth.offset, abs=0.02)


def test_tracks_that_overlap_only_in_part_match(tunes):
    first, second = tunes[0][: 8 * SOURCE_RATE], tunes[0][5 * SOURCE_RATE :]
    (match,) = near_duplicates([landmarks(first, SOURCE_RATE), landmarks(second, SOURCE_RATE)])
    assert match.offset == pytest.approx(5, abs=0.02)


def test_several_copies_of_one_track_make_all_pairs_in_order(originals):
    matches = near_duplicates([originals[0], originals[1], originals[0], originals[0]])
    assert [(m.first, m.second) for m in matches] == [(0, 2), (0, 3), (2, 3)]


def periodic(shape: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> list[Wave]:
    """One sound in three phases and levels."""
    time = np.arange(SECONDS * SOURCE_RATE) / SOURCE_RATE
    return [(level * shape(time + level)).astype(np.float32) for level in (1, 0.52, 0.13)]


def clicks(seed: int, period: float) -> Wave:
    """Return a clock: ever the same tick over a quiet room that is never the same."""
    tick = np.zeros(round(period * SOURCE_RATE))
    tick[:200] = noise(1)[:200] * np.exp(-np.arange(200) / 30)
    return (np.resize(tick, SECONDS * SOURCE_RATE) + 1e-3 * noise(seed)).astype(np.float32)


ALIKE: dict[str, Callable[[], list[Wave]]] = {
    "drum loop under other melodies": lambda: [drums(30) + melody(n, 30) for n in range(4)],
    "white noise": lambda: [noise(n) for n in range(6)],
    "brown noise": lambda: [np.cumsum(noise(n), dtype=np.float32) for n in range(6)],
    "pure tone": lambda: periodic(lambda time: np.sin(2 * np.pi * 440 * time)),
    "sawtooth": lambda: periodic(lambda time: 110.3 * time % 1 - 0.5),
    "chord": lambda: periodic(
        lambda time: np.sin(2 * np.pi * np.outer([441, 550, 663], time)).sum(axis=0)
    ),
    "tremolo": lambda: periodic(
        lambda time: np.sin(2 * np.pi * 440 * time) * (2 + np.sin(2 * np.pi * 4 * time))
    ),
    "clocks": lambda: [clicks(n, 1.0) for n in range(4)] + [clicks(9, 0.5), clicks(10, 0.53)],
    "constant": lambda: periodic(np.ones_like),
    "silence": lambda: periodic(np.zeros_like),
}


@pytest.mark.parametrize("make", ALIKE.values(), ids=ALIKE)
def test_sounds_that_are_merely_alike_do_not_match(make):
    assert near_duplicates([landmarks(wave, SOURCE_RATE) for wave in make()]) == []


@pytest.mark.parametrize("name", ["silence", "constant", "pure tone", "chord"])
def test_what_never_changes_has_no_landmarks(name):
    assert all(landmarks(wave, SOURCE_RATE).shape == (0, 2) for wave in ALIKE[name]())


@pytest.mark.parametrize("samples", [1, 1_023, 1_024, 1_200, RATE // 4])
def test_short_clips_have_few_landmarks_or_none(samples):
    found = landmarks(noise(0)[:samples], RATE)
    assert found.shape[1] == 2
    assert len(found) <= samples / RATE * 300


def test_landmarks_are_integers_in_order_each_hash_once_within_the_track(originals):
    for rows in originals:
        assert rows.dtype == np.int32
        assert all(one < other for one, other in pairwise(rows[:, 0].tolist()))
        assert rows[:, 1].min() >= 0
        assert rows[:, 1].max() < SECONDS / 0.02


def test_landmarks_are_the_same_each_time_and_at_any_level(tunes, originals):
    assert np.array_equal(landmarks(tunes[0], SOURCE_RATE), originals[0])
    assert np.array_equal(landmarks(tunes[0] / 1_024, SOURCE_RATE), originals[0])


@pytest.mark.parametrize("count", range(3))
def test_few_or_empty_tracks_have_no_duplicates(count):
    assert near_duplicates([np.empty((0, 2), np.int32)] * count) == []


def test_a_track_alone_or_beside_silence_has_no_duplicate(originals):
    assert near_duplicates(originals[:1]) == []
    assert near_duplicates([np.empty((0, 2), np.int32), originals[0]]) == []


def test_common_hashes_are_left_out_and_copies_found_nevertheless(originals, monkeypatch):
    """Hashes that every track has are what a drum machine would make."""
    rng = np.random.default_rng(0)
    fill = []
    for _ in range(60):
        hashes = np.unique(rng.choice(3_000, 1_500))
        fill.append(np.stack([hashes, rng.integers(600, size=len(hashes))], 1).astype(np.int32))
    monkeypatch.setattr(fingerprint, "_COLLISIONS", 20_000)
    looked_at = 0

    def counted(hashes, collisions=fingerprint._collisions):
        nonlocal looked_at
        for here, there in collisions(hashes):
            looked_at += len(here)
            yield here, there

    monkeypatch.setattr(fingerprint, "_collisions", counted)

    matches = near_duplicates([*originals, *fill, originals[2]])

    assert [(m.first, m.second) for m in matches] == [(2, 64)]
    assert matches[0].share == 1
    assert 0 < looked_at <= 20_000


def test_collisions_are_all_pairs_of_equal_hashes():
    hashes = np.array([2, 2, 2, 5, 7, 7])
    found = {
        (int(a), int(b))
        for here, there in fingerprint._collisions(hashes)
        for a, b in zip(here, there, strict=True)
    }
    assert found == {(0, 1), (1, 2), (0, 2), (4, 5)}


@pytest.mark.real
def test_real_music_is_told_apart_and_its_copies_are_found(real_data: Path):
    paths = sorted((real_data / "gtzan-mini").rglob("*.flac"))
    waves = [decode(path, SOURCE_RATE) for path in paths]
    tracks = [landmarks(wave, SOURCE_RATE) for wave in waves]
    assert len(tracks) == 100
    assert near_duplicates(tracks) == []

    for name in ("quiet", "16 kHz", "noise", "telephone", "mp3", "ogg, cut", "excerpt"):
        change, cut = CHANGES[name]
        copies = [landmarks(*change(wave)) for wave in waves[::10]]
        matches = near_duplicates([*tracks, *copies])
        assert [m.first for m in matches] == list(range(0, 100, 10)), name
        assert [m.second for m in matches] == list(range(100, 110)), name
        assert all(m.offset == pytest.approx(cut, abs=0.03) for m in matches), name
