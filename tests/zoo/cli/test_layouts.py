"""Commands on data as it lies: the tree of ``zoo data info``, and options that name columns."""

import json


def test_the_tree_of_parts(tone_folder, command):
    folder = tone_folder("sounds", tracks=3, seconds=0.3)
    for part in ("train", "test"):
        for label in ("high", "low"):
            (folder / part / label).mkdir(parents=True)
    for path in folder.glob("*/*.wav"):
        path.rename(
            folder / ("test" if "02" in path.name else "train") / path.parent.name / path.name
        )
    status, out, err = command("data", "info", "sounds")
    said = "classes: high, low; train/test taken as the published split"
    assert (status, err.splitlines()) == (
        0,
        [said, "Skipped 2 folders: 2 class folders without audio files (high/, low/)."],
    )
    assert f"understood  {said}\n" in out
    assert (
        "sounds: 6 tracks\n├── high: 3 tracks, 3 groups\n│   └── parts: train (2), test (1)" in out
    )
    status, out, _ = command("data", "info", "sounds", "--format", "json")
    assert json.loads(out)["understood"] == said
    assert json.loads(out)["parts"] == ["train", "test"]


def test_a_run_on_named_columns(tone_folder, workspace, command):
    folder = tone_folder("tones", tracks=4, seconds=0.3)
    rows = [
        f"{path.relative_to(folder)},x,{path.parent.name},{path.stem[-1]}"
        for path in sorted(folder.rglob("*.wav"))
    ]
    (folder / "list.csv").write_text("\n".join(["clip,genre,pitch,player", *rows]))
    status, _, err = command("train", "logistic", "--data", "tones/list.csv")
    assert (status, "holds one class only, 'x'" in err) == (2, True)
    columns = ("--label-column", "pitch", "--group-column", "player", "--no-robustness")
    options = ("--data", "tones/list.csv", "--protocol", "kfold:2", "--jobs", "1")
    status, out, err = command("train", "logistic", *options, *columns)
    assert status == 0
    assert "list, labels by pitch, groups by player, kfold:2, 8 tracks" in out
    assert "label in pitch, group in player; not used: genre" in err
    (record,) = workspace.glob("models/*/*/*/run.json")
    assert json.loads(record.read_text())["dataset"]["reading"] == {
        "label": "pitch", "group": "player",
    }  # fmt: skip
    assert command("runs", "verify")[0] == 0
    status, _, err = command("data", "info", "demo", "--label-column", "x")
    assert (status, "demo is not a table" in err) == (2, True)
