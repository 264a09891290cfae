"""The front ends of the built-in models, free for others to use.

A front end is a frozen dataclass; its fields are its identity. Training and the exported model
use the same ONNX graph. The graph repeats librosa (McFee et al. 2015,
doi:10.25080/Majora-7b98e3ed-003); the `reference` of a front end calls librosa itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from zoo_registry.errors import PluginError
from zoo_registry.frontend import FrontEnd, Layout
from zoo_registry.structures import SHORTEST_MOST

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FRONTENDS", "GraphFrontEnd", "Handcrafted", "LogMel"]

_LONG = 2**21  # samples; the memory for an hour would be gigabytes that are never given back


@dataclass(frozen=True)
class GraphFrontEnd:
    """Base of front ends that run their own ONNX graph."""

    name: ClassVar[str]
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "sample_rate": (1_000, 1_000_000), "window": (0.01, 86_400.0), "step": (0.01, 86_400.0),
        "n_fft": (32, 65_536), "hop_length": (1, 65_536), "n_mels": (1, 1_024),
        "patch": (1, SHORTEST_MOST),
    }  # fmt: skip
    """Least and greatest value of each field of the front ends, as far as they have it."""

    def __post_init__(self) -> None:
        for field, (least, most) in self.bounds.items():
            value = getattr(self, field, least)
            if not (isinstance(value, int | float) and least <= value <= most):
                raise PluginError(
                    f"{field} of {self.name} is {value!r}; give a number from {least} to {most:,}"
                )

    def __call__(self, audio: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Return the rows of a mono waveform, float32, shape (rows, columns), finite.

        Parameters
        ----------
        audio : float32 array, shape (samples,)
            Mono waveform; full scale is -1 to 1.

        Raises
        ------
        AudioError
            If `audio` is empty or holds samples that are NaN or infinite.
        """
        import numpy as np

        from zoo.audio import librosa_reference

        librosa_reference.check(audio)
        given = {"waveform": np.asarray(audio[None], np.float32)}
        options = _giving_back() if audio.size > _LONG else None
        (rows,) = _session(self).run(None, given, options)
        found: NDArray[np.float32] = rows
        return found

    def graph(self) -> Any:
        """Return the computation as an ``onnx.ModelProto``."""
        raise NotImplementedError


@dataclass(frozen=True)
class _Spectral(GraphFrontEnd):
    """Front end that describes spectra of short-time frames."""

    sample_rate: int = 22_050
    n_fft: int = 1024
    hop_length: int = 512

    @property
    def shortest(self) -> int:
        """Number of samples of the shortest waveform whose rows say something of it."""
        # Two frames that do not overlap. Frames are centred and padded, so that with less most of
        # them reach beyond the sound, and nothing tells how it goes on.
        return 2 * self.n_fft


@dataclass(frozen=True)
class Handcrafted(_Spectral):
    """Statistics of spectral and temporal descriptors, one row per window.

    The 163 columns are those of `zoo.audio.librosa_reference.feature_names`. They describe what
    sounds: silence before, in and behind it, its level and a constant offset do not matter.

    Attributes
    ----------
    sample_rate : int
        Hz.
    n_fft, hop_length : int
        Samples in a frame, and from one frame to the next.
    window : float
        Seconds. A remainder of half a window or more is a window of its own, a
        shorter one is added to the window before it; a shorter track is one window.

    Raises
    ------
    PluginError
        If the rate is too low for the highest band of the spectral contrast.
    """

    name: ClassVar[str] = "handcrafted"
    version: ClassVar[int] = 4
    layout: ClassVar[Layout] = "vectors"

    window: float = 30.0

    def __post_init__(self) -> None:
        super().__post_init__()
        lowest = 2 * 6_400  # the top band of spectral contrast begins at 6,400 Hz
        if self.sample_rate <= lowest:
            raise PluginError(
                f"hand-crafted features need a rate above {lowest} Hz, not {self.sample_rate}"
            )
        if 200 * self.n_fft < self.sample_rate:  # the lowest band ends at 200 Hz
            raise PluginError(
                f"hand-crafted features need an n_fft of {-(-self.sample_rate // 200)} or more at "
                f"{self.sample_rate} Hz, not {self.n_fft}"
            )

    @property
    def column_names(self) -> list[str]:
        """Name of each column."""
        from zoo.audio import librosa_reference

        return librosa_reference.feature_names()

    @property
    def hop(self) -> int:
        """Distance of two rows in samples."""
        return round(self.window * self.sample_rate)

    @property
    def reach(self) -> int:
        """Number of samples before its own that a row depends on."""
        return 0

    @property
    def shortest(self) -> int:
        """Number of samples of the shortest waveform whose row says something of it."""
        return min(super().shortest, self.hop)

    def graph(self) -> Any:
        """Return the computation as an ``onnx.ModelProto``."""
        from zoo.audio import onnx_features

        return onnx_features.handcrafted(self.sample_rate, self.n_fft, self.hop_length, self.hop)

    def reference(self, audio: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Return the same array as a call, computed by librosa."""
        import numpy as np

        from zoo.audio import librosa_reference

        librosa_reference.check(audio)
        parts = librosa_reference.windows(audio, self.hop)
        settings = (self.sample_rate, self.n_fft, self.hop_length)
        return np.stack([librosa_reference.describe(part, *settings) for part in parts])


@dataclass(frozen=True)
class LogMel(_Spectral):
    """Mel power spectrogram in decibels, ``1 + max(samples, n_fft) // hop_length`` rows.

    Decibels are relative to full scale and at least -100 dB. The floor is not relative to the
    maximum of the track, so that the values of a frame do not depend on the rest of the track.

    Attributes
    ----------
    sample_rate : int
        Hz.
    n_fft, hop_length : int
        Samples in a frame, and from one frame to the next.
    n_mels : int
        Number of bands on Slaney's mel scale, from the first bin (21.5 Hz), where a constant offset
        does not reach, to half the sample rate.
    """

    name: ClassVar[str] = "log-mel"
    version: ClassVar[int] = 3
    layout: ClassVar[Layout] = "frames"

    n_mels: int = 128

    @property
    def hop(self) -> int:
        """Distance of two rows in samples."""
        return self.hop_length

    @property
    def reach(self) -> int:
        """Number of samples before its own that a row depends on."""
        return self.n_fft // 2

    def graph(self) -> Any:
        """Return the computation as an ``onnx.ModelProto``."""
        from zoo.audio import onnx_features

        return onnx_features.log_mel(self.sample_rate, self.n_fft, self.hop_length, self.n_mels)

    def reference(self, audio: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Return the same array as a call, computed by librosa."""
        from zoo.audio import librosa_reference

        librosa_reference.check(audio)
        settings = (self.sample_rate, self.n_fft, self.hop_length)
        return librosa_reference.log_mel(audio, *settings, self.n_mels)


@lru_cache(maxsize=8)
def _session(frontend: GraphFrontEnd) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # tracks are computed in parallel
    content = frontend.graph().SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@cache
def _giving_back() -> Any:
    """Return options of a run that leave its memory to others, not to the session's next run."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


FRONTENDS: dict[str, type[FrontEnd]] = {kind.name: kind for kind in (Handcrafted, LogMel)}
