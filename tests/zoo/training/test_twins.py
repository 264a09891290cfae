"""What leakage does to a score: a dataset where it is everything there is to learn."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

import zoo
from zoo.evaluate.side_by_side import side_by_side

CLASSES, ARTISTS, PAIRS = 3, 10, 2
RATE = 22_050


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    """Every artist a timbre of his own, every track a near-identical twin, labels at random."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "twins"
    lines = ["path,label,group"]
    for label in range(CLASSES):
        for artist in range(ARTISTS):
            timbre = rng.uniform(0.05, 1.0, 12) * (rng.random(12) < 0.5)
            pitch = rng.uniform(100, 900)
            for pair in range(PAIRS):
                time = np.arange(RATE) / RATE
                tone = sum(
                    level * np.sin(2 * np.pi * pitch * (1 + 0.01 * pair) * (n + 1) * time)
                    for n, level in enumerate(timbre)
                )
                tone = np.asarray(0.3 * tone / np.abs(tone).max())
                for twin in range(2):
                    name = f"class{label}/artist{artist}_{pair}_{twin}.wav"
                    path = folder / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    noise = 1e-3 * rng.standard_normal(RATE)
                    soundfile.write(path, (1 - 0.1 * twin) * tone + noise, RATE)
                    lines.append(f"{name},class{label},{label} artist {artist}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_random_folds_flatter_and_grouped_folds_do_not(twins):
    data = str(twins)
    for grouped in (True, False):
        run = zoo.train("svm", data, protocol="kfold:5", grouped=grouped)
        assert run.complete
    boards = zoo.leaderboard()
    assert [board.grouped for board in boards] == [True, False]
    assert [len(board.rows) for board in boards] == [1, 1]
    honest, flattering = (board.rows[0] for board in boards)
    assert flattering.accuracy > 0.95
    assert abs(honest.accuracy - 1 / CLASSES) < 0.2
    assert boards[0].audit["share"] == 0.0
    assert boards[1].audit["share"] == 1.0
    (difference,) = side_by_side(boards)
    assert difference.difference == pytest.approx(flattering.accuracy - honest.accuracy)
    assert difference.leakage == 1.0
