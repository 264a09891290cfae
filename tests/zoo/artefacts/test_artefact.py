"""The ONNX file: what it answers, of any length of sound, and when it is not trusted."""

import hashlib
import json
import shutil

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.artefacts.artefact import Artefact
from zoo.artefacts.metadata import FORMAT
from zoo_registry import ArtefactError

MODELS = ["seconds", "frames"]
RATE = 22_050


def noise(samples: int, seed: int = 0) -> np.ndarray:
    """Return a waveform whose pitch and loudness wander."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.uniform(0.01, 0.5, samples // 5000 + 1), 5000)[:samples]
    return (level * np.sin(np.cumsum(rng.uniform(0, 0.4, samples)))).astype(np.float32)


@pytest.fixture(params=MODELS)
def artefact(request, hearing) -> Artefact:
    run = hearing(request.param)
    return Artefact(run.artefact_path, run.record.artefact.sha256)


def test_parity_is_recorded(hearing):
    for name in MODELS:
        recorded = hearing(name).record.artefact
        assert recorded["parity"] < 1e-4
        assert recorded["parity_tracks"] == recorded["same_winner"] == 8
        assert recorded.reference is None  # librosa is worth its time for more tracks


def test_windows_have_times_that_cover_the_sound(artefact):
    for samples in (1, 100, 5000, 16_383, 16_384, 30_000, 5 * RATE, 5 * RATE + 17):
        windows, times, *_ = artefact.run(noise(samples))
        assert windows.shape == (len(times), 2)
        assert times[0, 0] == 0
        assert times[-1, 1] == pytest.approx(samples / RATE)
        assert (times[:, 0] < times[:, 1]).all()
        assert (times[1:, 0] <= times[:-1, 1] + 1e-6).all()


def test_a_stream_has_the_windows_of_the_whole(artefact, monkeypatch):
    """Whatever the blocks, and however short the pieces that are heard at once."""
    monkeypatch.setattr("zoo.artefacts.artefact._AT_ONCE", 1.5)

    @given(st.integers(1, 12 * RATE), st.integers(500, 300_000), st.integers(0, 3))
    @settings(max_examples=40)
    def check(samples, block, seed):
        audio = noise(samples, seed)
        parts = list(artefact.stream(audio[i : i + block] for i in range(0, samples, block)))
        windows, times, *_ = (np.concatenate(part) for part in zip(*parts, strict=True))
        expected, when, *_ = artefact.run(audio)
        np.testing.assert_allclose(windows, expected, atol=1e-5)
        np.testing.assert_allclose(times, when, atol=1e-4)

    check()
    assert len(list(artefact.stream(iter([noise(30 * RATE)])))) > 5


def test_the_metadata_say_what_it_is(artefact):
    described = artefact.metadata
    assert described["format"] == FORMAT
    assert described["classes"] == ["high", "low"]
    assert described["dataset"]["tracks"] == 8
    assert set(described["metrics"]) == {"accuracy", "accuracy_mean", "macro_f1"}
    assert "2 classes: high, low" in described["intended_use"]
    assert "onnxruntime" in described["versions"]
    assert "file" not in described["model"]  # the path of the plugin is nobody's business


class TestTrust:
    @pytest.fixture
    def good(self, hearing, tmp_path):
        path = tmp_path / "good.onnx"
        shutil.copy(hearing("frames").artefact_path, path)
        return path

    def refused(self, path, words, sha256=None):
        with pytest.raises(ArtefactError, match=words) as caught:
            Artefact(path, sha256)
        assert caught.value.exit_status == 2
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    def changed(self, path, change):
        proto = onnx.load(path)
        change(proto)
        path.write_bytes(proto.SerializeToString())

    def described(self, path, **changes):
        def change(proto):
            (entry,) = (item for item in proto.metadata_props if item.key == "zoo")
            entry.value = json.dumps(json.loads(entry.value) | changes)

        self.changed(path, change)

    def test_as_it_was_written(self, good):
        Artefact(good, hashlib.sha256(good.read_bytes()).hexdigest())

    def test_tampered(self, good):
        sha256 = hashlib.sha256(good.read_bytes()).hexdigest()
        content = bytearray(good.read_bytes())
        content[len(content) // 2] ^= 1
        good.write_bytes(content)
        self.refused(good, "its hash differs", sha256)

    @pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
    def test_cut_off(self, good, share):
        content = good.read_bytes()
        good.write_bytes(content[: int(share * len(content))])
        self.refused(good, r"good\.onnx")

    def test_missing(self, tmp_path):
        self.refused(tmp_path / "none.onnx", "No such file")

    @pytest.mark.parametrize("location", ["../../secret", "/etc/passwd", "beside.bin"])
    def test_numbers_in_other_files(self, good, location):
        def change(proto):
            tensor = proto.graph.initializer[0]
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            entry = tensor.external_data.add()
            entry.key, entry.value = "location", location

        self.changed(good, change)
        self.refused(good, "refers to other files")

    def test_unknown_operator(self, good):
        def change(proto):
            proto.graph.node[0].op_type = "Summon"
            proto.graph.node[0].domain = "demons"
            proto.opset_import.append(onnx.helper.make_opsetid("demons", 1))

        self.changed(good, change)
        self.refused(good, "unknown operator .*Summon")

    def test_newer_onnx(self, good):
        self.changed(good, lambda proto: setattr(proto, "ir_version", 999))
        self.refused(good, "newer than onnxruntime")

    def test_newer_format(self, good):
        self.described(good, format=FORMAT + 1)
        self.refused(good, "newer genre-zoo")

    @pytest.mark.parametrize(
        "changes",
        [
            {"format": FORMAT - 1}, {"format": "2"}, {"classes": "ab"}, {"frontend": {}},
            {"frontend": 3}, {"windows": {"hop": 0, "length": 1, "reach": 0}},
            {"windows": {"hop": 1}}, {"windows": []}, {"classes": ["a", 3]}, {"run": 7},
        ],
        ids=str,
    )  # fmt: skip
    def test_metadata_of_another_kind(self, good, changes):
        self.described(good, **changes)
        self.refused(good, r"older or foreign|lacks what")

    def test_a_stranger(self, good):
        self.changed(good, lambda proto: proto.ClearField("metadata_props"))
        self.refused(good, "not an artefact of the zoo")

    def test_answers_that_are_no_probabilities(self, good):
        def change(proto):
            (last,) = (n for n in proto.graph.node if "probabilities" in n.output)
            last.op_type = "Identity"
            last.ClearField("attribute")

        self.changed(good, change)
        with pytest.raises(ArtefactError, match="no probabilities"):
            Artefact(good).run(noise(RATE))
