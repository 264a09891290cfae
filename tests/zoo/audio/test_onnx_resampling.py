"""Resampling within an ONNX file: close to that of soxr, and as long."""

import numpy as np
import onnxruntime
import pytest
import soxr

from zoo.audio.onnx_resampling import resampler


@pytest.mark.parametrize("rates", [(22_050, 16_000), (44_100, 22_050), (48_000, 16_000)], ids=str)
@pytest.mark.parametrize("size", [1_000, 22_051])
def test_it_gives_what_soxr_gives(rates, size):
    rate, lower = rates
    proto = resampler(rate, lower)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    time = np.arange(size) / rate
    sound = sum(np.sin(2 * np.pi * pitch * time) for pitch in (200, 1_500, 0.4 * lower))
    sound = (0.3 * sound * np.hanning(size)).astype(np.float32)
    (found,) = session.run(None, {"waveform": sound[None]})
    expected = soxr.resample(sound, rate, lower, "HQ")
    assert found.shape == (1, len(expected))
    assert np.abs(found[0] - expected).max() < 2e-4


def test_rates_without_a_common_divisor_have_no_graph():
    assert resampler(22_050, 22_049) is None
