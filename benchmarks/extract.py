"""What extraction costs: against librosa and audioflux per core, and with two processes.

Usage: python benchmarks/extract.py [DATA] [--rounds N] [--tracks N]

DATA is a folder with one sub-folder per class. Per core: every contestant is given the same
decoded waveform, in turns, in one process with one thread, and what counts is CPU time, which
other work on the machine disturbs least. Processes: `zoo.features.extraction.extract` with one and
with two, in turns, each in a new process and with an empty cache; what counts is time on the wall,
so the machine should have nothing else to do. Ratios say how much faster the zoo is, or two
processes are. audioflux takes part where it is installed
(dependency group `bench`). Encoders whose weights are installed are compared with real time, and
with the hand-crafted features.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _common import Row, in_turns, main, note, ratios, tracks_of

from zoo.audio import librosa_reference
from zoo.audio.decode import decode
from zoo.audio.frontends import Handcrafted, LogMel
from zoo_registry import Registry
from zoo_registry.errors import AudioError

Contestants = dict[str, Callable[[Any], Any]]
RATE, N_FFT, HOP, N_MELS = 22_050, 1024, 512, 128

# Extracts a folder twice, each time into an empty cache, and prints the seconds.
EXTRACTION = """
import os, sys, tempfile, time
from zoo.datasets import open_dataset
from zoo.execution.engine import LocalProcesses
from zoo.features.extraction import extract
from zoo.plugins.registry import open_registry
data, name, jobs = sys.argv[1:]
model, dataset = open_registry().load(name), open_dataset(data)
for _ in range(2):
    with tempfile.TemporaryDirectory() as cache:
        os.environ["ZOO_CACHE"] = cache
        begun = time.perf_counter()
        extract(dataset, model, LocalProcesses(int(jobs)))
        print(time.perf_counter() - begun)
"""


def rows(given: argparse.Namespace) -> Iterator[Row]:
    """Run the contests."""
    if "BENCHMARK" not in os.environ:  # libraries read the environment when they are loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], _environment())
    files = tracks_of(given.data)
    waveforms = {}
    for path in files[:: max(1, len(files) // given.tracks)]:
        try:
            waveforms[path] = decode(path, RATE)
        except AudioError as error:
            note(str(error))
    handcrafted: Contestants = {"zoo": Handcrafted(), "librosa": _librosa_features}
    log_mel: Contestants = {"zoo": LogMel(), "librosa": _librosa_log_mel}
    if audioflux := _audioflux_log_mel():
        log_mel["audioflux"] = audioflux
    _alike(list(waveforms.values()))
    for title, contestants in (("hand-crafted", handcrafted), ("log-mel", log_mel)):
        yield from _contest(title, contestants, waveforms, given.rounds)
    yield from _encoders(list(waveforms), given.rounds)
    for model, title in (("svm", "hand-crafted"), ("cnn2d", "log-mel")):
        yield from _processes(title, model, given.data, given.rounds)


def _environment() -> dict[str, str]:
    """Return one thread for each library, and OpenBLAS as it chooses for the machine itself."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    return kept | threads | {"BENCHMARK": "extract"}


def _librosa_features(audio: Any) -> Any:
    """Describe a waveform by librosa's functions, each but the tempo called on the waveform."""
    import librosa
    from scipy.stats import kurtosis, skew

    feature = librosa.feature
    onset = librosa.onset.onset_strength(y=audio, sr=RATE, n_fft=N_FFT, hop_length=HOP)
    spectral = {"y": audio, "sr": RATE, "n_fft": N_FFT, "hop_length": HOP}
    timed = {"frame_length": N_FFT, "hop_length": HOP}
    rows = [
        feature.spectral_centroid(**spectral),
        feature.spectral_rolloff(**spectral),
        feature.zero_crossing_rate(audio, **timed),
        feature.rms(y=audio, **timed),
        onset[None],
        feature.spectral_contrast(**spectral),
        feature.spectral_bandwidth(**spectral),
        feature.spectral_flatness(y=audio, n_fft=N_FFT, hop_length=HOP),
        feature.mfcc(n_mfcc=13, **spectral),
    ]
    values = np.concatenate(rows).astype(np.float64)
    of_rows = (np.max, np.min, np.mean, np.std, kurtosis, skew)
    moments = np.stack([statistic(values, axis=1) for statistic in of_rows], axis=1)
    tempo = feature.tempo(onset_envelope=onset, sr=RATE, hop_length=HOP)
    return np.concatenate([moments.ravel(), tempo])[None]


def _librosa_log_mel(audio: Any) -> Any:
    import librosa

    power = librosa.feature.melspectrogram(
        y=audio, sr=RATE, n_fft=N_FFT, hop_length=HOP, n_mels=N_MELS
    )
    return librosa.power_to_db(power, top_db=None).T


def _audioflux_log_mel() -> Callable[[Any], Any] | None:
    """Return audioflux's log-mel, its plans made beforehand, or None where it is missing."""
    try:
        import audioflux
        from audioflux import type as kinds
    except ImportError:
        return None
    transform = audioflux.BFT(
        num=N_MELS, radix2_exp=N_FFT.bit_length() - 1, samplate=RATE, slide_length=HOP,
        low_fre=0.0, high_fre=RATE / 2, window_type=kinds.WindowType.HANN,
        scale_type=kinds.SpectralFilterBankScaleType.MEL,
        style_type=kinds.SpectralFilterBankStyleType.SLANEY,
        normal_type=kinds.SpectralFilterBankNormalType.AREA,
        data_type=kinds.SpectralDataType.POWER,
    )  # fmt: skip

    def log_mel(audio: Any) -> Any:
        return 10 * np.log10(np.maximum(transform.bft(audio, result_type=1), 1e-10)).T

    return log_mel


def _alike(waveforms: list[Any]) -> None:
    """Note how far zoo is from librosa, given the same preparation."""
    frontend = Handcrafted()
    zoo = np.concatenate([frontend(audio) for audio in waveforms])
    other = np.concatenate([frontend.reference(audio) for audio in waveforms])
    spread = np.where(other.std(axis=0) > 0, other.std(axis=0), 1)
    apart = np.abs(zoo - other).max(axis=0) / spread
    worst = librosa_reference.feature_names()[int(apart.argmax())]
    note(
        f"hand-crafted and librosa differ by {apart.max():.1e} standard deviations of a column "
        f"at most ({worst}), over {len(waveforms)} tracks"
    )


def _contest(
    title: str, contestants: Contestants, waveforms: dict[Path, Any], rounds: int
) -> Iterator[Row]:
    """Give each contestant each waveform in turns, and each file to the decoder."""
    spent: dict[str, list[float]] = {name: [] for name in ("decoding", *contestants)}
    calls = {"decoding": lambda path, _: decode(path, RATE)} | {
        name: lambda _, audio, contestant=contestant: contestant(audio)
        for name, contestant in contestants.items()
    }
    for path, audio in waveforms.items():  # the first round makes plans and loads libraries
        timed = {name: partial(_cpu_seconds, call, path, audio) for name, call in calls.items()}
        for name, seconds in in_turns(timed, rounds).items():
            spent[name] += seconds
    each = {name: 1000 * statistics.median(seconds) for name, seconds in spent.items()}
    for name in contestants:
        if name != "zoo":
            figures = f"{each['zoo']:.1f} ms per track against {each[name]:.1f}; decoding takes "
            figures += f"{each['decoding']:.1f}"
            yield Row(f"{title}, {name} over zoo", ratios(spent[name], spent["zoo"]), figures)


def _encoders(files: list[Path], rounds: int) -> Iterator[Row]:
    """Give each encoder and the hand-crafted features each recording, in turns."""
    cards = [Registry().frontend(name).card for name in ("musicnn", "yamnet")]
    frontends = [Handcrafted(), *(card.frontend for card in cards if not card.missing)]
    spent: dict[str, list[float]] = {each.name: [] for each in frontends}
    lengths = []
    for path in files:
        given = {each.name: (each, decode(path, each.sample_rate)) for each in frontends}
        timed = {name: partial(_cpu_seconds, *both) for name, both in given.items()}
        for name, seconds in in_turns(timed, rounds).items():
            spent[name] += seconds
        lengths += rounds * [given["handcrafted"][1].size / RATE]
    usual = spent.pop("handcrafted")
    for name, seconds in spent.items():
        each = f"{1000 * statistics.median(seconds):.0f} ms per track on one core"
        yield Row(f"{name}, real time over it", ratios(lengths, seconds), each)
        yield Row(f"{name}, hand-crafted over it", ratios(usual, seconds), each)


def _cpu_seconds(call: Callable[..., Any], *arguments: Any) -> float:
    begun = time.process_time()
    call(*arguments)
    return time.process_time() - begun


def _processes(title: str, model: str, data: str, rounds: int) -> Iterator[Row]:
    """Extract all tracks with one process and with two, in turns."""

    def extraction(jobs: int) -> list[float]:
        command = [sys.executable, "-c", EXTRACTION, data, model, str(jobs)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return [float(line) for line in done.stdout.split()]

    calls = {jobs: partial(extraction, int(jobs)) for jobs in ("1", "2")}
    spent = in_turns(calls, rounds, warm=0)
    for place, state in enumerate(("from a standstill", "workers running")):
        one, two = ([both[place] for both in spent[jobs]] for jobs in ("1", "2"))
        figures = f"{statistics.median(two):.2f} s against {statistics.median(one):.2f} s"
        yield Row(f"{title}, one process over two, {state}", ratios(one, two), figures)


if __name__ == "__main__":
    options = {"--tracks": {"type": int, "default": 10, "help": "for the contests of one core"}}
    main(__doc__, rows, options)
