"""The deep models, on spectrograms so small that training is a matter of seconds."""

import importlib
import importlib.util
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from zoo.audio.frontends import LogMel
from zoo.audio.windows import RANGE, cut_windows
from zoo.plugins.keras_data import (
    inner_split,
    levelled,
    low_passed,
    masked,
    noisy,
    random_crops,
    sounding,
    spread,
    statistics,
)  # fmt: skip
from zoo.plugins.keras_defaults import NetworkDefaults
from zoo_registry import PluginError

deep = [
    pytest.mark.deep,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("tensorflow", "tf2onnx")),
        reason="needs genre-zoo[deep]",
    ),
]
both = pytest.mark.parametrize("name", ["cnn2d", "vgg16"])

FRAMES, MELS = 16, 16
RNG = np.random.default_rng(7)
CLASSES = ["high", "low", "never"]


def track(length, label, rng):
    """Noise in the upper half of the mels for class 0, in the lower half for class 1."""
    level = np.where((np.arange(MELS) < MELS // 2) == bool(label), -20.0, -80.0)
    return rng.normal(level, 3.0, (length, MELS)).astype(np.float32)


class Trained:
    """A model trained on four tracks, of which one has one frame and one class is missing."""

    def __init__(self, name):
        self.plugin = importlib.import_module(f"zoo_plugins.{name}")
        self.reports = []
        self.curve = []

    def train(
        self,
        lengths=(1, 5, FRAMES, 90),
        seed=3,
        scratch=None,
        stop=None,
        sample_weight=None,
        **settings,
    ):
        rng = np.random.default_rng(0)
        labels = np.arange(len(lengths)) % 2
        tracks = [track(*pair, rng) for pair in zip(lengths, labels, strict=True)]

        def report(fraction, note="", **figures):
            self.reports.append((fraction, note))
            self.curve.append(figures)
            if stop is not None and fraction >= stop:
                raise KeyboardInterrupt

        settings = {"width": 2, "frames": FRAMES, "batch": 8, "epochs": 2, **settings}
        return self.plugin.train(
            tracks=tracks,
            labels=labels,
            classes=CLASSES,
            groups=np.arange(len(lengths)),
            params={**self.plugin.card.params, **settings},
            seed=seed,
            progress=report,
            scratch=scratch,
            sample_weight=sample_weight,
        )


@pytest.fixture(scope="module")
def small():
    """Give each plugin's model of four tracks, trained when first asked for."""
    kept = {}

    def trained(name):
        if name not in kept:
            kept[name] = Trained(name)
            kept[name].model = kept[name].train()
        return kept[name]

    return trained


class TestWindows:
    @pytest.mark.parametrize(
        ("length", "starts"),
        [(16, [0]), (17, [0, 1]), (24, [0, 8]), (25, [0, 8, 9]), (40, [0, 8, 16, 24])],
    )
    def test_they_overlap_by_half_and_cover_the_end(self, length, starts):
        frames = np.arange(length, dtype=np.float32)[:, None]
        assert cut_windows(frames, 16)[:, 0, 0].tolist() == starts
        assert cut_windows(frames, 16)[-1, -1, 0] == length - 1

    @pytest.mark.parametrize(("before", "behind"), [(0, 0), (3, 0), (0, 4), (2, 3)])
    def test_silence_at_the_ends_of_a_shorter_track_is_not_repeated(self, before, behind):
        sound = np.float32(np.random.default_rng(0).uniform(-60, -20, (7, 4)))
        sound[3] = -100  # silence within stays
        track = np.pad(sound, ((before, behind), (0, 0)), constant_values=np.float32(-100))
        assert np.array_equal(cut_windows(track, 16), cut_windows(sound, 16))
        silence = np.full((5, 4), -100, np.float32)
        assert cut_windows(silence, 16).shape == (1, 16, 4)

    @pytest.mark.parametrize("length", [1, 3, 15])
    def test_a_shorter_track_is_repeated(self, length):
        frames = np.arange(length, dtype=np.float32)[:, None]
        assert cut_windows(frames, 16)[:, :, 0].tolist() == [[i % length for i in range(16)]]

    @pytest.mark.parametrize("length", [1, 16, 17, 100])
    def test_random_and_spread_ones_are_stretches_of_the_track(self, length):
        frames = np.arange(length, dtype=np.float32)[:, None]
        rng = np.random.default_rng(0)
        for found in [*random_crops([frames] * 20, 16, rng), *spread(frames, 16, 4)]:
            assert found.shape == (16, 1)
            assert set(np.diff(found[:, 0])) <= {1.0, 1.0 - length}


class TestStatistics:
    def test_they_are_those_of_all_frames(self):
        rng = np.random.default_rng(0)
        tracks = [rng.normal(-40, 9, (n, 3)).astype(np.float32) for n in (1, 50, 200)]
        frames = np.concatenate([levelled(track) for track in tracks])
        mean, variance = statistics(tracks, np.arange(3))
        assert mean == pytest.approx(frames.mean(axis=0), rel=1e-4, abs=1e-4)
        assert variance == pytest.approx(frames.var(axis=0), rel=1e-4)

    def test_only_the_chosen_count(self):
        tracks = [np.full((5, 2), level, np.float32) for level in (-10, -50)]
        tracks[1][:, 1] = 0
        assert statistics(tracks, np.array([0]))[0].tolist() == [0, 0]
        assert statistics(tracks, np.array([1]))[0] == pytest.approx([-47, 3], abs=0.02)

    def test_silence_does_not_count(self):
        sound = np.random.default_rng(0).normal(-30, 9, (50, 3)).astype(np.float32)
        padded = np.pad(sound, ((40, 20), (0, 0)), constant_values=-100)
        alone, beside = (statistics([each], np.arange(1)) for each in (sound, padded))
        assert np.array_equal(alone, beside)

    def test_an_empty_band_keeps_a_scale(self):
        empty = [np.full((9, 2), -100, np.float32)]
        assert statistics(empty, np.arange(1))[1].tolist() == [1.0, 1.0]


class TestSilence:
    """A window with less than a twentieth of sound is not trained on."""

    def test_other_windows_are_drawn(self):
        silent = np.full((400, 4), -100, np.float32)
        silent[300:302] = -20
        rng = np.random.default_rng(0)
        assert sounding(random_crops([silent] * 50, 40, rng)).all()
        assert sounding(spread(silent, 40, 4)).all()
        assert sounding(cut_windows(silent, 40)).mean() < 0.25

    @pytest.mark.parametrize("value", [-100, -75])
    def test_a_track_of_silence_stays_usable(self, value):
        silent = np.full((90, 4), value, np.float32)
        assert random_crops([silent], 40, np.random.default_rng(0)).shape == (1, 40, 4)
        assert spread(silent, 40, 4).shape == (4, 40, 4)
        assert np.isfinite(statistics([silent], np.arange(1))).all()

    @pytest.mark.parametrize(("peak", "heard"), [(-80, False), (-55, True)])
    @pytest.mark.parametrize("sound", [np.sin(np.arange(44_100) / 5), RNG.normal(0, 0.3, 44_100)])
    def test_it_is_what_is_below_70_db(self, sound, peak, heard):
        rows = LogMel()((sound / np.abs(sound).max() * 10 ** (peak / 20)).astype(np.float32))
        assert sounding(rows[None, 2:-2]).tolist() == [heard]


class TestLevel:
    rows = RNG.normal(-20, 9, (40, 16)).astype(np.float32)

    @pytest.mark.parametrize("gain", [-25, 11])
    def test_loudness_does_not_matter(self, gain):
        assert levelled(self.rows + gain) == pytest.approx(levelled(self.rows), abs=1e-4)

    def test_an_empty_band_does_not_move_it(self):
        narrow = np.where(np.arange(16) < 12, self.rows - np.arange(16) * 3, -100)
        wide = np.where(np.arange(16) < 12, narrow, self.rows - 60)
        assert levelled(narrow)[:, :12] == pytest.approx(levelled(wide)[:, :12], abs=0.01)

    def test_silent_frames_hardly_move_it(self):
        padded = np.concatenate([np.full((10, 16), -100, np.float32), self.rows])
        assert levelled(padded)[10:] == pytest.approx(levelled(self.rows), abs=1.0)

    def test_the_floor_is_that_of_every_recording(self):
        for lowest in (-100, -200):
            rows = np.where(np.arange(16) < 12, self.rows, lowest)
            assert (levelled(rows)[:, 12:] == -RANGE).all()


class TestDegrading:
    crops = levelled(RNG.normal(-20, 9, (1000, 8, 20)))

    def test_some_windows_have_nothing_above_a_random_band(self):
        found = low_passed(self.crops, 0.1, np.random.default_rng(0))
        empty = (found == -RANGE).all(axis=1)
        assert 0.05 < empty.any(axis=1).mean() < 0.15
        assert set(empty.sum(axis=1)) == set(range(8))
        assert (np.diff(empty.astype(int), axis=1) >= 0).all()
        assert (found == np.where(empty[:, None], -RANGE, self.crops)).all()

    def test_some_windows_have_noise(self):
        found = noisy(self.crops, 0.15, np.random.default_rng(0))
        changed = (found != self.crops).any(axis=(1, 2))
        assert 0.1 < changed.mean() < 0.2
        assert found.dtype == self.crops.dtype
        assert (found >= self.crops - 1e-3).all()


class TestMasking:
    def test_it_hides_stripes_no_wider_than_asked(self):
        crops = np.ones((200, 20, 10), np.float32)
        hidden = masked(crops, np.zeros(10, np.float32), 0.3, np.random.default_rng(0)) == 0
        assert hidden.all(axis=2).sum(axis=1).max() == 6
        assert hidden.all(axis=1).sum(axis=1).max() == 3
        assert hidden.dtype == bool
        assert 0 < hidden.mean() < 0.4

    def test_an_empty_band_stays_empty(self):
        crops = np.where(np.arange(10) < 7, np.ones((200, 20, 10), np.float32), -RANGE)
        found = masked(crops, np.zeros(10, np.float32), 0.5, np.random.default_rng(0))
        assert (found[:, :, 7:] == -RANGE).all()

    def test_none_is_none(self):
        crops = np.ones((3, 20, 10), np.float32)
        assert (masked(crops, np.zeros(10, np.float32), 0.0, np.random.default_rng(0)) == 1).all()


class TestInnerSplit:
    def test_groups_stay_whole_and_classes_on_both_sides(self):
        labels, groups = np.repeat([0, 1], 40), np.arange(80) // 2
        learnt, held = inner_split(labels, groups, 0.15, seed=0)
        assert sorted([*learnt, *held]) == list(range(80))
        assert set(groups[learnt]).isdisjoint(groups[held])
        assert set(labels[learnt]) == set(labels[held]) == {0, 1}
        assert 8 <= len(held) <= 16

    @pytest.mark.parametrize(
        ("labels", "groups", "share"),
        [
            ([0] * 40 + [1] * 3, range(43), 0.15),
            ([0] * 20 + [1] * 20, [0] * 20 + [1] * 20, 0.15),
            ([0] * 20 + [1] * 20, [*range(20), *[20] * 20], 0.15),
            ([0] * 20 + [1] * 20, range(40), 0.0),
        ],
        ids=["small class", "two groups", "class of one group", "switched off"],
    )
    def test_nothing_is_held_out_where_it_cannot_be(self, labels, groups, share):
        learnt, held = inner_split(np.array(labels), np.array(groups), share, seed=0)
        assert (len(learnt), len(held)) == (len(labels), 0)


def test_importing_a_model_imports_no_framework():
    code = """
        import sys
        import zoo_plugins.cnn2d, zoo_plugins.vgg16
        print(*{"tensorflow", "keras", "onnx", "sklearn", "librosa"} & set(sys.modules))
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert found.stdout == "\n"


class TestModels:
    pytestmark = deep

    @both
    def test_every_class_has_a_column_and_rows_sum_to_one(self, name, small):
        rng = np.random.default_rng(1)
        tracks = [track(n, 0, rng) for n in (1, 15, 16, 17, 24, 100)]
        found = small(name).plugin.predict(small(name).model, tracks)
        assert [rows.shape for rows in found] == [(n, 3) for n in (1, 1, 1, 2, 2, 12)]
        for rows in found:
            assert rows.dtype == np.float32
            assert rows.sum(axis=1) == pytest.approx(1.0, abs=1e-5)

    @both
    def test_progress_ends_at_one(self, name, small):
        fractions, notes = zip(*small(name).reports, strict=True)
        assert fractions == (0.5, 1.0)
        assert notes[0].startswith("epoch 1/2, loss ")

    @both
    def test_the_seed_decides_all(self, name, small):
        again = Trained(name)
        tracks = [track(n, 1, np.random.default_rng(2)) for n in (1, 40)]
        first = again.plugin.predict(small(name).model, tracks)
        second = again.plugin.predict(again.train(), tracks)
        assert all(np.array_equal(*pair) for pair in zip(first, second, strict=True))

    @both
    def test_loudness_changes_nothing(self, name, small):
        sound = track(40, 0, np.random.default_rng(6))
        quiet, loud = (small(name).plugin.predict(small(name).model, [sound + d]) for d in (-20, 9))
        assert quiet[0] == pytest.approx(loud[0], abs=1e-4)

    @both
    def test_an_empty_band_is_as_if_hidden(self, name, small):
        sound = track(40, 1, np.random.default_rng(6))
        answers = []
        for lowest in (-100, -150, -300):
            sound[:, MELS // 2 + 2 :] = lowest
            answers += small(name).plugin.predict(small(name).model, [sound])
        assert np.stack(answers) == pytest.approx(np.stack(answers[:1] * 3), abs=1e-5)

    @both
    def test_a_plain_difference_is_learnt(self, name):
        trained = Trained(name)
        model = trained.train([40] * 24, epochs=8, learning_rate=0.02, validation=0.25, dropout=0.0)
        rng = np.random.default_rng(4)
        for label in (0, 1):
            (found,) = trained.plugin.predict(model, [track(100, label, rng)])
            assert (found.argmax(axis=1) == label).all()
        assert trained.reports[-1][1].startswith("kept epoch ")

    @both
    def test_tracks_count_by_their_weight(self, name):
        trained = Trained(name)
        model = trained.train(
            [40] * 16, epochs=6, learning_rate=0.02, validation=0.25, dropout=0.0,
            sample_weight=np.arange(16) % 2 * 2.0,
        )  # fmt: skip
        (found,) = trained.plugin.predict(model, [track(100, 0, np.random.default_rng(4))])
        assert (found.argmax(axis=1) == 1).all()  # nothing else had a weight
        assert trained.curve[-2]["held_out_accuracy"] == 1.0

    @pytest.mark.parametrize(("name", "validation"), [("cnn2d", 0.25), ("vgg16", 0.0)])
    def test_an_interrupted_training_ends_as_if_it_had_not_been(self, name, validation, tmp_path):
        settings = {"epochs": 3, "validation": validation, "dropout": 0.3}
        whole, parted = Trained(name), Trained(name)
        expected = whole.train([40] * 16, **settings).get_weights()
        for stop in (0.3, 0.6):
            with pytest.raises(KeyboardInterrupt):
                parted.train([40] * 16, scratch=tmp_path, stop=stop, **settings)
        parted.curve.clear()
        found = parted.train([40] * 16, scratch=tmp_path, **settings).get_weights()
        assert all(np.array_equal(*pair) for pair in zip(expected, found, strict=True))
        assert parted.curve == whole.curve
        assert {"loss"} <= set(whole.curve[0])

    def test_a_damaged_state_counts_as_none(self, tmp_path):
        (tmp_path / "epoch.npz").write_bytes(b"PK damaged")
        trained = Trained("cnn2d")
        trained.train(scratch=tmp_path, epochs=1)
        assert len(trained.curve) == 1

    @both
    def test_the_exported_graph_predicts_the_same(self, name, small):
        onnxruntime = pytest.importorskip("onnxruntime")
        graph = NetworkDefaults().export(small(name).model).proto
        session = onnxruntime.InferenceSession(graph.SerializeToString())
        rng = np.random.default_rng(5)
        for length in (1, 7, 15, 16, 17, 23, 24, 25, 101, 1292):
            given = track(length, length % 2, rng)
            (expected,) = small(name).plugin.predict(small(name).model, [given])
            (found,) = session.run(["probabilities"], {"track": given})
            assert found == pytest.approx(expected, abs=1e-4)
            given = np.pad(given, ((3, 2), (0, 0)), constant_values=np.float32(-100))
            (expected,) = small(name).plugin.predict(small(name).model, [given])
            (found,) = session.run(["probabilities"], {"track": given})
            assert found == pytest.approx(expected, abs=1e-4)

    def test_a_network_that_was_read_back_is_exported(self, tmp_path):
        import keras

        window = keras.Input((FRAMES, MELS))
        state = keras.layers.GRU(4)(window)
        model = keras.Model(window, keras.layers.Dense(2, activation="softmax")(state))
        defaults = NetworkDefaults()
        defaults.save(model, tmp_path)
        assert defaults.export(defaults.load(tmp_path)).proto.graph.node

    @both
    def test_a_built_in_network_is_read_back(self, name, small, tmp_path):
        defaults = NetworkDefaults()
        defaults.save(small(name).model, tmp_path)
        read = defaults.load(tmp_path)
        given = [track(40, 0, np.random.default_rng(5))]
        (expected,) = small(name).plugin.predict(small(name).model, given)
        (found,) = small(name).plugin.predict(read, given)
        assert np.array_equal(found, expected)

    def test_a_network_of_other_layers_is_not_read(self, tmp_path):
        import keras

        class Mine(keras.layers.Layer):
            def call(self, x):
                return x

        window = keras.Input((FRAMES, MELS))
        out = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(Mine()(window)))
        defaults = NetworkDefaults()
        defaults.save(keras.Model(window, out), tmp_path)
        with pytest.raises(PluginError, match="is not loaded") as caught:
            defaults.load(tmp_path)
        assert "\n" not in str(caught.value)


@pytest.mark.deep
@deep[1]
def test_nothing_is_written_to_stderr():
    code = f"""
        import numpy as np
        from zoo.plugins.keras_defaults import NetworkDefaults
        from zoo_plugins import cnn2d
        rng = np.random.default_rng(0)
        tracks = [rng.normal(-40, 9, (n, {MELS})).astype(np.float32) for n in (1, 50, 16, 30)]
        params = {{**cnn2d.card.params, "width": 2, "frames": {FRAMES}, "batch": 4, "epochs": 1}}
        quiet = lambda *report, **figures: None
        labels = np.arange(4)
        model = cnn2d.train(tracks, labels % 2, ["a", "b"], labels, params, 0, quiet)
        cnn2d.predict(model, tracks)
        NetworkDefaults().export(model)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
