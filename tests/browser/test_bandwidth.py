"""The bandwidth that the page measures is the one that the zoo measures."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soxr

from zoo.audio.decode import read
from zoo.audio.kinds import is_audio
from zoo.audio.properties import Meter
from zoo.audio.streams import Stream

MODULE = Path(__file__).parents[2] / "zoo" / "web" / "browser" / "bandwidth.js"
SCRIPT = """
import { readFileSync } from "node:fs";
import { bandwidth } from "./bandwidth.mjs";
const found = process.argv.slice(2).map((name) => {
  const samples = new Float32Array(Uint8Array.from(readFileSync(name)).buffer);
  return bandwidth(samples, Number(name.split("-").at(-1)));
});
console.log(JSON.stringify(found));
"""

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")


def measured(samples: np.ndarray, rate: int) -> float | None:
    meter = Meter(rate)
    for begin in range(0, samples.size, 1 << 18):
        meter.measure(samples[begin : begin + (1 << 18)])
    return meter.properties(Stream(Path("x"), rate, 0.0, 1, "pcm", iter(()))).bandwidth


def songs() -> list[tuple[np.ndarray, int]]:
    """Return struck tones over noise, and real recordings if there are any."""
    rate, rng = 44_100, np.random.default_rng(0)
    time = np.arange(7 * rate) / rate
    bins = np.fft.rfft(rng.standard_normal(time.size))
    hiss = np.fft.irfft(bins / np.sqrt(np.arange(1, bins.size + 1)))
    tones = sum(np.sin(2 * np.pi * pitch * time) for pitch in (110, 440, 1_870, 5_200))
    made = 0.1 * tones * np.exp(-(time % 0.5) / 0.08) + 0.02 * hiss / hiss.std()
    found = [(made.astype(np.float32), rate)]
    if folder := os.environ.get("ZOO_TEST_DATA"):
        for name in ("gtzan-mini", "esc10"):
            paths = sorted(path for path in Path(folder, name).rglob("*.*") if is_audio(path.name))
            for recording in map(read, paths[:: max(1, len(paths) // 4)][:4]):
                found.append((recording.mono, recording.rate))
    return found


def copies(samples: np.ndarray, rate: int) -> list[tuple[np.ndarray, int]]:
    found = [(samples, rate), (np.rint(40 * samples) / 40, rate)]
    for low in (8_000, 11_025, 16_000):
        narrow = soxr.resample(samples, rate, low)
        found.append((narrow, low))
        found.append((soxr.resample(narrow, low, rate), rate))
        places = np.arange(samples.size) * low / rate  # without a filter: mirror images
        found.append((np.interp(places, np.arange(narrow.size), narrow), rate))
    return found


def test_page_and_zoo_measure_the_same_bandwidth(tmp_path):
    sounds = [copy for song in songs() for copy in copies(*song)]
    sounds += [(np.zeros(20_000), 8_000), (np.full(1, 0.5), 8_000), (np.zeros(3), 1_000)]
    names = []
    for number, (samples, rate) in enumerate(sounds):
        names.append(f"{number}-{rate}")
        samples.astype("<f4").tofile(tmp_path / names[-1])
    shutil.copy(MODULE, tmp_path / "bandwidth.mjs")
    (tmp_path / "ask.mjs").write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        ["node", "ask.mjs", *names], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    expected = [measured(samples.astype(np.float32), rate) for samples, rate in sounds]
    found = json.loads(done.stdout)
    assert [value is None for value in found] == [value is None for value in expected]
    pairs = [pair for pair in zip(found, expected, strict=True) if pair[1]]
    assert [one for one, _ in pairs] == pytest.approx([other for _, other in pairs], rel=0.03)
