"""Front ends computed with librosa: the reference of their ONNX graphs."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from zoo.audio.decode import sample_fault
from zoo_registry.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "check",
    "describe",
    "descriptors",
    "feature_names",
    "floor",
    "log_mel",
    "trim",
    "windows",
]

N_MELS = 128  # librosa's default, for MFCCs and onset strength
N_MFCC = 13
N_CONTRAST = 7
TRIM = 1e-3  # of the range of the samples; what differs less from the first one is still silence
GATE = 1e-6  # of the power of the loudest frame; a frame with less is silent
LEVEL = 0.1  # of full scale, to which the root mean square of what sounds is scaled
FLOOR = 1e-5  # of the power of what sounds, as white noise that is added to every frame

STATISTICS = ("max", "min", "mean", "std", "kurtosis", "skew")
_DESCRIPTORS = (
    ["centroid", "rolloff", "zero_crossing_rate", "rms", "onset_strength"]
    + [f"contrast{band}" for band in range(N_CONTRAST)]
    + ["bandwidth", "flatness"]
    + [f"mfcc{number}" for number in range(1, N_MFCC + 1)]
)


def feature_names() -> list[str]:
    """Return the names of the columns of `describe`."""
    names = [f"{name}_{statistic}" for name in _DESCRIPTORS for statistic in STATISTICS]
    return [*names, "tempo"]


def check(audio: "NDArray[np.float32]") -> None:
    """Raise `AudioError` unless `audio` is a finite waveform of shape (samples,)."""
    if audio.ndim != 1 or not audio.size:
        raise AudioError(f"a waveform has the shape (samples,), not {audio.shape}")
    if fault := sample_fault(audio):
        raise AudioError(f"the waveform holds samples that are {fault}")


def windows(audio: "NDArray[np.float32]", length: int) -> "list[NDArray[np.float32]]":
    """Split a waveform into windows of `length` samples that cover all of it."""
    # A remainder of less than half a window belongs to the window before it, so that a track of
    # 30.01 s is one window of 30 s.
    count = max(1, (audio.size + length // 2) // length)
    return np.split(audio, [length * number for number in range(1, count)])


def log_mel(
    audio: "NDArray[np.float32]", rate: int, n_fft: int, hop: int, n_mels: int
) -> "NDArray[np.float32]":
    """Return 10 log10 of the mel power spectrogram from the first bin up, (frames, n_mels)."""
    import librosa

    power = np.abs(librosa.stft(_at_least(audio, n_fft), n_fft=n_fft, hop_length=hop)) ** 2
    mel = _mel_basis(rate, n_fft, n_mels, rate / n_fft) @ power
    decibels: NDArray[np.float32] = 10 * np.log10(np.maximum(mel, 1e-10), dtype=np.float32)
    return np.ascontiguousarray(decibels.T)


def describe(
    audio: "NDArray[np.float32]", rate: int, n_fft: int, hop: int
) -> "NDArray[np.float32]":
    """Return the columns of `feature_names` for one window of a waveform, float32, shape (163,)."""
    # Six statistics over the frames of each descriptor, and tempo in beats per minute.
    from librosa import feature

    frames, onset = descriptors(audio, rate, n_fft, hop)
    tempo = feature.tempo(onset_envelope=onset, sr=rate, hop_length=hop)
    return np.concatenate([_statistics(frames).ravel(), tempo]).astype(np.float32)


def descriptors(
    audio: "NDArray[np.float32]", rate: int, n_fft: int, hop: int
) -> "tuple[NDArray[np.float32], NDArray[np.float32]]":
    """Return librosa's descriptors, float32, shape (27, frames), and the onset strength."""
    # They do not depend on silence, level, or a constant offset: frames lie within the sound, and
    # silent ones are left out. Onset strength is that of all frames, in which a tempo is found.
    from librosa import feature, power_to_db, stft, util
    from librosa.onset import onset_strength

    audio = _at_least(trim(audio - audio.mean()), n_fft)
    framed = util.frame(audio, frame_length=n_fft, hop_length=hop)
    # Not the mean square: silence with an offset is silence.
    energy = framed.var(axis=0)
    sounding = energy >= GATE * energy.max()
    gain = LEVEL / (np.sqrt(energy[sounding].mean()) or 1)
    audio = (audio - framed[:, sounding].mean()) * gain
    magnitude = np.abs(stft(audio, n_fft=n_fft, hop_length=hop, center=False))
    magnitude = np.sqrt(magnitude**2 + floor(n_fft))
    mel = _mel_basis(rate, n_fft, N_MELS) @ magnitude**2
    decibels = power_to_db(mel)
    onset = onset_strength(S=decibels, sr=rate, n_fft=n_fft, hop_length=hop, center=False)
    centroid = feature.spectral_centroid(S=magnitude, sr=rate)
    rows = [
        centroid,
        feature.spectral_rolloff(S=magnitude, sr=rate),
        feature.zero_crossing_rate(audio, frame_length=n_fft, hop_length=hop, center=False),
        np.sqrt(energy)[np.newaxis] * gain,
        onset[np.newaxis],
        feature.spectral_contrast(S=magnitude, sr=rate),
        feature.spectral_bandwidth(S=magnitude, sr=rate, centroid=centroid),
        feature.spectral_flatness(S=magnitude),
        feature.mfcc(S=decibels, n_mfcc=N_MFCC),
    ]
    return np.concatenate(rows)[:, sounding], onset


def floor(n_fft: int) -> float:
    """Return the power that is added to every bin of a spectrum, squared full scale."""
    # Otherwise noise that nobody hears, of 16 bits, an encoder or a microphone, would fill the gaps
    # of a spectrum, which contrast, flatness and MFCCs measure.
    return float(FLOOR * LEVEL**2 * np.sum(np.hanning(n_fft + 1)[:-1] ** 2))


def trim(audio: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Return a waveform without silence before and after, which may have any constant value."""
    least = TRIM * np.ptp(audio)
    first = int(np.argmax(np.abs(audio - audio[0]) > least))
    last = audio.size - 1 - int(np.argmax(np.abs(audio - audio[-1])[::-1] > least))
    # A step is constant up to it and from it on.
    return audio[min(first, last) : max(first, last) + 1]


@lru_cache(maxsize=8)
def _mel_basis(rate: int, n_fft: int, n_mels: int, lowest: float = 0.0) -> "NDArray[np.float32]":
    from librosa.filters import mel

    basis: NDArray[np.float32] = mel(sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=lowest)
    return basis


def _at_least(audio: "NDArray[np.float32]", length: int) -> "NDArray[np.float32]":
    """Return `audio`, with silence appended if it is shorter than `length`."""
    return audio if audio.size >= length else np.pad(audio, (0, length - audio.size))


def _statistics(rows: "NDArray[np.float32]") -> "NDArray[np.float64]":
    """Return `STATISTICS` of each row, shape (rows, 6); kurtosis is excess kurtosis."""
    values = rows.astype(np.float64)
    mean = values.mean(axis=1, keepdims=True)
    std = values.std(axis=1, keepdims=True)
    # The moments of a constant row would be quotients of rounding errors.
    constant = std <= 1e-4 * np.abs(mean) + 1e-5
    standard = np.where(constant, 0.0, (values - mean) / np.where(constant, 1.0, std))
    skew = (standard**3).mean(axis=1)
    kurtosis = np.where(constant[:, 0], 0.0, (standard**4).mean(axis=1) - 3)
    return np.stack(
        [values.max(axis=1), values.min(axis=1), mean[:, 0], std[:, 0], kurtosis, skew], axis=1
    )
