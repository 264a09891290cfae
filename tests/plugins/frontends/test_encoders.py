"""The two encoders: they compute what was published, and are worth their place on a board."""

import functools

import numpy as np
import onnx
import onnxruntime
import pytest

import zoo
from zoo.audio.onnx_graphs import built
from zoo.audio.weights import packaged_files
from zoo.evaluate.metrics import score
from zoo_plugins.frontends import musicnn, yamnet
from zoo_plugins.frontends._tensor_bundle import read_bundle

needs = functools.partial(pytest.mark.skipif, reason="the package of its weights is missing")
needs_musicnn = needs(musicnn.card.uninstalled is not None)
needs_yamnet = needs(yamnet.card.uninstalled is not None)


def made_sound() -> np.ndarray:
    """Return two patches of musicnn, without their zeros in front."""
    t = np.arange(2 * 187 * 256 + 256) / 16_000
    pitches = (110, 277.2, 440, 1318.5)
    tones = sum(np.sin(2 * np.pi * f * t * (1 + 0.02 * t)) / n for n, f in enumerate(pitches, 1))
    hiss = np.sin(1e5 * np.sin(12_345.678 * np.arange(t.size)))
    swell = 1 + np.sin(2 * np.pi * 2 * t)
    return (0.1 * tones * swell + 0.05 * hiss * (t % 0.5 < 0.05)).astype(np.float32)


def run(proto: onnx.ModelProto, rows: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    (given,) = session.get_inputs()
    return session.run(None, {given.name: rows})[0]


@needs_musicnn
class TestMusicnn:
    def test_pools_and_tags_are_those_of_the_original_code(self, request):
        """The arrays are what musicnn 0.1.0 gave for this sound, run by tf_keras.

        For all patches but the first its `extractor` gives the penultimate layer of the first.
        """
        expected = np.load(request.path.with_name("musicnn.npz"))
        padded = np.pad(made_sound(), 256)
        begins = (0, 187 * 256)
        patches = np.stack([padded[b : b + musicnn.Musicnn.patch] for b in begins])
        found = run(musicnn.Musicnn().network(), patches)
        mean, highest, penultimate = np.split(found, [753, 1506], axis=1)
        assert mean == pytest.approx(expected["mean"], abs=1e-4)
        assert highest == pytest.approx(expected["max"], abs=1e-3)
        assert penultimate[:1] == pytest.approx(expected["penultimate"], abs=1e-3)
        weights = read_bundle(*packaged_files(musicnn.card))
        logits = penultimate @ weights["dense_1/kernel"] + weights["dense_1/bias"]
        assert 1 / (1 + np.exp(-logits)) == pytest.approx(expected["tags"], abs=1e-4)


@needs_yamnet
class TestYamnet:
    def test_its_mel_is_the_published_one(self):
        """Magnitudes of 25 ms every 10 ms, 64 HTK bands from 125 to 7,500 Hz, log(x + 0.001)."""
        patch = made_sound()[8_000 : 8_000 + yamnet.Yamnet.patch]
        frames = np.lib.stride_tricks.sliding_window_view(patch.astype(float), 400)[::160]
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
        magnitude = np.abs(np.fft.rfft(frames * window, 512))
        mel = lambda f: 1127 * np.log(1 + f / 700)  # noqa: E731
        edges, bins = np.linspace(mel(125), mel(7500), 66), mel(np.arange(257) * 8000 / 256)
        bands = [np.interp(bins, edges[m : m + 3], [0, 1, 0], 0, 0) for m in range(64)]
        expected = np.log(magnitude @ np.stack(bands, axis=1) + 0.001)
        shape = ("patches", ["count", yamnet.Yamnet.patch])
        graph = built(yamnet._log_mel, shape, ("mel", ["count", 1, 96, 64]))
        found = run(graph, np.stack([patch, patch[::-1]]))
        assert found.shape == (2, 1, 96, 64)
        assert found[0, 0] == pytest.approx(
            expected, abs=3e-3
        )  # single precision, close to silence


@pytest.mark.real
class TestRecordings:
    """Four tracks of each of four classes; a classifier that knows nothing has .25."""

    def accuracy(self, frontend, folder, classes, workspace):
        for name in classes:
            (workspace / "few" / name).mkdir(parents=True)
            files = sorted(path for path in (folder / name).iterdir() if path.is_file())
            for path in files[:4]:
                (workspace / "few" / name / path.name).symlink_to(path)
        few = str(workspace / "few")
        run = zoo.train(
            "logistic", few, frontend=frontend, protocol="kfold:4", grouped=False, robustness=0
        )
        assert run.complete, run.record.error
        assert run.record.artefact.parity < 1e-4
        return score(run.predictions()).accuracy, run.artefact_path.stat().st_size

    @needs_musicnn
    def test_musicnn_knows_music(self, real_data, workspace):
        classes = ("classical", "hiphop", "metal", "reggae")
        folder = real_data / "gtzan-mini"
        accuracy, size = self.accuracy("musicnn", folder, classes, workspace)
        assert accuracy >= 0.75
        assert size <= 4.5e6

    @needs_yamnet
    def test_yamnet_knows_sounds(self, real_data, workspace):
        folder = real_data / "esc10"
        classes = sorted(path.name for path in folder.iterdir() if path.is_dir())[:4]
        accuracy, size = self.accuracy("yamnet", folder, classes, workspace)
        assert accuracy >= 0.9
        assert size <= 16e6
