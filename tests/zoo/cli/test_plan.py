"""``zoo train --dry-run``: what would be trained, and about how long it takes."""

import re

import pytest

from zoo.training.estimate import Estimate, in_words
from zoo.workspace import models_folder


def test_a_plan_trains_nothing_and_learns_from_earlier_runs(feature_table, command):
    data = feature_table(tracks=20)
    train = ("train", "decision-tree", "knn", "--data", data, "--protocol", "kfold:2")
    status, out, _ = command(*train, "--dry-run")
    assert status == 0
    assert "decision-tree, knn: estimated from a rule" not in out
    assert "decision-tree: estimated from a rule, 0.01 s per track and training" in out
    assert out.endswith("Nothing was trained.\n")
    assert not models_folder().exists()
    assert command(*train[:2], *train[3:])[0] == 0
    before = sorted(models_folder().rglob("*"))
    status, out, _ = command(*train, "--seed", "0", "--seed", "1", "--dry-run")
    assert status == 0
    rows = {line.split("  ")[0].strip(): line for line in out.splitlines() if "kfold" not in line}
    assert "nothing to do" in rows["decision-tree"]
    assert "complete" in rows["decision-tree"]
    assert "new" in rows["decision-tree, seed 1"]
    assert "decision-tree, seed 1: estimated from 1 earlier run of decision-tree on this" in out
    assert "knn, knn, seed 1: estimated from a rule" in out
    assert sorted(models_folder().rglob("*")) == before


def test_a_plan_counts_the_runs_that_it_is_based_on(feature_table, command):
    def train(name: str, tracks: int, *options: str) -> str:
        data = feature_table(tracks=tracks, name=name)
        status, out, err = command(
            "train", "knn", "--data", data, "--protocol", "kfold:2", *options
        )
        assert status == 0, err
        return out

    train("one.csv", 20)
    train("one.csv", 20, "--seed", "1")
    scaled = "scaled by tracks and their length."
    assert f"from 2 earlier runs of knn on other data, {scaled}" in train(
        "two.csv", 30, "--dry-run"
    )
    train("two.csv", 30)
    out = train("two.csv", 30, "--seed", "1", "--dry-run")
    assert "from 1 earlier run of knn on this dataset." in out


def test_longer_recordings_take_longer(tone_folder, command):
    seconds = {}
    for name, length in (("short", 1.0), ("long", 8.0)):
        folder = tone_folder(name, seconds=length)
        train = ("train", "svm", "--data", folder, "--protocol", "kfold:2", "--no-robustness")
        if name == "short":
            assert command(*train)[0] == 0
            train += ("--seed", "1")
        status, out, _ = command(*train, "--dry-run")
        assert status == 0
        assert ("on this dataset" in out) == (name == "short")
        assert ("scaled by tracks and their length" in out) == (name == "long")
        found = re.search(r"All together: ([\d.]+) to ([\d.]+) (s|min)", out)
        seconds[name] = float(found[2]) * (60 if found[3] == "min" else 1)
    assert seconds["long"] > 3 * seconds["short"]


def test_a_plan_looks_for_the_run_that_the_training_would_make(feature_table, command):
    train = ("train", "decision-tree", "--data", feature_table(tracks=20), "--protocol", "kfold:2")
    assert command(*train)[0] == 0
    assert command("tune", *train[1:], "--trials", "1")[0] == 0
    for options, state in (
        (["--nested", "1"], "new"), (["--tuned"], "new"), (["--sizes", "2"], "complete, sizes due")
    ):  # fmt: skip
        status, out, err = command(*train, *options, "--dry-run")
        assert status == 0, err
        assert "nothing to do" not in out
        assert state in out
        assert command(*train, *options)[0] == 0
        status, out, _ = command(*train, *options, "--dry-run")
        assert (status, "nothing to do" in out) == (0, True)


def test_a_plan_counts_changed_tracks(tone_folder, command):
    train = ("train", "decision-tree", "--data", tone_folder(), "--protocol", "kfold:2")
    assert command(*train, "--no-robustness")[0] == 0
    status, out, _ = command(*train, "--robustness", "2", "--dry-run")
    assert (status, "more changed tracks due" in out, "nothing to do" in out) == (0, True, False)


def _plan(command, *train) -> tuple[float, str]:
    """Return the highest number of seconds of a plan, and all that it printed."""
    status, out, err = command(*train, "--dry-run")
    assert status == 0, err
    found = re.search(r"All together: [\d.]+ to ([\d.]+) (s|min|h)", out)
    return float(found[1]) * {"s": 1, "min": 60, "h": 3600}[found[2]], out


_NETWORK = """
from zoo import Card, Handcrafted, hookimpl
card = Card(name="net", title="Net", family="deep", frontend=Handcrafted(), params={"epochs": 60})
@hookimpl
def train(tracks): ...
@hookimpl
def predict(model, tracks): ...
"""
_MORE = {  # options of `zoo train` that change the work, and how it grows at least and at most
    "--nested": (["--nested", "20"], 25, 50),  # 1 + 2 x 21 fits in the place of one
    "--tuner": (["--nested", "20", "--tuner", "hyperband"], 10, 20),
    "--seed": (["--seed", "1", "--seed", "2", "--seed", "3"], 2.5, 3.5),
    "--protocol": (["--protocol", "kfold:4x5"], 5, 12),  # 20 x 3/4 + 1 in the place of 1 + 1
    "--sizes": (["--sizes", "250"], 1.1, 1.5),
    "--set": (["--set", "epochs=600"], 5, 20),
}
_SAME = {  # those that do not, or by the tracks and models that they choose
    "--all", "--data", "--path-column", "--label-column", "--group-column", "--fold-column",
    "--only-class", "--exclude-class", "--limit", "--front-end", "--from", "--keep-classes",
    "--ungrouped", "--tuned", "--robustness", "--no-robustness", "--name",
    "--note", "--dry-run", "--jobs", "--engine", "--scheduler", "--config",
}  # fmt: skip


def test_every_option_of_train_is_known_to_the_plan():
    import typer

    from zoo.cli.app import app

    train = typer.main.get_command(app).commands["train"]
    options = {name for each in train.params for name in each.opts if name.startswith("--")}
    assert options - {"--help"} == _MORE.keys() | _SAME


@pytest.mark.parametrize("option", _MORE)
def test_an_option_that_adds_work_adds_time(option, feature_table, command, tmp_path):
    options, least, most = _MORE[option]
    network = tmp_path / "network.py"
    network.write_text(_NETWORK)
    model = network if option == "--set" else "decision-tree"
    train = ("train", model, "--data", feature_table(tracks=1000))
    if option != "--protocol":
        options = [*options, "--protocol", "kfold:2"]
    seconds, _ = _plan(command, *train, "--protocol", "kfold:2")
    more, _ = _plan(command, *train, *options)
    assert least < more / seconds < most


def test_arrays_that_several_trainings_need_are_counted_once(tone_folder, command):
    train = ("train", "decision-tree", "--data", tone_folder(), "--protocol", "kfold:2")
    _, out = _plan(command, *train, "knn", "--seed", "0", "--seed", "1")
    tracks = [line.split()[-5] for line in out.splitlines() if " new " in line]
    assert tracks[1:] == ["0"] * 3
    assert int(tracks[0]) > 0


@pytest.mark.parametrize(
    "options",
    [
        ["--protocol", "kfold:99"], ["--set", "depth=3"], ["--tuned"], ["--tuned", "--nested", "2"],
        ["--robustness", "5"],
    ],
)  # fmt: skip
def test_a_plan_refuses_what_a_training_refuses(options, feature_table, command):
    data = feature_table(tracks=20)
    for more in ([], ["--dry-run"]):
        status, out, err = command("train", "decision-tree", "--data", data, *options, *more)
        assert (status, out) == (2, "")
        assert err.splitlines()[-1].startswith("zoo: ")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.4, 3.2, "0.4 to 3 s"),
        (12.3, 80, "12 to 80 s"),
        (31, 93, "0.5 to 2 min"),
        (330, 1234, "6 to 21 min"),
        (3600, 90_000, "1 to 25 h"),
    ],
)
def test_a_range_has_few_digits(low, high, words):
    assert in_words([Estimate("a", "new", 2, 3, 0, low, high, "a rule")]) == words
