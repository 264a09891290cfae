"""Small files that hold hours, and files that lie about their length: memory stays bounded."""

import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

import zoo
from zoo.audio.decode import read
from zoo.features.cache import FeatureCache

RATE = 1_000  # the lowest that is read; a track at 22,050 Hz is so much larger
_PEAK = """
import re
status = open("/proc/self/status").read()
print("\\npeak", int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024)
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux")


def silence(path: Path, hours: float) -> Path:
    block = np.zeros(1 << 20, np.float32)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        left = round(hours * 3_600 * RATE)
        while left > 0:
            file.write(block[:left])
            left -= len(block)
    return path


@pytest.fixture(scope="module")
def bomb(tmp_path_factory) -> Path:
    """Return ten hours in a file of a few kilobytes."""
    path = silence(tmp_path_factory.mktemp("bomb") / "bomb.flac", 10.0)
    assert path.stat().st_size < 200_000
    return path


@pytest.fixture
def measured(run_python):
    """Return a function that runs code in a process of its own: output, and MB at its peak."""

    def run(code: str, *arguments: str) -> tuple[str, int]:
        done = run_python(code + _PEAK, *arguments)
        assert done.returncode == 0, done.stderr
        said, _, peak = done.stdout.rpartition("\npeak ")
        return said, int(peak)

    return run


@pytest.mark.parametrize("promise", ["kept", "none", "less"])
def test_a_track_of_ten_hours_is_refused(bomb, promise, measured, tmp_path):
    """Whatever the header says: as it is, that it does not know, or a minute below an hour."""
    content = bytearray(bomb.read_bytes())
    (word,) = struct.unpack_from(">Q", content, 18)  # rate, channels, bits; 36 bits of samples
    assert word & (1 << 36) - 1 == 10 * 3_600 * RATE
    samples = {"kept": 10 * 3_600 * RATE, "none": 0, "less": 59 * 60 * RATE}[promise]
    struct.pack_into(">Q", content, 18, word >> 36 << 36 | samples)
    path = tmp_path / "track.flac"
    path.write_bytes(content)
    code = """
        import sys
        from pathlib import Path
        from zoo.audio.decode import decode, read
        from zoo_registry.errors import AudioError
        for use in (lambda path: decode(path, 22_050), lambda path: read(path).samples):
            try:
                print(len(use(Path(sys.argv[1]))))
            except AudioError as error:
                print(error)
        """.replace("\n        ", "\n")
    said, peak = measured(code, str(path))
    assert peak < 1_000
    first = said.splitlines()[0]
    assert first.startswith(f"{path} is longer than one hour")


def test_a_data_folder_that_holds_one(bomb, tone_folder, measured, run_python):
    folder = tone_folder()
    (folder / "low" / "bomb.flac").symlink_to(bomb)
    code = f"""
import zoo
from zoo.datasets import open_dataset
from zoo.datasets.checks.recordings import check
run = zoo.train("logistic", {str(folder)!r}, protocol="kfold:2", jobs=1)
assert run.complete
print([item.track for item in run.record.skipped])
for problem in check(open_dataset({str(folder)!r}), jobs=1):
    print(problem.kind, problem.tracks)
"""
    said, peak = measured(code)
    assert "['low/bomb.flac']" in said
    assert "undecodable ('low/bomb.flac',)" in said
    assert peak < 1_000


def test_predicting_streams(hearing, tmp_path, measured):
    """As a waveform the longer one would take 190 MB more; ten hours would take a minute."""
    hearing("frames")
    code = "import sys, zoo; (a,) = zoo.predict('frames', sys.argv[1:]); print(a.seconds, a.reason)"
    peaks = []
    for hours in (0.15, 0.75):
        said, peak = measured(code, str(silence(tmp_path / "long.flac", hours)))
        assert said.startswith(f"{hours * 3_600:.1f} silence")
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 80


def test_a_header_that_claims_four_gigabytes(hearing, tmp_path):
    hearing("seconds")
    path = tmp_path / "claims.wav"
    soundfile.write(path, 0.1 * np.ones(16_000), 16_000)
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    for size in (0x7000_0000, 0x7EFF_FFFF):
        content[place : place + 4] = struct.pack("<I", size)
        path.write_bytes(content)
        (found,) = zoo.predict("seconds", [path])
        assert "is cut off" in found.error


def test_many_channels_are_read_in_small_blocks(tmp_path, monkeypatch):
    path = tmp_path / "many.wav"
    soundfile.write(path, np.zeros((5_000, 512)), 8_000)
    sizes = []
    read_block = soundfile.SoundFile.read
    monkeypatch.setattr(
        soundfile.SoundFile, "read",
        lambda self, frames, **more: sizes.append(frames) or read_block(self, frames, **more),
    )  # fmt: skip
    assert read(path).samples.shape == (5_000, 512)
    assert max(sizes) * 512 <= 1 << 21


def test_a_zip_in_the_place_of_a_cached_array(tmp_path):
    cache = FeatureCache(tmp_path, {"name": "x"})
    path = cache.path("0")
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("arr_0.npy", bytes(50_000_000))
    content = path.read_bytes()
    assert len(content) < 100_000
    path.write_bytes(content + zlib.crc32(content).to_bytes(4, "little"))
    assert cache.get("0") is None
    shape = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 128)}"
    head = b"\x93NUMPY\x01\x00v\x00" + shape
    content = head.ljust(127) + b"\n"
    path.write_bytes(content + zlib.crc32(content).to_bytes(4, "little"))
    assert cache.get("0") is None
