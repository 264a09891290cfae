"""Synthesis of music in ten invented genres, each defined by a few numbers.

A genre is a style: rhythm, harmony, timbre and mix. The style of an artist is that of the genre,
moved towards a related genre, varied at random, and filtered with the artist's own equaliser
curve. A take is one performance by an artist, with its own key, tempo, chords, arrangement and
level. As a result, genres overlap as real ones do, and the takes of one artist are more similar
than those of two artists of one genre. Splits should therefore keep the takes of an artist
together.
"""

from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import pairwise
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

__all__ = ["GENRES", "RATE", "synthesise"]

Samples = NDArray[np.float32]

RATE = 22_050  # Hz

_TABLE = 4096
_BLOCK = 1024
_BANDS = np.array([40.0, 120.0, 300.0, 700.0, 1600.0, 3500.0, 7000.0, 11_025.0])  # Hz
_DELAYS = (653, 787, 911, 1031)  # primes, so that their echoes do not pile up

# Variation of artists, and of their takes, which makes the set difficult. Leans are the largest
# share of a related genre, jitters are relative standard deviations, curves are in decibels.
_ARTIST_LEAN, _ARTIST_JITTER, _ARTIST_CURVE = 0.30, 0.18, 3.0
_TAKE_LEAN, _TAKE_JITTER, _TAKE_CURVE = 0.12, 0.08, 1.5
# Factors of the jitter for parameters that otherwise would leave their genre.
_STEADY = {"tempo": 0.4, "rolloff": 0.4}
# Parameters without a natural zero: absolute jitter, in semitones and decibels.
_SHIFTED = {"register": 12.0, "tilt": 3.0}

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_LYDIAN = (0, 2, 4, 6, 7, 9, 11)
_DORIAN = (0, 2, 3, 5, 7, 9, 10)
_MINOR = (0, 2, 3, 5, 7, 8, 10)
_PHRYGIAN = (0, 1, 3, 5, 7, 8, 10)
_REST = "." * 16


@dataclass(frozen=True, kw_only=True)
class _Style:
    """Parameters of a genre's music.

    Patterns are one bar of sixteenth notes: ``x`` is a note, ``o`` a soft note, ``.`` a rest.
    """

    kin: tuple[str, ...]  # related genres, towards which artists and takes are moved
    kick: str = _REST  # patterns of the drums
    snare: str = _REST
    hat: str = _REST
    comp: str  # patterns of the chords, the bass and the melody
    bass: str
    lead: str
    scale: tuple[int, ...]  # semitones of the degrees above the tonic
    progressions: tuple[tuple[int, ...], ...]  # roots of the chords, one per bar, in degrees
    voicing: tuple[int, ...] = (0, 2, 4)  # notes of a chord above its root, in degrees
    tempo: float  # beats per minute
    register: float = 60.0  # tonic of the chords, a MIDI note
    rolloff: float = 1.4  # harmonic k has the amplitude k ** -rolloff,
    even: float = 1.0  # times `even` (0 to 1) if k is even
    detune: float = 5.0  # difference between the two oscillators of a note, in cents
    attack: float = 0.01  # time constants of the notes, in seconds
    decay: float = 0.5
    boom: float = 55.0  # pitch of the kick drum, in Hz
    snap: float = 0.09  # decays of the snare drum and of the hi-hat, in seconds
    sizzle: float = 0.03
    drums: float = 0.6  # levels of the drums, the chords, the bass and the melody
    chords: float = 0.6
    low: float = 0.6
    tune: float = 0.4
    drive: float = 0.3  # amounts of overdrive, above 0, and of reverberation, 0 to 1
    space: float = 0.2
    hiss: float = 0.003  # level of the background noise
    tilt: float = -1.0  # slope of the spectrum, in decibels per octave


# fmt: off
_STYLES: dict[str, _Style] = {
    "ambient": _Style(kin=("ballad", "drone"), scale=_LYDIAN, progressions=((0, 4), (0, 1), (3, 0)),
        comp="x.......o.......", bass="x...............", lead="....x.....o...x.",
        tempo=76, register=65, rolloff=1.9, detune=9, attack=0.35, decay=2.2, drums=0.15, low=0.4,
        tune=0.35, drive=0.1, space=0.6, hiss=0.008, tilt=-1.5),
    "ballad": _Style(kin=("ambient", "waltz", "reggae"), scale=_MAJOR,
        progressions=((0, 4, 5, 3), (0, 5, 3, 4), (3, 0, 4, 5)),
        kick="x.......x.......", snare="....o.......o...", hat="o...o...o...o...",
        comp="x...o...x...o...", bass="x.......x.....x.", lead="x..x..x...x...x.",
        tempo=80, rolloff=1.5, detune=3, attack=0.008, decay=0.9, drums=0.3, low=0.5, tune=0.5,
        drive=0.1, space=0.35),
    "chiptune": _Style(kin=("disco", "techno", "march"), scale=_MAJOR,
        progressions=((0, 5, 3, 4), (0, 3, 4, 4), (5, 3, 0, 4)),
        kick="x...x...x...x...", snare="....x.......x..x", hat="x.o.x.o.x.o.x.o.",
        comp="x.x.x.x.x.x.x.x.", bass="x.x.x.x.x.x.x.x.", lead="xxxxxoxxxxxxxoxx",
        tempo=138, register=69, rolloff=1, even=0.15, detune=2, attack=0.003, decay=0.15, snap=0.05,
        drums=0.4, tune=0.7, space=0.04, tilt=0.8),
    "disco": _Style(kin=("chiptune", "reggae", "techno"), scale=_DORIAN,
        progressions=((0, 3), (0, 6, 3, 4), (0, 2, 3, 4)),
        kick="x...x...x...x...", snare="....x.......x...", hat="o.x.o.x.o.x.o.x.",
        comp="x..x..x.o..x..x.", bass="x.o.x.o.x.o.x.o.", lead="x...x.x.....x...",
        tempo=118, register=63, rolloff=1.2, detune=8, attack=0.02, decay=0.35, sizzle=0.08,
        drums=0.65, tilt=0),
    "drone": _Style(kin=("ambient", "metal"), scale=_PHRYGIAN, voicing=(0, 4, 7),
        progressions=((0,), (0, 0, 1), (0, 6)),
        comp="x.......x.......", bass="x.......x.......", lead="x...............",
        tempo=62, register=48, rolloff=1, detune=14, attack=0.5, decay=3, drums=0.15, low=0.7,
        tune=0.2, drive=1.5, space=0.4, hiss=0.012, tilt=-1.5),
    "march": _Style(kin=("waltz", "chiptune", "metal"), scale=_MAJOR,
        progressions=((0, 0, 4, 4), (0, 3, 4, 0), (0, 4, 0, 4)),
        kick="x.......x.......", snare="x..ox.xxx..ox.x.", hat="........x.......",
        comp="....x.......x...", bass="x.......x.......", lead="x...x..xx...x.x.",
        tempo=114, register=63, rolloff=1.1, attack=0.05, decay=0.4, boom=65, snap=0.07,
        sizzle=0.1, drums=0.8, tune=0.6, space=0.3, tilt=-1.3),
    "metal": _Style(kin=("drone", "techno", "march"), scale=_PHRYGIAN, voicing=(0, 4, 7),
        progressions=((0, 0, 1, 0), (0, 5, 6, 0), (0, 1, 4, 3)),
        kick="x.xxx.xxx.xxx.xx", snare="....x.......x...", hat="x...x...x...x...",
        comp="x.xxx.xxx.xxx.xx", bass="x.xxx.xxx.xxx.xx", lead="x..x..x.x..x..x.",
        tempo=148, register=50, rolloff=1, detune=7, attack=0.004, decay=0.3, sizzle=0.12, tune=0.3,
        drive=3, space=0.12, hiss=0.006, tilt=0.3),
    "reggae": _Style(kin=("ballad", "disco"), scale=_DORIAN,
        progressions=((0, 3), (0, 0, 4, 3), (0, 6)),
        kick="........x.......", snare="........o.......", hat="x.o.x.o.x.o.x.o.",
        comp="....x.......x...", bass="x..x..x...x.x...", lead="x.....x.......x.",
        tempo=84, register=64, rolloff=1.3, attack=0.004, decay=0.16, drums=0.45, low=1, tune=0.3,
        space=0.3, tilt=-1.3),
    "techno": _Style(kin=("disco", "chiptune", "metal"), scale=_MINOR,
        progressions=((0,), (0, 0, 0, 5), (0, 6)),
        kick="x...x...x...x...", snare="....o.......o...", hat="..x...x...x.o.x.",
        comp="...x..x....x..x.", bass="..x...x...x...x.", lead="..............x.",
        tempo=130, register=57, rolloff=1, detune=11, attack=0.006, decay=0.18, boom=48, drums=0.9,
        low=0.7, tune=0.2, drive=0.8, space=0.3, hiss=0.006, tilt=-0.3),
    "waltz": _Style(kin=("ballad", "march"), scale=_MAJOR,
        progressions=((0, 4, 4, 0), (0, 3, 4, 0), (0, 5, 1, 4)),
        kick="x...........", snare="....o...o...", hat="............",
        comp="....x...x...", bass="x...........", lead="x...x.x.x...",
        tempo=150, register=64, rolloff=1.1, detune=10, attack=0.03, decay=0.35, drums=0.25,
        tune=0.65, drive=0.1, space=0.25, tilt=-0.5),
}
# fmt: on

GENRES: tuple[str, ...] = tuple(sorted(_STYLES))


def synthesise(genre: str, artist: int, take: int, seed: int = 0) -> Samples:
    """Return one track of the demo set, mono at `RATE` Hz, float32, shape (samples,).

    It lasts 9 to 11 seconds, from -1 to 1, and is the same for the same arguments.

    Parameters
    ----------
    genre : str
        One of `GENRES`.
    artist, take : int
        Number of the artist within the genre, and of the track by this artist, from 0.
    seed : int
        Number of the whole set, from 0; another seed gives other artists.

    Raises
    ------
    ValueError
        If there is no such genre, or a number is negative.
    """
    if genre not in _STYLES:
        raise ValueError(f"there is no genre {genre!r}: choose one of {', '.join(GENRES)}")
    for name, number in (("artist", artist), ("take", take), ("seed", seed)):
        if number < 0:
            raise ValueError(f"{name} is a number from 0, not {number}")
    # The first number keeps the streams distinct, because numpy pads short seeds with zeros.
    identity = [seed, crc32(genre.encode()), artist]
    artist_rng = np.random.default_rng([1, *identity])
    take_rng = np.random.default_rng([2, *identity, take])

    style = _stray(_STYLES[genre], artist_rng, _ARTIST_LEAN, _ARTIST_JITTER)
    style = _stray(style, take_rng, _TAKE_LEAN, _TAKE_JITTER)
    curve = artist_rng.normal(0, _ARTIST_CURVE, _BANDS.size)
    curve += take_rng.normal(0, _TAKE_CURVE, _BANDS.size) + style.tilt * np.log2(_BANDS / 1000)
    dry = _perform(style, int(RATE * take_rng.uniform(9, 11)), take_rng)
    wet = _equalise(_reverberate(_overdrive(dry, style, take_rng), style.space), curve)
    return wet * np.float32(take_rng.uniform(0.3, 0.95) / np.abs(wet).max())


def _stray(style: _Style, rng: np.random.Generator, lean: float, jitter: float) -> _Style:
    other = _STYLES[style.kin[rng.integers(len(style.kin))]]
    lean *= rng.random()
    changes: dict[str, Any] = {}
    for name in (field.name for field in fields(_Style)):
        mine, theirs = getattr(style, name), getattr(other, name)
        noise, chance = jitter * rng.normal(), rng.random()
        if isinstance(mine, str):
            # A pattern of another metre would not fit into the bar.
            if chance < lean and len(mine) == len(theirs):
                changes[name] = theirs
        elif name in _SHIFTED:
            changes[name] = mine + lean * (theirs - mine) + _SHIFTED[name] * noise
        elif not isinstance(mine, tuple):
            changes[name] = (mine + lean * (theirs - mine)) * np.exp(_STEADY.get(name, 1) * noise)
    return replace(style, **changes)


def _perform(style: _Style, size: int, rng: np.random.Generator) -> Samples:
    """Return the mix of all parts of a track, shape (size,), at an arbitrary level."""
    step = 60 / 4 * RATE / style.tempo  # a sixteenth note, in samples
    steps, bar = int(size / step), len(style.kick)
    progression = style.progressions[rng.integers(len(style.progressions))]
    key = style.register + rng.integers(-4, 5)
    # A random walk, folded into an octave.
    melody = np.abs(rng.integers(-1, 2, steps).cumsum() % 14 - 7).tolist()
    envelope, drums = _envelope(style), _drums(style, rng)
    levels = dict.fromkeys(drums, style.drums)
    levels |= {"comp": style.chords / len(style.voicing), "bass": style.low, "lead": style.tune}
    # Each part rests in some bars; takes differ in the number of rests.
    plays = {part: rng.random(steps) > rng.uniform(0, 0.35) for part in levels}

    @cache
    def chord(degrees: tuple[int, ...], octave: int) -> Samples:
        tones = np.zeros_like(envelope)
        for above, place in (divmod(degree, len(style.scale)) for degree in degrees):
            midi = key + 12 * (octave + above) + style.scale[place]
            tones += _tone(midi, envelope.size, style)
        return envelope * tones

    def sound(part: str, root: int, when: int) -> Samples:
        if part == "comp":
            return chord(tuple(root + degree for degree in style.voicing), 0)
        if part == "lead":
            return chord((root + melody[when],), 1)
        return chord((root,), -2) if part == "bass" else drums[part]

    mix = np.zeros(size + 4 * RATE, np.float32)  # the last notes end after the track
    for when in range(steps):
        number, place = divmod(when, bar)
        root = progression[number % len(progression)]
        for part, level in levels.items():
            mark = getattr(style, part)[place]
            if mark == "." or not plays[part][number]:
                continue
            start = int(when * step + RATE * rng.uniform(0, 0.01))  # human timing
            force = np.float32(level * rng.uniform(0.8, 1) * (1 if mark == "x" else 0.5))
            struck = force * sound(part, root, when)
            mix[start : start + struck.size] += struck
    return mix[:size]


def _envelope(style: _Style) -> Samples:
    size = int(RATE * min(4 * style.decay + style.attack, 3))
    time = np.arange(size, dtype=np.float32) / RATE
    swell = 1 - np.exp(-time / style.attack)
    return swell * np.exp(-time / style.decay) * np.minimum(time[::-1] / 0.03, 1)


def _tone(midi: float, size: int, style: _Style) -> Samples:
    """Return a note of two detuned oscillators, shape (size,)."""
    pitch = 440 * 2 ** ((midi - 69) / 12)
    harmonics = np.arange(1, max(2, min(64, int(0.45 * RATE / pitch))))
    # Quadratic phases keep the cycle free of sharp peaks.
    spectrum = np.zeros(_TABLE // 2 + 1, np.complex128)
    spectrum[harmonics] = harmonics**-style.rolloff * np.exp(2.4j * harmonics**2)
    spectrum[harmonics[1::2]] *= min(style.even, 1)
    cycle = np.fft.irfft(spectrum)
    cycle = (cycle / cycle.std() / 6).astype(np.float32)
    clock = np.arange(size, dtype=np.uint32)
    tone = np.zeros(size, np.float32)
    for cents in (-style.detune / 2, style.detune / 2):
        # The phase overflows at 32 bits as intended; its upper 12 bits index the table.
        stride = np.uint32(2**32 * pitch * 2 ** (cents / 1200) / RATE)
        tone += cycle.take(clock * stride >> 20, mode="clip")
    return tone


def _drums(style: _Style, rng: np.random.Generator) -> dict[str, Samples]:
    time = np.arange(RATE // 3) / RATE
    phase = style.boom * (time + 0.06 * (1 - np.exp(-time / 0.02)))
    skin = 0.5 * np.sin(2 * np.pi * 3.4 * style.boom * time)
    wires = rng.normal(0, 0.3, time.size)
    tin = np.diff(rng.normal(0, 0.1, time.size + 2), 2)  # differences of noise have little bass
    drums = {
        "kick": np.sin(2 * np.pi * phase) * np.exp(-time / 0.09),
        "snare": skin * np.exp(-time / 0.04) + wires * np.exp(-time / style.snap),
        "hat": tin * np.exp(-time / style.sizzle),
    }
    return {name: drum.astype(np.float32) for name, drum in drums.items()}


def _overdrive(dry: Samples, style: _Style, rng: np.random.Generator) -> Samples:
    drive = np.float32(style.drive / (dry.std() + 1e-6))
    hiss = np.float32(5 * style.hiss) * rng.standard_normal(dry.size, np.float32)
    hiss += np.tanh(drive * dry) / np.float32(style.drive)
    return hiss


def _reverberate(dry: Samples, space: float) -> Samples:
    """Add feedback delays, louder and longer for larger `space`."""
    wet = dry.copy()
    for delay in _DELAYS:
        rows = _rows(dry, delay)
        feedback = np.float32(10 ** (-3 * delay / RATE / (0.4 + 2 * space)))
        for earlier, later in pairwise(rows):
            np.add(later, feedback * earlier, out=later)
        wet += np.float32(0.5 * space) * (rows.ravel()[: dry.size] - dry)
    return wet


def _equalise(samples: Samples, curve: NDArray[np.float64]) -> Samples:
    """Filter by gains in decibels at `_BANDS`, with overlap-add."""
    gains = np.interp(np.fft.rfftfreq(2 * _BLOCK, 1 / RATE), _BANDS, curve)
    # Centred and windowed, the kernel fits into a block.
    kernel = np.roll(np.fft.irfft(10 ** (gains / 20)), _BLOCK // 2)[:_BLOCK] * np.hanning(_BLOCK)
    response = np.fft.rfft(kernel, 2 * _BLOCK).astype(np.complex64)
    spectra = np.fft.rfft(_rows(samples, _BLOCK), 2 * _BLOCK) * response
    rows = np.fft.irfft(spectra).astype(np.float32, copy=False)
    rows[1:, :_BLOCK] += rows[:-1, _BLOCK:]
    return rows[:, :_BLOCK].ravel()[: samples.size]


def _rows(samples: Samples, length: int) -> Samples:
    """Return a zero-padded copy in rows, shape (rows, length)."""
    return np.pad(samples, (0, -samples.size % length)).reshape(-1, length)
