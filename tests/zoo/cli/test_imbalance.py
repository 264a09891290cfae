"""The note of ``zoo train`` on classes of very different sizes."""

import pytest

WEIGHTS, RANKS = "--set class_weight=balanced", "zoo leaderboard --by balanced-accuracy"


@pytest.fixture
def notes(tmp_path, command):
    """Return a function that trains on a table, and returns what is said of its classes."""

    def noted(*words: str, rare: int = 4, common: int = 20) -> list[str]:
        rows = [
            f"{label}-{number},{number % 7},{number % 5},{label}"
            for label, count in (("common", common), ("rare", rare), ("_other", 40))
            for number in range(count)
        ]
        (tmp_path / "t.csv").write_text("\n".join(["track,f0,f1,label", *rows]))
        status, _, said = command("train", *words, "--data", "t.csv", "--protocol", "kfold:2")
        assert status == 0
        return [line for line in said.splitlines() if RANKS in line]

    return noted


def test_five_times_as_many_tracks_are_told_once_with_the_commands(notes):
    (line,) = notes("logistic", "decision-tree")
    assert line.startswith("common has 20 tracks, rare 4: ")
    assert WEIGHTS in line
    assert notes("logistic", rare=5) == []


def test_models_that_are_weighted_need_no_advice(notes):
    assert notes("logistic", "--set", "class_weight=balanced") == []


def test_a_model_without_the_parameter_is_not_told_to_set_it(notes):
    (line,) = notes("knn")
    assert WEIGHTS not in line
    (line,) = notes("knn", "logistic")
    assert "(of logistic)" in line
