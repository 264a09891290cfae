"""Synthesise a small demonstration set of ten made-up music genres.

A genre is a :class:`Style`: rhythm patterns, harmony, timbre and mix.  An artist is a style
pulled towards a related genre, perturbed, and heard through an equaliser curve of its own; a
take is one performance by an artist, with its own key, tempo, chords, arrangement and level.
So genres overlap as real ones do, and two takes of one artist resemble each other more than
two artists of one genre: a fair evaluation must keep an artist's takes in the same fold.
"""

import itertools
from dataclasses import dataclass, fields, replace
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

__all__ = ["GENRES", "RATE", "STYLES", "Style", "synthesise"]

Samples = NDArray[np.float32]

RATE = 22_050

_TABLE = 4096
_BLOCK = 1024
# Mutually prime delays, in samples, keep the echoes from piling up.
_DELAYS = (653, 787, 911, 1031)
_STEPS_PER_BEAT = 4
_EQ_BANDS = np.array([40.0, 120.0, 300.0, 700.0, 1600.0, 3500.0, 7000.0, 11_025.0])

# How far artists and takes stray from their genre: the difficulty of the set.
_ARTIST_LEAN, _ARTIST_JITTER, _ARTIST_EQ = 0.30, 0.18, 2.5
_TAKE_LEAN, _TAKE_JITTER, _TAKE_EQ = 0.12, 0.08, 1.5

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_LYDIAN = (0, 2, 4, 6, 7, 9, 11)
_DORIAN = (0, 2, 3, 5, 7, 9, 10)
_MINOR = (0, 2, 3, 5, 7, 8, 10)
_PHRYGIAN = (0, 1, 3, 5, 7, 8, 10)


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a genre sounds.

    Patterns are one bar of sixteenth notes: ``x`` strikes, ``o`` strikes softly, ``.`` rests.

    Attributes
    ----------
    kin : tuple of str
        Related genres, which artists and takes borrow from.
    kick, snare, hat, comp, bass, lead : str
        Patterns of the drums, the chords, the bass and the melody.
    scale : tuple of int
        Semitones of the seven degrees above the tonic.
    progressions : tuple of tuple of int
        Chord roots as degrees of the scale, one a bar.
    voicing : tuple of int
        Notes of a chord as degrees above its root.
    tempo : float
        Beats per minute.
    register : float
        Mean pitch of the chords, as a MIDI note number.
    rolloff : float
        Harmonic `k` of a tone has the amplitude ``k ** -rolloff``.
    even : float
        Strength of the even harmonics, from 0 (hollow) to 1 (full).
    detune : float
        Spread of the paired oscillators, in cents.
    attack, decay : float
        Time constants of a note, in seconds.
    boom : float
        Pitch of the kick drum, in hertz.
    snap, sizzle : float
        Decay of the snare drum and of the hi-hat, in seconds.
    drums, chords, low, tune : float
        Levels of the drums, the chords, the bass and the melody.
    drive : float
        Overdrive; 0 is clean.
    space : float
        Share of reverberation.
    hiss : float
        Level of the background noise.
    tilt : float
        Spectral slope, in decibels an octave above 1 kHz (negative is dark).
    """

    kin: tuple[str, ...]
    kick: str
    snare: str
    hat: str
    comp: str
    bass: str
    lead: str
    scale: tuple[int, ...]
    progressions: tuple[tuple[int, ...], ...]
    voicing: tuple[int, ...] = (0, 2, 4)
    tempo: float
    register: float = 60.0
    rolloff: float = 1.4
    even: float = 1.0
    detune: float = 5.0
    attack: float = 0.01
    decay: float = 0.5
    boom: float = 55.0
    snap: float = 0.09
    sizzle: float = 0.03
    drums: float = 0.6
    chords: float = 0.6
    low: float = 0.6
    tune: float = 0.4
    drive: float = 0.3
    space: float = 0.2
    hiss: float = 0.003
    tilt: float = -1.0


_REST = "." * 16

STYLES: dict[str, Style] = {
    "ambient": Style(
        kin=("ballad", "drone"),
        scale=_LYDIAN,
        progressions=((0, 4), (0, 1), (3, 0, 4)),
        kick=_REST,
        snare=_REST,
        hat=_REST,
        comp="x.......o.......",
        bass="x...............",
        lead="....x.....o...x.",
        tempo=76,
        register=65,
        rolloff=1.9,
        detune=9,
        attack=0.35,
        decay=2.2,
        drums=0.15,
        low=0.4,
        tune=0.35,
        drive=0.1,
        space=0.6,
        hiss=0.008,
        tilt=-1.5,
    ),
    "ballad": Style(
        kin=("ambient", "waltz", "reggae"),
        scale=_MAJOR,
        progressions=((0, 4, 5, 3), (0, 5, 3, 4), (3, 0, 4, 5)),
        kick="x.......x.......",
        snare="....o.......o...",
        hat="o...o...o...o...",
        comp="x...o...x...o...",
        bass="x.......x.....x.",
        lead="x..x..x...x...x.",
        tempo=80,
        register=60,
        rolloff=1.5,
        detune=3,
        attack=0.008,
        decay=0.9,
        drums=0.3,
        low=0.5,
        tune=0.5,
        drive=0.1,
        space=0.35,
    ),
    "chiptune": Style(
        kin=("disco", "techno", "march"),
        scale=_MAJOR,
        progressions=((0, 5, 3, 4), (0, 3, 4, 4), (5, 3, 0, 4)),
        kick="x...x...x...x...",
        snare="....x.......x..x",
        hat="x.o.x.o.x.o.x.o.",
        comp="x.x.x.x.x.x.x.x.",
        bass="x.x.x.x.x.x.x.x.",
        lead="xxxxxoxxxxxxxoxx",
        tempo=138,
        register=69,
        rolloff=1.0,
        even=0.15,
        detune=2,
        attack=0.003,
        decay=0.15,
        snap=0.05,
        drums=0.4,
        tune=0.7,
        space=0.04,
        tilt=0.8,
    ),
    "disco": Style(
        kin=("chiptune", "reggae", "techno"),
        scale=_DORIAN,
        progressions=((0, 3), (0, 6, 3, 4), (0, 2, 3, 4)),
        kick="x...x...x...x...",
        snare="....x.......x...",
        hat="o.x.o.x.o.x.o.x.",
        comp="x..x..x.o..x..x.",
        bass="x.o.x.o.x.o.x.o.",
        lead="x...x.x.....x...",
        tempo=118,
        register=63,
        rolloff=1.2,
        detune=8,
        attack=0.02,
        decay=0.35,
        sizzle=0.08,
        drums=0.65,
        space=0.2,
        tilt=0.0,
    ),
    "drone": Style(
        kin=("ambient", "metal"),
        scale=_PHRYGIAN,
        progressions=((0,), (0, 0, 1), (0, 6)),
        voicing=(0, 4, 7),
        kick=_REST,
        snare=_REST,
        hat=_REST,
        comp="x.......x.......",
        bass="x.......x.......",
        lead="x...............",
        tempo=62,
        register=48,
        rolloff=1.0,
        detune=14,
        attack=0.5,
        decay=3.0,
        drums=0.15,
        low=0.7,
        tune=0.2,
        drive=1.5,
        space=0.4,
        hiss=0.012,
        tilt=-1.5,
    ),
    "march": Style(
        kin=("waltz", "chiptune", "metal"),
        scale=_MAJOR,
        progressions=((0, 0, 4, 4), (0, 3, 4, 0), (0, 4, 0, 4)),
        kick="x.......x.......",
        snare="x..ox.xxx..ox.x.",
        hat="........x.......",
        comp="....x.......x...",
        bass="x.......x.......",
        lead="x...x..xx...x.x.",
        tempo=114,
        register=63,
        rolloff=1.1,
        attack=0.05,
        decay=0.4,
        boom=65,
        snap=0.07,
        sizzle=0.15,
        drums=0.8,
        tune=0.6,
        space=0.3,
        tilt=-1.3,
    ),
    "metal": Style(
        kin=("drone", "techno", "march"),
        scale=_PHRYGIAN,
        progressions=((0, 0, 1, 0), (0, 5, 6, 0), (0, 1, 4, 3)),
        voicing=(0, 4, 7),
        kick="x.xxx.xxx.xxx.xx",
        snare="....x.......x...",
        hat="x...x...x...x...",
        comp="x.xxx.xxx.xxx.xx",
        bass="x.xxx.xxx.xxx.xx",
        lead="x..x..x.x..x..x.",
        tempo=148,
        register=50,
        rolloff=1.0,
        detune=7,
        attack=0.004,
        decay=0.3,
        sizzle=0.12,
        drums=0.6,
        tune=0.3,
        drive=3.0,
        space=0.12,
        hiss=0.006,
        tilt=0.3,
    ),
    "reggae": Style(
        kin=("ballad", "disco"),
        scale=_DORIAN,
        progressions=((0, 3), (0, 0, 4, 3), (0, 6)),
        kick="........x.......",
        snare="........o.......",
        hat="x.o.x.o.x.o.x.o.",
        comp="....x.......x...",
        bass="x..x..x...x.x...",
        lead="x.....x.......x.",
        tempo=84,
        register=64,
        rolloff=1.3,
        attack=0.004,
        decay=0.16,
        drums=0.45,
        low=1.0,
        tune=0.3,
        space=0.3,
        tilt=-1.3,
    ),
    "techno": Style(
        kin=("disco", "chiptune", "metal"),
        scale=_MINOR,
        progressions=((0,), (0, 0, 0, 5), (0, 6)),
        kick="x...x...x...x...",
        snare="....o.......o...",
        hat="..x...x...x.o.x.",
        comp="...x..x....x..x.",
        bass="..x...x...x...x.",
        lead="..............x.",
        tempo=130,
        register=57,
        rolloff=1.0,
        detune=11,
        attack=0.006,
        decay=0.18,
        boom=48,
        drums=0.9,
        low=0.7,
        tune=0.2,
        drive=0.8,
        space=0.3,
        hiss=0.006,
        tilt=-0.3,
    ),
    "waltz": Style(
        kin=("ballad", "march"),
        scale=_MAJOR,
        progressions=((0, 4, 4, 0), (0, 3, 4, 0), (0, 5, 1, 4)),
        kick="x...........",
        snare="....o...o...",
        hat="............",
        comp="....x...x...",
        bass="x...........",
        lead="x...x.x.x...",
        tempo=150,
        register=64,
        rolloff=1.1,
        detune=10,
        attack=0.03,
        decay=0.35,
        drums=0.25,
        tune=0.65,
        drive=0.1,
        space=0.25,
        tilt=-0.5,
    ),
}

GENRES: tuple[str, ...] = tuple(sorted(STYLES))


def synthesise(genre: str, artist: int, take: int, seed: int = 0) -> Samples:
    """Synthesise one track of the demonstration set.

    Parameters
    ----------
    genre : str
        One of `GENRES`.
    artist : int
        Number of the artist within the genre, at least 0.
    take : int
        Number of the track by this artist, at least 0.
    seed : int, default 0
        Choice of the whole set, at least 0.

    Returns
    -------
    ndarray of float32, shape (samples,)
        Mono samples at `RATE` hertz, 9 to 11 seconds, with a peak of at most 1.

    Raises
    ------
    ValueError
        If the genre is unknown, or a number is negative.
    """
    if genre not in STYLES:
        raise ValueError(f"Unknown genre {genre!r}: choose one of {', '.join(GENRES)}.")
    for name, number in (("artist", artist), ("take", take), ("seed", seed)):
        if number < 0:
            raise ValueError(f"The {name} must be at least 0, not {number}.")
    identity = [seed, crc32(genre.encode()), artist]
    # The leading tags keep the two streams apart: numpy pads short entropy with zeros.
    hand = np.random.default_rng([1, *identity])
    luck = np.random.default_rng([2, *identity, take])

    style = _stray(STYLES[genre], hand, _ARTIST_LEAN, _ARTIST_JITTER)
    style = _stray(style, luck, _TAKE_LEAN, _TAKE_JITTER)
    curve = hand.normal(0, _ARTIST_EQ, _EQ_BANDS.size) + luck.normal(0, _TAKE_EQ, _EQ_BANDS.size)
    size = int(RATE * luck.uniform(9, 11))
    return _master(_perform(style, size, luck), style, curve, luck)


def _stray(style: Style, rng: np.random.Generator, lean: float, jitter: float) -> Style:
    """Pull a style towards a related one, then perturb each of its numbers."""
    other = STYLES[style.kin[rng.integers(len(style.kin))]]
    lean *= rng.random()
    changes: dict[str, Any] = {}
    for field in fields(style):
        mine, theirs = getattr(style, field.name), getattr(other, field.name)
        noise, coin = rng.normal(), rng.random()
        if field.name == "register":
            changes[field.name] = mine + lean * (theirs - mine) + 12 * jitter * noise
        elif field.name == "tilt":
            changes[field.name] = mine + lean * (theirs - mine) + 3 * jitter * noise
        elif isinstance(mine, str):
            # A pattern of another metre would drift against the bar.
            if coin < lean and len(mine) == len(theirs):
                changes[field.name] = theirs
        elif isinstance(mine, int | float):
            spread = jitter * (0.4 if field.name in ("tempo", "rolloff") else 1.0)
            changes[field.name] = (mine + lean * (theirs - mine)) * np.exp(spread * noise)
    return replace(style, **changes)


def _perform(style: Style, size: int, rng: np.random.Generator) -> Samples:
    """Play the parts of a track, shape (size,), dry and not yet levelled."""
    key = style.register + rng.integers(-4, 5)
    progression = style.progressions[rng.integers(len(style.progressions))]
    step = 60 * RATE / style.tempo / _STEPS_PER_BEAT
    bar = len(style.comp)
    mix = np.zeros(size + 6 * RATE, np.float32)
    envelope = _envelope(style)
    notes: dict[float, Samples] = {}

    def strike(sound: Samples, when: int, level: float) -> None:
        start = max(0, int(when * step + rng.normal(0, 0.004 * RATE)))
        mix[start : start + sound.size] += np.float32(level * rng.uniform(0.8, 1.0)) * sound

    def pitch(degree: int) -> float:
        octave, place = divmod(degree, len(style.scale))
        return key + 12 * octave + style.scale[place]

    def note(midi: float) -> Samples:
        if midi not in notes:
            notes[midi] = envelope * _tone(midi, envelope.size, style)
        return notes[midi]

    kit = {"kick": _kick(style), "snare": _snare(style, rng), "hat": _hat(style, rng)}
    parts = (*kit, "comp", "bass", "lead")
    # Bars without a part make the arrangement, as no track plays everything all the time.
    rests = {part: rng.random(64) < rng.uniform(0, 0.35) for part in parts}
    degree = 0
    for when in range(int(size / step)):
        root = progression[when // bar % len(progression)]
        for part in parts:
            mark = getattr(style, part)[when % bar]
            if mark == "." or rests[part][when // bar % 64]:
                continue
            force = 1.0 if mark == "x" else 0.5
            if part in kit:
                strike(kit[part], when, style.drums * force)
            elif part == "comp":
                for third in style.voicing:
                    strike(note(pitch(root + third)), when, style.chords * force / 3)
            elif part == "bass":
                strike(note(pitch(root - 7) - 12), when, style.low * force)
            elif rng.random() < 0.85:
                degree = int(np.clip(degree + rng.integers(-2, 3), -3, 6))
                strike(note(pitch(root + degree) + 12), when, style.tune * force)
    return mix[:size]


def _envelope(style: Style) -> Samples:
    size = int(RATE * min(4 * style.decay + style.attack, 3.0))
    time = np.arange(size, dtype=np.float32) / RATE
    swell = 1 - np.exp(-time / style.attack)
    return swell * np.exp(-time / style.decay) * np.minimum(time[::-1] / 0.03, 1)


def _tone(midi: float, size: int, style: Style) -> Samples:
    """Sound a pair of detuned oscillators, shape (size,)."""
    pitch = 440 * 2 ** ((midi - 69) / 12)
    harmonics = np.arange(1, max(2, min(64, int(0.45 * RATE / pitch))))
    spectrum = np.zeros(_TABLE // 2 + 1, np.complex128)
    # Quadratic phases spread the energy, so that the cycle has no sharp peak.
    spectrum[harmonics] = harmonics**-style.rolloff * np.exp(2.4j * harmonics**2)
    spectrum[harmonics[1::2]] *= min(style.even, 1.0)
    cycle = np.fft.irfft(spectrum)
    cycle = (cycle / np.sqrt(np.mean(cycle**2)) / 6).astype(np.float32)
    clock = np.arange(size, dtype=np.uint32)
    tone = np.zeros(size, np.float32)
    for cents in (-style.detune / 2, style.detune / 2):
        # A 32-bit phase wraps around by itself; its top 12 bits index the table.
        stride = np.uint32(2**32 * pitch * 2 ** (cents / 1200) / RATE)
        tone += cycle.take(clock * stride >> 20, mode="clip")
    return tone


def _kick(style: Style) -> Samples:
    time = np.arange(RATE // 3) / RATE
    phase = style.boom * (time + 0.06 * (1 - np.exp(-time / 0.02)))
    return (np.sin(2 * np.pi * phase) * np.exp(-time / 0.09)).astype(np.float32)


def _snare(style: Style, rng: np.random.Generator) -> Samples:
    time = np.arange(RATE // 3) / RATE
    body = np.sin(2 * np.pi * 3.4 * style.boom * time) * np.exp(-time / 0.04)
    rattle = rng.normal(0, 0.3, time.size) * np.exp(-time / style.snap)
    return (0.5 * body + rattle).astype(np.float32)


def _hat(style: Style, rng: np.random.Generator) -> Samples:
    time = np.arange(RATE // 3) / RATE
    # Differencing white noise is a cheap high-pass filter.
    noise = np.diff(rng.normal(0, 0.1, time.size + 2), 2)
    return (noise * np.exp(-time / style.sizzle)).astype(np.float32)


def _master(
    dry: Samples, style: Style, curve: NDArray[np.float64], rng: np.random.Generator
) -> Samples:
    """Overdrive, reverberate, equalise and level a track."""
    dry = dry / (np.sqrt(np.mean(dry**2)) + np.float32(1e-6))
    dry = np.tanh(np.float32(style.drive) * dry) / np.float32(style.drive)
    dry += np.float32(5 * style.hiss) * rng.standard_normal(dry.size, np.float32)
    bands = curve + style.tilt * np.log2(_EQ_BANDS / 1000)
    wet = _equalise(_reverberate(dry, style.space), bands)
    level = 10 ** rng.uniform(-0.5, -0.02)
    return wet * np.float32(level / np.max(np.abs(wet)))


def _reverberate(dry: Samples, space: float) -> Samples:
    """Mix in a bank of feedback delays; more `space` rings louder and longer."""
    wet = dry.copy()
    for delay in _DELAYS:
        tail = np.resize(dry, (-(-dry.size // delay), delay))
        feedback = np.float32(10 ** (-3 * delay / RATE / (0.4 + 2 * space)))
        for earlier, later in itertools.pairwise(tail):
            later += feedback * earlier
        wet += np.float32(0.5 * space) * (tail.ravel()[: dry.size] - dry)
    return wet


def _equalise(samples: Samples, bands: NDArray[np.float64]) -> Samples:
    """Filter by gains in decibels at `_EQ_BANDS`, by overlap and add."""
    gain = np.interp(np.fft.rfftfreq(2 * _BLOCK, 1 / RATE), _EQ_BANDS, bands)
    kernel = np.fft.irfft(10 ** (gain / 20))
    # Centred and windowed, the kernel fits in one block and has a linear phase.
    kernel = np.roll(kernel, _BLOCK // 2)[:_BLOCK] * np.hanning(_BLOCK)
    response = np.fft.rfft(kernel, 2 * _BLOCK).astype(np.complex64)
    blocks = np.pad(samples, (0, -samples.size % _BLOCK)).reshape(-1, _BLOCK)
    parts: Samples = np.fft.irfft(np.fft.rfft(blocks, 2 * _BLOCK) * response)
    parts[1:, :_BLOCK] += parts[:-1, _BLOCK:]
    return parts[:, :_BLOCK].ravel()[: samples.size]
