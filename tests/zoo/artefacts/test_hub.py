"""A run for the Hugging Face Hub: the card as the Hub reads it, and the folder to upload."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo.artefacts.front_matter import front_matter, licence_of_the_file
from zoo.artefacts.hub import for_the_hub
from zoo.artefacts.model_card import model_card
from zoo.evaluate.metrics import confusion, score
from zoo_registry import RunError, UsageError
from zoo_registry.published import NAMES, find_published
from zoo_registry.record import FrontEndInfo

huggingface_hub = pytest.importorskip("huggingface_hub")

FILES = {
    "README.md", "model.onnx", "config.json", "evaluation.json", "predict.py", ".gitattributes",
}  # fmt: skip


def read(text: str):
    """Return the metadata of a card as the Hub's own library reads them, and its text."""
    card = huggingface_hub.ModelCard(text, ignore_metadata_errors=False)
    return card.data, card.text


@pytest.mark.parametrize("name", NAMES)
def test_the_hub_reads_the_card_of_a_published_run(name):
    run = find_published(name)
    data, text = read(run.card_path.read_text(encoding="utf-8"))
    assert text.startswith(f"# {run.record.title} on ")
    assert (data.library_name, data.pipeline_tag) == ("genre-zoo", "audio-classification")
    assert {"onnx", "audio", run.record.model.name} <= set(data.tags)
    # No licence of these files is stated anywhere.
    assert (data.license, data.license_name) == ("other", "see-model-card")
    assert data.base_model == ("musicnn" if name == "gtzan" else None)
    assert data.metrics == ["accuracy", "f1"]
    scores = score(run.predictions())
    assert [(result.metric_type, result.metric_value) for result in data.eval_results] == [
        ("accuracy", round(scores.accuracy, 4)), ("accuracy", round(scores.accuracy_mean, 4)),
        ("f1", round(scores.macro_f1, 4)),
    ]  # fmt: skip
    for result in data.eval_results:
        assert result.task_type == "audio-classification"
        assert result.verified is False
        assert [result.dataset_type] == data.datasets
        assert run.record.protocol.spec in result.dataset_split


def test_odd_names_are_texts(hearing):
    run = hearing("seconds")
    run.record.model.name, run.record.model.family = "no", "null"
    run.record.dataset.name = 'Café: "x" # y\\\n- z\x85\u2028😀'
    data, _ = read(model_card(run, run.predictions()))
    assert {"no", "null"} <= set(data.tags)
    assert data.datasets == ["caf-x-y-z"]
    assert data.eval_results[0].dataset_name.startswith('Café: "x" # y\\')


def test_a_licence_is_never_invented(hearing):
    record = hearing("seconds").record
    record.model.licence, record.dataset.licence = "MIT", None
    assert licence_of_the_file(record) is None
    record.dataset.licence = "CC BY 4.0"
    assert licence_of_the_file(record) is None
    record.model.licence = "CC BY 4.0"
    assert licence_of_the_file(record) == "cc-by-4.0"
    record.frontend_plugin = FrontEndInfo(title="Encoder", weights=True)
    assert licence_of_the_file(record) is None
    record.frontend_plugin.licence = "CC-BY-4.0"
    assert licence_of_the_file(record) == "cc-by-4.0"
    record.model.licence = record.dataset.licence = record.frontend_plugin.licence = "my own"
    assert licence_of_the_file(record) is None


def test_the_folder_holds_all_that_the_hub_and_its_users_need(hearing, torn_song, tmp_path):
    run = hearing("torn")
    folder = tmp_path / "out"
    folder.mkdir()
    files = for_the_hub(run, folder)
    assert {path.name for path in files} == {path.name for path in folder.iterdir()} == FILES
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".zoo-")]
    assert (folder / "model.onnx").read_bytes() == run.artefact_path.read_bytes()
    data, text = read((folder / "README.md").read_text(encoding="utf-8"))
    assert data.model_name == run.id
    assert "python predict.py song.wav" in text
    assert "*.onnx filter=lfs" in (folder / ".gitattributes").read_text()

    config = json.loads((folder / "config.json").read_bytes())
    assert config["id2label"] == dict(zip("01", run.record.dataset.classes, strict=True))
    assert config["label2id"] == {name: int(n) for n, name in config["id2label"].items()}
    assert config["sample_rate"] == config["frontend"]["sample_rate"] == 22_050
    assert config["windows"].keys() == {"hop", "length", "reach"}
    assert config["decision"] == "vote"

    predictions = run.predictions()
    evaluation = json.loads((folder / "evaluation.json").read_bytes())
    assert evaluation["scores"]["accuracy"] == score(predictions).accuracy
    assert evaluation["confusion"] == confusion(predictions).tolist()
    for content in (path.read_bytes() for path in files):
        assert str(tmp_path).encode() not in content
        assert not any(track.encode() in content for track in predictions.tracks)

    moved = folder.rename(tmp_path / "renamed")
    (expected,), (found,) = zoo.predict("torn", [torn_song]), zoo.predict(moved, [torn_song])
    assert (found.label, found.confidence) == (expected.label, expected.confidence)
    done = subprocess.run(
        [sys.executable, moved / "predict.py", torn_song],
        capture_output=True, text=True, check=True, cwd="/", env=os.environ,
    )  # fmt: skip
    assert done.stdout.split()[0] == found.label


def test_nothing_is_replaced_and_nothing_is_left_half(hearing, tmp_path):
    run = hearing("seconds")
    folder = tmp_path / "deep" / "out"
    folder.mkdir(parents=True)
    (folder / "mine").touch()
    with pytest.raises(UsageError, match="is not an empty folder; give another one"):
        for_the_hub(run, folder)
    with pytest.raises(UsageError, match="is not a folder; give another one"):
        for_the_hub(run, folder / "mine")
    run.artefact_path.unlink()
    with pytest.raises((UsageError, RunError, zoo.ZooError)):
        for_the_hub(run, tmp_path / "new")
    assert [path.name for path in folder.rglob("*")] == ["mine"]
    assert not (tmp_path / "new").exists()


def test_a_card_of_an_earlier_version_gets_front_matter_and_an_edited_one_keeps_its_own(
    hearing, tmp_path
):
    run = hearing("seconds")
    run.card_path.write_text(model_card(run, run.predictions(), edition=3), encoding="utf-8")
    for_the_hub(run, tmp_path / "old")
    text = (tmp_path / "old" / "README.md").read_text(encoding="utf-8")
    assert text.startswith(front_matter(run.record, run.predictions()) + "# ")
    run.card_path.write_text("---\nlicense: mit\n---\n# Mine\n", encoding="utf-8")
    for_the_hub(run, tmp_path / "mine")
    data, text = read((tmp_path / "mine" / "README.md").read_text(encoding="utf-8"))
    assert (data.license, text.startswith("# Mine")) == ("mit", True)


def test_an_ensemble_and_a_table(feature_table, tmp_path):
    table = str(feature_table())
    runs = [zoo.train(name, table, protocol="kfold:2") for name in ("logistic", "decision-tree")]
    run = zoo.ensemble(runs)
    files = for_the_hub(run, tmp_path / "out")
    assert {path.name for path in files} == FILES - {"predict.py"}
    config = json.loads((tmp_path / "out" / "config.json").read_bytes())
    assert (config["decision"], config["input"], config["sample_rate"]) == ("mean", "track", None)


def test_the_command(command, capsys):
    assert command("runs", "export", "esc10", "--format", "hf") == 0
    out, notes = capsys.readouterr()
    assert {Path(line).name for line in out.splitlines()} == FILES
    assert all(Path(line).is_file() for line in out.splitlines())
    assert "Next: `hf upload NAME/MODEL esc10-hf`" in notes
    assert command("runs", "export", "esc10", "--format", "hf", "--output", "my words") == 0
    assert Path("my words/config.json").is_file()
    assert "hf upload NAME/MODEL 'my words'" in capsys.readouterr().err
    for words, reason in (
        (["--format", "hf"], "esc10-hf exists and is not an empty folder"),
        (["one", "--output", "two"], "the folder is named twice, one and two"),
        (["one", "--format", "hf", "--force"], "--force does not go with --format hf"),
    ):
        assert command("runs", "export", "esc10", *words) == 2
        assert reason in capsys.readouterr().err
