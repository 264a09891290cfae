"""Changes that everyday handling makes to a recording, and that leave its class as it is.

Robustness is the share of changed recordings that a model classifies correctly. The changes are
deterministic: the same waveform gives the same result.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.audio.decode import RATES, resample, sample_fault
from zoo_registry.errors import AudioError, PluginError
from zoo_registry.kept import process_kept
from zoo_registry.text import in_a_line

__all__ = ["CHANGES", "Change"]

Waveform = NDArray[np.float32]

_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)  # Hz
_MP3_BITS = 64_000  # per second
_MP3_EFFORT = "7"  # of LAME, 0 to 9; in half the time of its default, and features change as much
_LONGER, _SECONDS = 10, 60  # a changed recording has at most so many times the length, and so much


@dataclass(frozen=True)
class Change:
    """A change of a recording.

    Attributes
    ----------
    name : str
        Lower-case words and numbers, joined by hyphens.
    sentence : str
        Description for people.
    version : int
        Raised whenever the result for the same waveform changes.
    apply : callable
        ``apply(audio, rate)`` takes a mono waveform, float32, shape (samples,), full scale -1 to
        1, and its rate in Hz; it returns the changed waveform and its rate.

    Raises
    ------
    PluginError
        If the name is another text, the version no number, or `apply` no function.

    Examples
    --------
    >>> import numpy as np
    >>> from zoo.audio.changes import CHANGES
    >>> audio = np.ones(22_050, np.float32)
    >>> changed, rate = CHANGES["silence-1s"](audio, 22_050)
    >>> changed.size / rate
    3.0
    """

    name: str
    sentence: str
    version: int
    apply: Callable[[Waveform, int], tuple[Waveform, int]]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", str(self.name)):
            raise PluginError(
                f"the name {self.name!r} of a change should have lower-case words and numbers, "
                "joined by hyphens"
            )
        if type(self.version) is not int or self.version < 1 or not callable(self.apply):
            raise PluginError(f"the change {self.name} needs a version of 1 or more and a function")

    @property
    def is_own(self) -> bool:
        """Whether it is one of the zoo's, and not of a plugin."""
        return str(getattr(self.apply, "__module__", "")).split(".")[0] == "zoo"

    def __call__(self, audio: Waveform, rate: int) -> tuple[Waveform, int]:
        """Return a changed waveform, finite float32, shape (samples,), not empty, and its rate.

        Parameters
        ----------
        audio : float32 array, shape (samples,)
            Mono; full scale is -1 to 1. It stays as it is.
        rate : int
            Hz.

        Raises
        ------
        AudioError
            If the change fails, or returns anything else, or much more than it was given.
        """
        try:
            with process_kept():
                changed, new_rate = self.apply(audio, rate)
            changed = np.asarray(changed, np.float32)
            fault = "empty" if not changed.size else sample_fault(changed)
            low, high = RATES
            if changed.ndim != 1 or fault or not low <= new_rate <= high or new_rate % 1:
                raise ValueError(
                    f"it returned samples of shape {changed.shape}, {fault or 'finite'}, at "
                    f"{new_rate} Hz, instead of (samples,), finite, at {low} to {high} Hz"
                )
            before, seconds = audio.size / rate, changed.size / new_rate
            if seconds > _LONGER * before + _SECONDS:
                raise ValueError(f"it made {seconds:.0f} s of {before:.0f} s")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # such as SystemExit
            raise AudioError(f"the change {self.name!r} failed: {in_a_line(error)}") from error
        return changed, int(new_rate)


def _short_silence(audio: Waveform, rate: int) -> tuple[Waveform, int]:
    return np.pad(audio, (round(0.05 * rate), 0)), rate


def _long_silence(audio: Waveform, rate: int) -> tuple[Waveform, int]:
    return np.pad(audio, (rate, rate)), rate


def _quiet(audio: Waveform, rate: int) -> tuple[Waveform, int]:
    return _in_16_bits(audio * np.float32(0.1)), rate


def _mp3(audio: Waveform, rate: int) -> tuple[Waveform, int]:
    """Encode without the tag that states the encoder's delay, so that the delay is heard."""
    import av

    target = next((each for each in _MP3_RATES if each >= rate), _MP3_RATES[-1])
    samples = np.clip(resample(audio, rate, target), -1, 1)
    file = io.BytesIO()
    with av.open(file, "w", format="mp3", options={"write_xing": "0", "id3v2_version": "0"}) as out:
        stream = out.add_stream("libmp3lame", rate=target, layout="mono", format="fltp")
        stream.bit_rate = _MP3_BITS
        stream.codec_context.options = {"compression_level": _MP3_EFFORT}
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = target
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, format="mp3") as encoded:
        blocks = [frame.to_ndarray()[0] for frame in encoded.decode(audio=0)]
    return np.concatenate(blocks).astype(np.float32), target


def _wideband(audio: Waveform, rate: int) -> tuple[Waveform, int]:
    return resample(audio, rate, min(rate, 16_000)), min(rate, 16_000)


def _telephone(audio: Waveform, rate: int) -> tuple[Waveform, int]:
    return resample(audio, rate, min(rate, 8_000)), min(rate, 8_000)


def _excerpt(audio: Waveform, rate: int) -> tuple[Waveform, int]:
    begin = max(0, audio.size - 5 * rate) // 2
    return audio[begin : begin + 5 * rate], rate


def _offset(audio: Waveform, rate: int) -> tuple[Waveform, int]:
    return np.clip(audio + np.float32(0.05), -1, 1), rate


def _noise(audio: Waveform, rate: int) -> tuple[Waveform, int]:
    noise = np.random.default_rng(0).standard_normal(audio.size, np.float32)
    scale = 0.1 * np.sqrt(np.mean(np.square(audio, dtype=np.float64)))
    return audio + np.float32(scale) * noise, rate


def _in_16_bits(audio: Waveform) -> Waveform:
    return np.rint(audio * 32_767).astype(np.float32) / np.float32(32_767)


CHANGES = {
    change.name: change
    for change in (
        Change("silence-50ms", "50 ms of silence in front", 1, _short_silence),
        Change("silence-1s", "1 s of silence in front and behind", 1, _long_silence),
        Change("quiet", "20 dB quieter, in 16 bits", 1, _quiet),
        Change("mp3-64k", "MP3 of 64 kbit/s, with the encoder's delay", 2, _mp3),
        Change("16-khz", "sample rate of 16 kHz", 1, _wideband),
        Change("8-khz", "sample rate of 8 kHz", 1, _telephone),
        Change("5-s", "the middle 5 s", 1, _excerpt),
        Change("offset", "constant offset of 5 % of full scale", 1, _offset),
        Change("noise", "white noise 20 dB below the recording", 1, _noise),
    )
}
