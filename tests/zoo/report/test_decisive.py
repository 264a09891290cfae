"""What speaks for a class in an excerpt, as the models say that were fitted to all tracks."""

import numpy as np
import pytest
import soundfile

import zoo
from zoo.datasets import Track
from zoo.report.decisive import Mistake, decisive
from zoo.report.excerpts import excerpt_of

RATE = 22_050


def sound(has_tone: bool, seed: int) -> np.ndarray:
    """Return two seconds of noise, in which there may be a tone of 3 kHz."""
    rng, time = np.random.default_rng(seed), np.arange(2 * RATE) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 3_000.0 * time) * (np.abs(time - 1.4) < 0.2)
    return 0.02 * rng.standard_normal(time.size) + has_tone * tone


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a run whose classes differ in a tone alone."""
    place = tmp_path_factory.mktemp("decisive")
    for label in ("noise", "tone"):
        (place / "data" / label).mkdir(parents=True)
        for number in range(5):
            samples = sound(label == "tone", seed=number + 10 * (label == "tone"))
            soundfile.write(place / "data" / label / f"{label}{number}.wav", samples, RATE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(place / "cache"))
        yield zoo.train(
            "logistic", str(place / "data"), protocol="kfold:2", robustness=0, jobs=1,
            root=place / "models",
        )  # fmt: skip


def mistake(workspace, has_tone: bool, label: str) -> Mistake:
    path = workspace / f"{has_tone}.wav"
    soundfile.write(path, sound(has_tone, seed=99), RATE)
    track = Track(path.name, "noise", str(has_tone), path)
    return Mistake(track, track.digest, excerpt_of(track), label)


def test_the_part_with_the_tone_speaks_for_it(run, workspace):
    shares: list[float] = []
    given = {"a": mistake(workspace, True, "tone"), "b": mistake(workspace, False, "tone")}
    found = decisive([run], {run.id: "model"}, [given], shares.append)
    assert list(found) == ["a"]  # in the noise nothing speaks for the tone
    one = found["a"]
    assert (one.name, one.label) == ("model", "tone")
    assert one.probability > 0.5
    most = one.most
    assert most.low < 3_000 < most.high
    assert (most.shade, max(part.shade for part in one.parts)) == (0, 0.55)
    assert len(one.parts) == one.columns * one.rows
    assert shares == sorted(shares)
    again = decisive([run], {run.id: "model"}, [given], shares.append)
    assert again == found


def test_a_run_without_a_file_is_not_asked(run, workspace, monkeypatch):
    given = {"a": mistake(workspace, True, "tone")}
    run.artefact_path.rename(workspace / "model.onnx")
    assert decisive([run], {run.id: "model"}, [given], lambda share: None) == {}
    (workspace / "model.onnx").rename(run.artefact_path)
    assert decisive([run], {run.id: "model"}, [{}], lambda share: None) == {}
