"""Classify audio files with the ONNX file beside this one: python predict.py song.wav ..."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile

session = onnxruntime.InferenceSession(Path(__file__).with_name("model.onnx"))
about = json.loads(session.get_modelmeta().custom_metadata_map["zoo"])
for name in sys.argv[1:]:
    samples, rate = soundfile.read(name, dtype="float32", always_2d=True)
    mono, size = samples.mean(axis=1), round(len(samples) * about["frontend"]["sample_rate"] / rate)
    if size != len(mono):  # resampled in the frequency domain
        mono = np.fft.irfft(np.fft.rfft(mono), size) * (size / len(mono))
    windows, _ = session.run(["probabilities", "times"], {"waveform": np.float32(mono[None])})
    votes, mean = np.bincount(windows.argmax(1), minlength=windows.shape[1]), windows.mean(0)
    winner, loud = np.lexsort((mean, votes))[-1], np.abs(mono).max() >= 10 ** (-70 / 20)
    label = about["classes"][winner] if loud else "unknown"
    print(f"{label}  {mean[winner]:.3f}  {name}")
