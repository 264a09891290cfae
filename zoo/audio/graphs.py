"""The front ends as ONNX graphs: a trained model carries them, and is trained on what they give.

Each graph repeats the computation of librosa in `zoo.audio.features`, with librosa's
own constants. A body is a function of ``op``, whose methods are the operators of ONNX:
they take and give tensors of the graph, and turn numbers and arrays into constants.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from zoo.audio import features

__all__ = ["OPSET", "handcrafted", "log_mel"]

OPSET = 18

_IR_VERSION = (
    10  # that came with the operator sets up to 22; newer files are refused by older hosts
)

Op: TypeAlias = Any
Tensor: TypeAlias = Any

_FASTEST = 320.0  # beats a minute
_AMIN = 1e-10  # librosa's least power
_LEAST = float(np.finfo(np.float32).tiny)  # librosa does not normalise by less


def log_mel(rate: int, n_fft: int, hop: int, n_mels: int) -> Any:
    """Return the graph of `zoo.audio.features.log_mel`, an ``onnx.ModelProto``.

    Input ``waveform``, float32 (1, samples); output ``track``, float32 (frames, n_mels).
    """

    def body(op: Op, waveform: Tensor) -> Tensor:
        audio = _at_least(op, op.Squeeze(waveform, [0]), n_fft)
        mel = _mel(op, _power(op, audio, n_fft, hop), rate, n_fft, n_mels)
        return op.Transpose(_decibels(op, mel), perm=[1, 0])

    return _model(body, n_mels)


def handcrafted(rate: int, n_fft: int, hop: int, window: int) -> Any:
    """Return the graph of `zoo.audio.features.describe` on windows, an ``onnx.ModelProto``.

    Input ``waveform``, float32 (1, samples); output ``track``, float32 (windows, 165), the
    windows being those of `zoo.audio.features.windows`.
    """
    columns = len(features.feature_names())

    def body(op: Op, waveform: Tensor) -> Tensor:
        audio = op.Squeeze(waveform, [0])
        size = op.Squeeze(op.Shape(audio), [0])
        count = op.Max(op.Div(op.Add(size, window // 2), window), 1)

        def describe(op: Op, number: Tensor, go_on: Tensor) -> Sequence[Tensor]:
            begin = op.Mul(number, window)
            is_last = op.Equal(op.Add(number, 1), count)
            end = op.Where(is_last, size, op.Add(begin, window))
            part = op.Slice(audio, op.Unsqueeze(begin, [0]), op.Unsqueeze(end, [0]), [0])
            return op.Identity(go_on), _describe(op, part, rate, n_fft, hop)

        return op.Loop(count, True, body=_loop(op, describe, columns))

    return _model(body, columns)


def _model(body: Callable[[Op, Tensor], Tensor], columns: int) -> Any:
    """Return a model with one waveform as its input and one array as its output."""
    from onnxscript import build_graph, ir

    graph = build_graph(
        body,
        [ir.val("waveform", ir.DataType.FLOAT, [1, "samples"])],
        [ir.val("track", ir.DataType.FLOAT, ["rows", columns])],
        opset_imports={"": OPSET},
        name="front_end",
    )
    return ir.to_proto(ir.Model(graph, ir_version=_IR_VERSION))


def _loop(op: Op, body: Callable[..., Sequence[Tensor]], columns: int) -> Any:
    """Return the body of a loop that gives one row of `columns` numbers at a time."""
    from onnxscript import ir

    types = ir.DataType
    op.builder.push_module("window")  # names in the loop must differ from those around it
    loop = op.builder.subgraph(
        body,
        [ir.val("number", types.INT64, []), ir.val("go_on", types.BOOL, [])],
        [ir.val("still", types.BOOL, []), ir.val("row", types.FLOAT, [columns])],
    )
    op.builder.pop_module()
    return loop


def _constant(op: Op, name: str, values: Any, dtype: type = np.float32) -> Tensor:
    """Put an array into the graph."""
    from onnxscript import ir

    return op.initializer(ir.tensor(np.ascontiguousarray(values, dtype=dtype)), name=name)


def _describe(op: Op, audio: Tensor, rate: int, n_fft: int, hop: int) -> Tensor:
    """Return the row of one window, as `zoo.audio.features.describe` does."""
    size = op.Shape(audio)
    audio = _at_least(op, audio, n_fft)
    power = _power(op, audio, n_fft, hop, exact=True)
    magnitude = op.Sqrt(power)
    total = op.ReduceSum(magnitude, [0])
    share = op.Div(magnitude, op.Where(op.Less(total, _LEAST), 1.0, total))
    frequencies = _constant(op, "frequencies", _frequencies(rate, n_fft)[:, None])
    centroid = op.MatMul(op.Transpose(frequencies, perm=[1, 0]), share)
    deviation = op.Sub(frequencies, centroid)
    bandwidth = op.Sqrt(op.ReduceSum(op.Mul(share, op.Mul(deviation, deviation)), [0]))
    decibels = _clipped(op, _decibels(op, _mel(op, power, rate, n_fft, features.N_MELS)))
    onset = _onset_strength(op, decibels, n_fft, hop)
    dct = _constant(op, "dct", _dct(features.N_MELS, features.N_MFCC))
    rows = [
        centroid,
        _rolloff(op, magnitude, rate / n_fft),
        _zero_crossing_rate(op, audio, n_fft, hop),
        op.Sqrt(_mean_square(op, audio, n_fft, hop)),
        onset,
        _contrast(op, magnitude, rate, n_fft),
        bandwidth,
        _flatness(op, power),
        op.MatMul(dct, decibels),
    ]
    statistics = op.Reshape(_statistics(op, op.Concat(*rows, axis=0)), [-1])
    tempo = _tempo(op, onset, rate, hop)
    row = op.Concat(statistics, tempo, _silence(op, audio, size, hop), axis=0)
    return op.Cast(row, to=_FLOAT)


_FLOAT, _DOUBLE = 1, 11  # onnx.TensorProto's numbers of the types
_END = int(np.iinfo(np.int64).max)  # of a slice


def _at_least(op: Op, audio: Tensor, length: int) -> Tensor:
    """Append silence to what is shorter than one frame."""
    missing = op.Max(op.Sub(length, op.Shape(audio)), 0)
    return op.Pad(audio, op.Concat([0], missing, axis=0))


def _power(op: Op, audio: Tensor, n_fft: int, hop: int, exact: bool = False) -> Tensor:
    """Return the power spectrum of Hann frames centred on multiples of `hop`, (bins, frames).

    One step of Cooley and Tukey (1965, doi:10.1090/S0025-5718-1965-0178586-1) makes two
    small transforms of a large one: over ``rows`` samples that are ``columns`` apart, as a
    convolution with stride, and over the columns. On a CPU this takes a fifth of the time
    of ONNX's own STFT. In single precision what is quiet beside something loud is rounding
    error, another on each machine; where that matters it is `exact`, in double precision.
    """
    from scipy.signal import get_window

    columns = max(n for n in range(1, 1 + math.isqrt(n_fft)) if math.gcd(n_fft, hop) % n == 0)
    rows = n_fft // columns
    half = rows // 2 + 1  # the others are their mirror images, the sound being real
    row, column, bins = np.arange(rows), np.arange(columns), np.arange(half)
    sample = columns * row[None, :] + column[:, None]
    waves = np.exp(-2j * np.pi / n_fft * bins[None, :, None] * sample[:, None, :])
    waves *= get_window("hann", n_fft)[sample][:, None, :]
    kernels = np.concatenate([waves.real, waves.imag], axis=1)
    across = np.exp(-2j * np.pi / columns * column[:, None] * column[None, :])
    rotation = np.block([[across.real, -across.imag], [across.imag, across.real]])

    padded = op.Pad(audio, [n_fft // 2, n_fft // 2])
    whole = op.Mul(op.Div(op.Shape(padded), columns), columns)
    grid = op.Reshape(op.Slice(padded, [0], whole), [1, -1, columns])
    grid = op.Transpose(grid, perm=[0, 2, 1])
    step = hop // columns
    if exact:  # onnxruntime convolves in single precision only
        grid = op.Squeeze(op.Cast(grid, to=_DOUBLE), [0])
        last = op.Squeeze(op.Sub(op.Shape(grid, start=1), rows), [0])
        starts = op.Range(0, op.Add(last, 1), step)
        places = op.Add(_constant(op, "rows", row[:, None], np.int64), starts)
        frames = op.Gather(grid, places, axis=1)
        parts = op.MatMul(_constant(op, "waves", kernels, np.float64), frames)
        rotation = _constant(op, "rotation", rotation, np.float64)
    else:
        waves = _constant(op, "waves", kernels.reshape(-1, 1, rows))
        parts = op.Conv(grid, waves, strides=[step], group=columns)
        rotation = _constant(op, "rotation", rotation)
    parts = op.Transpose(op.Reshape(parts, [columns, 2, half, -1]), perm=[2, 1, 0, 3])
    parts = op.Reshape(parts, [half, 2 * columns, -1])
    spectrum = op.MatMul(rotation, parts)
    real, imaginary = op.Split(op.Mul(spectrum, spectrum), num_outputs=2, axis=1, _outputs=2)
    power = op.Reshape(op.Add(real, imaginary), [half * columns, -1])
    frequency = np.arange(n_fft // 2 + 1)
    mirrored = np.where(frequency % rows < half, frequency, n_fft - frequency)
    order = mirrored % rows * columns + mirrored // rows % columns
    power = op.Gather(power, _constant(op, "order", order, np.int64))
    return op.Cast(power, to=_FLOAT) if exact else power


def _mel(op: Op, power: Tensor, rate: int, n_fft: int, n_mels: int) -> Tensor:
    from librosa.filters import mel

    basis = _constant(op, "mel_basis", mel(sr=rate, n_fft=n_fft, n_mels=n_mels))
    return op.MatMul(basis, power)


def _decibels(op: Op, power: Tensor) -> Tensor:
    return op.Mul(op.Log(op.Max(power, _AMIN)), 10 / math.log(10))


def _clipped(op: Op, decibels: Tensor) -> Tensor:
    """Raise what is more than 80 dB under the maximum, as librosa.power_to_db does."""
    return op.Max(decibels, op.Sub(op.ReduceMax(decibels, keepdims=0), 80.0))


def _dct(size: int, count: int) -> Any:
    """Return the first rows of the orthonormal DCT-II, shape (count, size)."""
    from scipy.fft import dct

    return dct(np.eye(size), type=2, norm="ortho", axis=0)[:count]


def _onset_strength(op: Op, decibels: Tensor, n_fft: int, hop: int) -> Tensor:
    frames = op.Slice(op.Shape(decibels), [1], [2])
    later = op.Slice(decibels, [1], frames, [1])
    earlier = op.Slice(decibels, [0], op.Sub(frames, 1), [1])
    rise = op.ReduceMean(op.Relu(op.Sub(later, earlier)), [0])
    delayed = op.Pad(rise, [0, 1 + n_fft // (2 * hop), 0, 0])
    return op.Slice(delayed, [0], frames, [1])


def _frequencies(rate: int, n_fft: int) -> Any:
    """Return the frequencies of the bins in Hz, shape (bins,)."""
    return np.linspace(0, rate / 2, 1 + n_fft // 2)


def _rolloff(op: Op, magnitude: Tensor, step: float) -> Tensor:
    """Return the frequency below which 85 % of the magnitude lies; bins are `step` Hz apart."""
    below = op.CumSum(magnitude, 0)
    whole = op.Slice(below, [-1], [_END], [0])
    short = op.Cast(op.Less(below, op.Mul(whole, 0.85)), to=_FLOAT)
    return op.Mul(op.ReduceSum(short, [0]), step)


def _zero_crossing_rate(op: Op, audio: Tensor, n_fft: int, hop: int) -> Tensor:
    padded = op.Pad(audio, [n_fft // 2, n_fft // 2], mode="edge")
    negative = op.Less(padded, -1e-10)
    later, earlier = op.Slice(negative, [1], [_END]), op.Slice(negative, [0], [-1])
    crossings = op.Cast(op.Xor(later, earlier), to=_FLOAT)
    # The first sample of a frame has no predecessor in it.
    mean = _moving_mean(op, crossings, n_fft - 1, hop)
    return op.Mul(mean, (n_fft - 1) / n_fft)


def _mean_square(op: Op, audio: Tensor, frame: int, hop: int) -> Tensor:
    padded = op.Pad(audio, [frame // 2, frame // 2])
    return _moving_mean(op, op.Mul(padded, padded), frame, hop)


def _moving_mean(op: Op, values: Tensor, frame: int, hop: int) -> Tensor:
    """Return the means of frames of a vector, shape (1, frames)."""
    pooled = op.AveragePool(op.Unsqueeze(values, [0, 1]), kernel_shape=[frame], strides=[hop])
    return op.Squeeze(pooled, [0])


def _contrast(op: Op, magnitude: Tensor, rate: int, n_fft: int) -> Tensor:
    """Return the octave bands' peaks over their valleys (Jiang et al. 2002), in dB."""
    peaks: list[Tensor] = []
    valleys: list[Tensor] = []
    for low, high, count in _octave_bands(rate, n_fft):
        band = op.Slice(magnitude, [low], [high], [0])
        for sides, largest in ((peaks, 1), (valleys, 0)):
            found, _ = op.TopK(band, [count], axis=0, largest=largest, sorted=0, _outputs=2)
            sides.append(op.ReduceMean(found, [0]))
    peak, valley = (
        _clipped(op, _decibels(op, op.Concat(*sides, axis=0))) for sides in (peaks, valleys)
    )
    return op.Sub(peak, valley)


def _octave_bands(rate: int, n_fft: int) -> list[tuple[int, int, int]]:
    """Return of each band its first bin, the bin after its last, and 2 % of its bins.

    What librosa.feature.spectral_contrast does: octaves upwards from 200 Hz; a band
    begins one bin early; all but the last lend their top bin to the next one.
    """
    frequencies = _frequencies(rate, n_fft)
    edges = [0.0, *(200.0 * 2.0 ** np.arange(features.N_CONTRAST))]
    bands = []
    for number, (low, high) in enumerate(pairwise(edges)):
        inside = np.flatnonzero((frequencies >= low) & (frequencies <= high))
        first = inside[0] - (number > 0)
        last = inside[-1] if number < features.N_CONTRAST - 1 else len(frequencies) - 1
        count = max(1, int(np.rint(0.02 * (last + 1 - first))))
        bands.append((int(first), int(last + (number == features.N_CONTRAST - 1)), count))
    return bands


def _flatness(op: Op, power: Tensor) -> Tensor:
    power = op.Max(power, _AMIN)
    return op.Div(op.Exp(op.ReduceMean(op.Log(power), [0])), op.ReduceMean(power, [0]))


def _statistics(op: Op, rows: Tensor) -> Tensor:
    """Return max, min, mean, std, kurtosis and skew of each row, double (rows, 6)."""
    values = op.Cast(rows, to=_DOUBLE)
    mean = op.ReduceMean(values, [1])
    centred = op.Sub(values, mean)
    std = op.Sqrt(op.ReduceMean(op.Mul(centred, centred), [1]))
    # A constant row has no shape: its moments would be quotients of rounding errors.
    least = op.Add(op.Mul(op.Abs(mean), 1e-6), 1e-12)
    constant = op.LessOrEqual(std, least)
    standard = op.Div(centred, op.Where(constant, 1.0, std))
    square = op.Mul(standard, standard)
    kurtosis = op.Sub(op.ReduceMean(op.Mul(square, square), [1]), 3.0)
    skew = op.ReduceMean(op.Mul(square, standard), [1])
    shape = [op.Where(constant, 0.0, value) for value in (kurtosis, skew)]
    extremes = [op.ReduceMax(values, [1]), op.ReduceMin(values, [1])]
    return op.Concat(*extremes, mean, std, *shape, axis=1)


def _tempo(op: Op, onset: Tensor, rate: int, hop: int) -> Tensor:
    """Return the tempo in beats a minute, double (1,).

    The most probable lag of the autocorrelation, averaged over frames of eight seconds, under
    a log-normal prior around 120 (Ellis 2007, doi:10.1080/09298210701653344), as
    librosa.feature.tempo finds it.
    """
    from librosa import tempo_frequencies
    from scipy.signal import get_window

    size = int(8 * rate // hop)
    half = size // 2
    envelope = op.Squeeze(onset, [0])
    count = op.Shape(envelope)
    ramp = np.linspace(0, 1, half, endpoint=False)
    before = op.Mul(op.Slice(envelope, [0], [1]), _constant(op, "fade_in", ramp))
    after = op.Mul(op.Slice(envelope, [-1], count), _constant(op, "fade_out", ramp[::-1]))
    padded = op.Concat(before, envelope, after, axis=0)
    # Read with rows one longer than they are, copies of a line shift against each other.
    length = op.Shape(padded)
    copies = op.Reshape(op.Expand(padded, op.Concat([size + 1], length, axis=0)), [-1])
    shifted = op.Reshape(op.Slice(copies, [0], op.Mul(op.Add(length, 1), size)), [size, -1])
    frames = op.Slice(shifted, [0], count, [1])
    frames = op.Mul(frames, _constant(op, "tempo_hann", get_window("hann", size)[:, None]))
    energy = op.ReduceSumSquare(frames, [0])
    frames = op.Div(frames, op.Sqrt(op.Where(op.Less(energy, _LEAST), 1.0, energy)))
    # The sums over the diagonals of the Gram matrix are the autocorrelation, summed over frames.
    gram = op.MatMul(frames, op.Transpose(frames, perm=[1, 0]))
    wide = op.Reshape(op.Pad(gram, [0, 0, 0, size]), [-1])
    skewed = op.Reshape(op.Pad(wide, [0, size]), [size, 2 * size + 1])
    lags = op.Slice(op.ReduceSum(skewed, [0], keepdims=0), [0], [size])
    mean = op.Div(op.Cast(lags, to=_DOUBLE), op.Cast(count, to=_DOUBLE))
    tempi = tempo_frequencies(size, sr=rate, hop_length=hop)
    with np.errstate(divide="ignore"):
        prior = -0.5 * (np.log2(tempi) - np.log2(120.0)) ** 2
    prior[: int(np.argmax(tempi < _FASTEST))] = -np.inf
    prior = _constant(op, "tempo_prior", prior, np.float64)
    score = op.Add(op.Log(op.Add(op.Mul(mean, 1e6), 1.0)), prior)
    best = op.ArgMax(score, axis=0, keepdims=1)
    return op.Gather(_constant(op, "tempi", tempi, np.float64), best)


def _silence(op: Op, audio: Tensor, size: Tensor, hop: int) -> Tensor:
    """Return the samples before and after what librosa.effects.trim leaves, double (2,)."""
    level = op.Max(op.Squeeze(_mean_square(op, audio, 2048, hop), [0]), _AMIN)
    loud = op.Greater(level, op.Mul(op.ReduceMax(level), 1e-6))
    frames = op.Squeeze(op.NonZero(loud), [0])
    leading = op.Mul(op.Slice(frames, [0], [1]), hop)
    last = op.Mul(op.Add(op.Slice(frames, [-1], op.Shape(level)), 1), hop)
    trailing = op.Max(op.Sub(size, op.Min(last, op.Shape(audio))), 0)
    return op.Cast(op.Concat(leading, trailing, axis=0), to=_DOUBLE)
