"""Novelty: own tracks are kept, other sounds are not, and level does not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.evaluate.novelty import Windowing, fit_novelty
from zoo.evaluate.protocols import Fold

VECTORS, FRAMES = Windowing("vectors", 1, 1), Windowing("frames", 20, 10)


def folds_of(count, k=5):
    numbers = np.arange(count)
    return [Fold(n, numbers[numbers % k != n], numbers[numbers % k == n]) for n in range(k)]


def rows(count, seed=0, offset=0.0):
    """Return tracks of two rows of six columns."""
    rng = np.random.default_rng(seed)
    return [offset + rng.normal(size=(2, 6)).astype(np.float32) for _ in range(count)]


def spectra(count, seed=0, wobble=6.0, shape=0.0):
    """Return tracks of 50 frames in 32 bands, in decibels, each at a level of its own."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(0, -30, 32) + shape * np.sin(np.arange(32))
    return [
        (slope + rng.uniform(-40, 0) + wobble * rng.normal(size=(50, 32))).astype(np.float32)
        for _ in range(count)
    ]


def kept(novelty, tracks):
    """Return the share of tracks of which no more than half of the windows are new."""
    return np.mean([(novelty(track) > 1).mean() <= 0.5 for track in tracks])


@pytest.mark.parametrize("count", [20, 60, 200])
def test_own_tracks_are_kept_and_others_are_not(count):
    novelty = fit_novelty(rows(count), folds_of(count), VECTORS)
    assert kept(novelty, rows(500, seed=1)) > 0.9
    assert kept(novelty, rows(50, seed=2, offset=5.0)) == 0


def test_the_shape_and_the_course_of_spectra_count_and_their_level_does_not():
    novelty = fit_novelty(spectra(60), folds_of(60), FRAMES)
    assert kept(novelty, spectra(100, seed=1)) > 0.9
    assert kept(novelty, [track - 35 for track in spectra(100, seed=1)]) > 0.9
    assert kept(novelty, spectra(20, seed=2, wobble=1.0)) == 0
    assert kept(novelty, spectra(20, seed=2, shape=20.0)) == 0


def test_one_wild_column_does_not_decide():
    novelty = fit_novelty(rows(60), folds_of(60), Windowing("vectors", 1, 1))
    wild = [track.copy() for track in rows(60, seed=3)]
    others = np.float32([0, 0, 0, 0, 0, 1e9])
    bounded, much = (np.median([novelty(t + f * others).max() for t in wild]) for f in (1e-8, 1))
    assert bounded == pytest.approx(much)


def test_a_column_that_never_varied_does_not_count():
    tracks = [np.concatenate([track, np.full((2, 1), 7.1)], axis=1) for track in rows(40)]
    novelty = fit_novelty(tracks, folds_of(40), VECTORS)
    (track,) = rows(1, seed=4)
    near, far = (np.concatenate([track, np.full((2, 1), x)], axis=1) for x in (7.1, 8.0))
    assert novelty(near) == pytest.approx(novelty(far))


def test_too_few_tracks_have_no_threshold():
    assert fit_novelty(rows(18), folds_of(18), VECTORS) is None
    assert fit_novelty(rows(19), folds_of(19), VECTORS) is not None
    split = [Fold(0, np.arange(10, 40), np.arange(10))]
    assert fit_novelty(rows(40), split, VECTORS) is None


def test_one_track_is_in_memory_at_a_time():
    held = []

    class Tracks:
        def __len__(self):
            return 30

        def __getitem__(self, index):
            if index >= 30:
                raise IndexError
            held.append(index)
            return rows(1, seed=index)[0]

    fit_novelty(Tracks(), folds_of(30), VECTORS)
    assert held == [*range(30), *range(30)]


@given(
    frames=st.integers(1, 70), width=st.integers(1, 30), step=st.integers(1, 30),
    columns=st.integers(1, 40), layout=st.sampled_from(["vectors", "frames"]),
    seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_the_graph_computes_the_same(frames, width, step, columns, layout, seed):
    import onnx
    import onnxruntime

    from zoo.artefacts.novelty_graph import add_novelty

    rng = np.random.default_rng(seed)
    windowing = Windowing(layout, width, step)
    scale = 30 if layout == "frames" else 1
    tracks = [(scale * rng.normal(size=(60, columns))).astype(np.float32) for _ in range(20)]
    novelty = fit_novelty(tracks, folds_of(20), windowing)
    proto = onnx.parser.parse_model(
        f"""<ir_version: 10, opset_import: ["": 18]>
        model (float[rows, {columns}] given) => (float[rows, {columns}] probabilities)
        {{ track = Identity (given) probabilities = Identity (track) }}"""
    )
    add_novelty(proto, novelty, columns)
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    track = (scale * rng.normal(size=(frames, columns))).astype(np.float32)
    (found,) = session.run(["novelty"], {"given": track})
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, novelty(track), rtol=1e-3, atol=1e-3)
