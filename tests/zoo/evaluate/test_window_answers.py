"""The windows that a run keeps are those whose votes its predictions count."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import zoo
from zoo.evaluate import window_answers as kept
from zoo.evaluate.calibration import FoldAnswers
from zoo.evaluate.vote import rounded
from zoo_registry.errors import RunError
from zoo_registry.runs import Run


@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.integers(2, 5)),
        elements=st.sampled_from([0.0, 0.2, 0.2 + 1e-9, 0.2 + 1e-5, 0.5, 1.0]) | st.floats(0, 1),
    ),
    st.sampled_from([np.float16, np.float32]),
)
def test_less_precision_keeps_each_winner(windows, precision):
    found = rounded(windows, precision)
    assert found.dtype == precision
    assert (found.argmax(axis=1) == windows.argmax(axis=1)).all()
    assert np.allclose(found, windows, atol=2e-3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, make_tones) -> Path:
    """Return a run whose tracks have several windows, and enough tracks to be calibrated."""
    place = tmp_path_factory.mktemp("windows")
    data = make_tones(place / "tones", tracks=15, seconds=0.9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(place / "cache"))
        run = zoo.train(
            "logistic", str(data), frontend="handcrafted:window=0.3", protocol="kfold:3",
            robustness=3, root=place / "models",
        )  # fmt: skip
    assert all(beta != 1 for fold in run.record.folds for beta in fold.betas)
    return run.folder


@pytest.fixture
def run(trained: Path, workspace: Path) -> Run:
    """Return the run, which may be changed."""
    shutil.copytree(trained, workspace / trained.name)
    return Run.read(workspace / trained.name)


def test_windows_are_those_of_votes_and_probabilities(run):
    predictions = run.predictions()
    windows = kept.window_answers(run, predictions)
    assert len(windows) == len(predictions) == 30
    assert max(map(len, windows)) > 2
    for own, votes, means in zip(
        windows, predictions.votes, predictions.probabilities, strict=True
    ):
        assert np.bincount(own.argmax(axis=1), minlength=2).tolist() == votes.tolist()
        assert own.mean(axis=0) == pytest.approx(means, abs=2e-3)
    assert kept.window_faults(run, predictions) == []


def test_other_answers_than_those_of_the_predictions_are_found(run):
    content = bytearray(run.kept_windows_path.read_bytes())
    content[-4:] = np.array([0.5, 0.6], "<f2").tobytes()
    run.kept_windows_path.write_bytes(content)
    with pytest.raises(RunError, match="repairs it"):
        kept.window_answers(run, run.predictions())
    for forged in (content, b"", b"\x93NUMPY", content[:-2], b"x" + content, content + b"xx"):
        run.kept_windows_path.write_bytes(forged)
        run.record.windows = hashlib.sha256(forged).hexdigest()
        assert kept.window_faults(run, run.predictions()) != []


def test_too_many_are_not_kept(run, monkeypatch):
    predictions = run.predictions()
    windows = np.concatenate(kept.window_answers(run, predictions)).astype(np.float32)
    answers = FoldAnswers(predictions, None, windows)
    assert kept.to_npy([answers]) == run.kept_windows_path.read_bytes()
    monkeypatch.setattr(kept, "_MOST", 10)
    assert kept.to_npy([answers]) is None
    assert "too many" in kept.lack_of_windows(run, predictions)
