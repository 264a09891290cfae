"""The runs in models/, which come with the zoo: whole, small, and silent about who trained them."""

import importlib.util
import json
import re
import shutil
import sys
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile

from tests import published as collections
from zoo.artefacts.model_card import model_card
from zoo_registry.published import NAMES, find_published, published_folder
from zoo_registry.runs import FILES, Run

FOLDER = published_folder()
MOST, MOST_LIGHT = 12_000_000, 2_000_000  # bytes
# Folders of a machine.
MACHINE = re.compile(r"/(home|root|tmp|work|usr|Users)/|[A-Z]:\\")


@pytest.fixture(params=NAMES)
def run(request) -> Run:
    return find_published(request.param)


def test_it_is_whole_without_its_recordings(run, command):
    assert run.complete
    assert {path.name for path in run.folder.iterdir() if path.is_file()} <= FILES
    assert run.damaged() == []
    status, out, notes = command("runs", "verify", run.id)
    assert status == 0
    assert out == f"{run.id}: files and card verified, not the split and the answers\n"
    title = {"gtzan": "GTZAN (doi:10.1109/TSA", "esc10": "ESC-10 (doi:10.1145/"}
    origin = f"{run.record.dataset.tracks} of {title[run.record.dataset.name]}"
    assert notes.startswith(f"{run.id}: its recordings, {origin}")
    assert notes.endswith(", do not come with the zoo; --data FOLDER compares it with them\n")
    (result,) = json.loads(command("runs", "verify", run.id, "--format", "json")[1])
    assert (result["findings"], "--data" in result["note"]) == ([], True)


def test_its_short_card_is_wrapped_at_words_on_a_terminal(run, command, terminal):
    status, out, _ = command("models", run.id)
    assert status == 0
    assert all(len(line) <= terminal for line in out.splitlines() if " /" not in line)
    notes = " ".join(out.partition("Notes:")[2].split())
    assert "which are of none of its classes, it calls" in notes
    assert all(" ".join(note.split()) in notes for note in run.record.notes)
    file = "recording.wav" if run.id == "esc10" else "song.mp3"
    assert f"zoo predict {run.id} {file} --timeline" in out


def test_recordings_that_are_asked_for_have_to_be_there(command):
    assert command("runs", "verify", "gtzan", "--data", "nowhere")[0] == 1
    # Other recordings of the same name in the folder of the user are not meant by the record.
    Path("data", "gtzan", "dog").mkdir(parents=True)
    assert command("runs", "verify", "gtzan")[0] == 0
    status, out, _ = command("runs", "verify", "gtzan", "--rerun")
    assert status == 1
    assert "do not come with the zoo; --data FOLDER trains it again on them" in out


def test_a_changed_file_is_found_without_the_recordings(run, tmp_path, monkeypatch, command):
    for path in run.folder.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    copy = tmp_path.rename(tmp_path.with_name(run.id))
    monkeypatch.setattr("zoo_registry.published.published_folder", lambda: copy.parent)
    for name in sorted(FILES & {path.name for path in copy.iterdir()}):
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content.replace(b"0.", b"1.", 1))
        assert command("runs", "verify", run.id)[0] == 1, name
        (copy / name).write_bytes(content)
    assert command("runs", "verify", run.id)[0] == 0


def test_it_names_no_place_and_no_name_of_a_machine(run):
    model = onnx.load(run.artefact_path)
    inside = [item.value for item in model.metadata_props] + [model.doc_string]
    texts = [path.read_text() for path in run.folder.iterdir() if path.suffix in (".json", ".md")]
    for text in (*inside, *texts):
        assert not MACHINE.search(text), MACHINE.search(text)
    machine, dataset = run.record.machine, run.record.dataset
    assert re.fullmatch(r"(Linux|Darwin|Windows) \w+", machine.platform)
    assert machine.process is dataset.place is None
    assert dataset.source == f"data/{dataset.name}"


def test_the_card_is_plain(run):
    card = run.card_path.read_text()
    assert card == model_card(run, run.predictions())
    for wanted in (
        "95 % interval", "## What confuses it", "## What it must not be used for", "## Notes",
        "## How well after everyday handling", "## To cite the recordings", "Chosen as the most",
    ):  # fmt: skip
        assert wanted in card
    assert ("## Licence of the weights" in card) == (run.id == "gtzan")
    licence = {"esc10": "CC BY 3.0"}.get(run.id, "none is stated")
    assert run.record.dataset.licence == licence


def test_all_of_them_are_small():
    sizes = {path: path.stat().st_size for name in NAMES for path in (FOLDER / name).iterdir()}
    assert sum(sizes.values()) <= MOST
    assert sizes[FOLDER / "gtzan-light" / "model.onnx"] < MOST_LIGHT


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_it_is_verified_with_its_recordings(name, real_data, command):
    places = load_publish().lay_out(real_data, Path("links"))
    data = places[find_published(name).record.dataset.name]
    status, out, notes = command("runs", "verify", name, "--data", data)
    assert (status, out) == (0, f"{name}: verified\n")
    assert "renamed" not in notes


def test_recordings_that_are_missing_are_named(tmp_path, monkeypatch):
    (tmp_path / "gtzan-mini").mkdir()
    monkeypatch.setenv("ZOO_TEST_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="has no gtzan-pieces and no esc10; set ZOO_TEST_DATA"):
        load_publish().recordings()


def test_what_is_published_names_no_place_and_is_not_trained_twice(workspace, monkeypatch, capsys):
    for part, genre, number in product(
        ("gtzan-mini", "gtzan-pieces"), ("jazz", "metal"), range(0, 100, 16)
    ):  # of several artists
        path = workspace / "recordings" / part / genre / f"{genre}.{number:05d}.wav"
        collections.clip(path, 100 * (genre == "jazz") + number)
    collections.esc(workspace / "recordings" / "esc10")
    monkeypatch.setenv("ZOO_TEST_DATA", str(workspace / "recordings"))
    monkeypatch.setenv("ZOO_MODELS", "models")  # the script sets it, too
    monkeypatch.setattr(sys, "argv", ["publish.py"])
    publish = load_publish()
    kinds = map(publish.Candidate, ("decision-tree", "knn"))
    recipe = publish.Recipe("gtzan", "kfold:2", tuple(kinds), "esc10")
    monkeypatch.setattr(publish, "RECIPES", {"gtzan-light": recipe})
    monkeypatch.setattr(publish, "CHANGED", 2)
    monkeypatch.setattr(publish, "strange", lambda *_: "It is asked about others.")
    monkeypatch.setattr(publish, "ROOT", workspace)
    monkeypatch.setattr(publish, "WORK", workspace / "build")
    found = []
    for _ in range(2):
        publish.main()
        run = Run.read(workspace / "models" / "gtzan-light")
        assert run.damaged() == []
        assert run.record.dataset.collection == "gtzan"
        assert "* Chosen as the most accurate of 2 candidates" in run.card_path.read_text()
        assert not MACHINE.search((run.folder / "run.json").read_text())
        found.append({path.name: path.read_bytes() for path in run.folder.iterdir()})
    assert found[0] == found[1]
    assert capsys.readouterr().out.count("gtzan, kfold:2, 14 tracks") == 2


def load_publish():
    spec = importlib.util.spec_from_file_location("publish", FOLDER / "publish.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["publish"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("file", ["model.onnx", "predictions.csv", "run.json"])
@pytest.mark.parametrize("lost", [True, False], ids=["missing", "cut"])
def test_a_broken_one_is_named_with_what_to_do(file, lost, tmp_path, monkeypatch, command):
    copy = shutil.copytree(FOLDER, tmp_path / "published") / "gtzan"
    monkeypatch.setattr("zoo_registry.published.published_folder", lambda: copy.parent)
    if lost:
        (copy / file).unlink()
    else:
        (copy / file).write_bytes((copy / file).read_bytes()[:900])
    again = "install genre-zoo again"
    status, out, notes = command("models")
    assert status == 0
    assert [line for line in notes.splitlines() if again in line and "gtzan" in line]
    assert "\n gtzan " not in out.split("front end")[0]
    entries = {
        entry["name"]: entry for entry in json.loads(command("models", "--format", "json")[1])
    }
    assert (entries["gtzan"]["status"], again in entries["gtzan"]["reason"]) == ("broken", True)
    assert entries["gtzan-light"]["status"] == "published"
    status, out, notes = command("models", "gtzan")
    assert (status, again in notes, "damaged of" in out) == (1, True, False)
    status, out, _ = command("runs", "verify", "gtzan")
    assert (status, "changed afterwards" in out) == (1, False)
    if file != "predictions.csv":  # they are no part of what is handed over, or asked
        song = tmp_path / "song.wav"
        soundfile.write(song, np.zeros(16000), 16000)
        for words in (["runs", "export", "gtzan", "out"], ["predict", str(song)]):
            status, _, notes = command(*words)
            assert (status, again in notes) == (1, True)
