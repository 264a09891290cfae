"""Classify audio files with the ONNX file beside this one: python predict.py song.wav ..."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile

try:
    import soxr  # as the zoo resamples
except ImportError:
    soxr = None

session = onnxruntime.InferenceSession(Path(__file__).with_name("model.onnx"))
about = json.loads(session.get_modelmeta().custom_metadata_map["zoo"])
outputs = ["probabilities", *{"times", "novelty"} & {o.name for o in session.get_outputs()}]
failed = fourier = 0
parser = argparse.ArgumentParser(description="Print label, confidence and path of recordings.")
parser.add_argument("song", nargs="+", help="a WAV, FLAC, Ogg or MP3 file")
for name in parser.parse_args().song:
    try:
        samples, rate = soundfile.read(name, dtype="float32", always_2d=True)
        if not np.isfinite(samples).all():
            raise ValueError("it holds samples that are NaN or infinite")
    except Exception as error:
        is_other = isinstance(error, soundfile.LibsndfileError)
        reason = "no WAV, FLAC, Ogg or MP3 file that can be read" if is_other else error
        print(f"{name}: {reason}", file=sys.stderr)
        failed = 1
        continue
    mono, size = samples.mean(axis=1), round(len(samples) * about["frontend"]["sample_rate"] / rate)
    if size < about.get("shortest", 1):
        print(f"unknown  -  {name}")  # too short
        continue
    power = np.square(samples).mean(axis=0)
    if power.mean() > max(1e-6, 100 * np.square(mono).mean()):  # the channels cancel out
        mono = samples[:, power.argmax()]
    # Hundredths of a second with sound: above -70 dB of full scale, and no constant.
    cell, length = max(1, rate // 100), len(mono)
    cells = np.arange(0, length, cell)
    loud = np.maximum.reduceat(mono, cells) - np.minimum.reduceat(mono, cells) >= 2 * 10**-3.5
    # A steep fall of the spectrum: the cut-off of an encoder, or of an earlier, lower rate.
    fft, steep = 1 << round(np.log2(rate / 44)), 30  # samples, dB
    frames = np.resize(mono, max(1, length // fft) * fft).reshape(-1, fft)
    powers = np.abs(np.fft.rfft(frames[:: -(-len(frames) // 500)] * np.hanning(fft))) ** 2
    often = 10 * np.log10(np.quantile(powers, 0.9, axis=0) + 1e-17)
    edges = np.arange(24, int(0.9 * len(often)) - 4)
    rest = np.maximum.accumulate(often[::-1])[::-1][np.int64(1.09 * edges) + 4]
    falls = np.array([often[int(0.8 * edge) : edge].mean() for edge in edges]) - rest
    band = rate / 2
    if falls.max(initial=0) > steep:
        middle = rest[falls.argmax()] + falls.max() / 2
        band = np.flatnonzero(often > middle)[-1] * rate / fft
    heard = min(about["frontend"]["sample_rate"] / 2, about["dataset"].get("bandwidth", 0))
    if band < 0.9 * heard and loud.any():
        lacks = f"nothing above {np.ceil(0.97 * band / 500) / 2:g} kHz, unlike the training"
        print(f"{name}: {lacks} recordings: the answer may be wrong", file=sys.stderr)
    if rate != about["frontend"]["sample_rate"] and soxr:
        mono = soxr.resample(mono, rate, about["frontend"]["sample_rate"], "HQ")
    elif size != length:  # resampled in the frequency domain
        mono = np.fft.irfft(np.fft.rfft(mono), size) * (size / length)
        fourier = 1
    arrays = session.run(outputs, {"waveform": np.float32(mono[None])})
    windows, found = arrays[0], dict(zip(outputs, arrays, strict=True))
    times = found.get("times", np.array([[0, length / rate]] * len(windows))) * rate / cell
    sound = np.array([loud[int(begin) : int(np.ceil(end))].sum() for begin, end in times])
    silent = sound < np.clip(10, *(np.diff(times).T / [[20], [2]]))
    silent = sound == 0 if silent.all() and loud.sum() >= min(10, len(loud) / 2) else silent
    unlike = ~silent & (found.get("novelty", 0 * sound) > 1)  # the training recordings
    known = 2 * unlike.sum() <= (~silent).sum()
    windows = windows[~(silent | unlike if known else silent)]  # others do not vote
    votes, mean = np.bincount(windows.argmax(1), minlength=windows.shape[1]), windows.sum(0)
    votes = votes if about.get("decision") != "mean" else 0 * votes  # an ensemble
    winner, count = np.lexsort((mean, votes))[-1], len(windows)
    label, confidence = about["classes"][winner], f"{mean[winner] / max(1, count):.3f}"
    known &= label != "_other" and count > 0
    print(f"{label if known else 'unknown'}  {confidence if count else '-'}  {name}")
if fourier:
    differ = "resampled in another way than by the zoo: confidences may differ by some hundredths"
    print(f"without soxr, recordings are {differ}", file=sys.stderr)
sys.exit(failed)
