"""Training from an earlier run: its front end, and its classes beside new ones."""

import hashlib
import json
import shlex
import shutil

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import zoo
from tests.notes import Notes
from zoo.artefacts.artefact import Artefact
from zoo.cli.app import app
from zoo.datasets import open_dataset
from zoo.datasets.embedded import EmbeddedTrack, read_embeddings, to_npz
from zoo.features.embeddings import write_embeddings
from zoo.plugins.registry import find_dataset, open_registry
from zoo.training.verify import verify_run
from zoo.workspace import find_run
from zoo_registry import published
from zoo_registry.errors import RunError, UsageError, ZooError
from zoo_registry.files import make_folder
from zoo_registry.published import find_published
from zoo_registry.runs import EMBEDDINGS, Run

ENCODER = """
from dataclasses import dataclass
from onnx import parser
from zoo import Encoder, FrontEndCard, TrainedOn

@dataclass(frozen=True)
class Levels(Encoder):
    name, version, patch = "levels", 3, 1600
    window: float = 0.5
    step: float = 0.1
    def network(self):
        return parser.parse_model('''<ir_version: 10, opset_import: ["": 18]>
            levels (float[n, 1600] patches) => (float[n, 3] embedding) {
                axis = Constant <value_ints = [1]> ()
                begin = Constant <value_ints = [0]> ()
                before = Constant <value_ints = [1599]> ()
                behind = Constant <value_ints = [1]> ()
                end = Constant <value_ints = [1600]> ()
                size = Abs (patches)
                peak = ReduceMax (patches, axis)
                mean = ReduceMean (size, axis)
                first = Slice (patches, begin, before, axis)
                second = Slice (patches, behind, end, axis)
                change = Sub (second, first)
                steps = Abs (change)
                roughness = ReduceMean (steps, axis)
                embedding = Concat <axis = 1> (peak, mean, roughness) }''')

card = FrontEndCard(
    frontend=Levels(), title="Levels", licence="MIT", notice="of Ann",
    trained_on=TrainedOn(corpus="tones"),
)
"""
PITCHES = {"low": 150, "high": 900, "higher": 2_500, "noise": None}


def sounds(folder, *labels, tracks=6, seconds=1.6):
    """Write tracks of two artists for each class."""
    rng, rate = np.random.default_rng(list(map(len, labels))), 16_000
    rows = ["path,label,group"]
    for label in labels:
        make_folder(folder / label)
        for number in range(tracks):
            pitch, time = PITCHES[label], np.arange(int(seconds * rate)) / rate
            pure = 0.3 * np.sin(2 * np.pi * (pitch or 1) * rng.uniform(0.9, 1.1) * time)
            noise = rng.standard_normal(time.size) * (0.01 if pitch else 0.2)
            soundfile.write(folder / label / f"{number}.wav", pure + noise, rate)
            rows.append(f"{label}/{number}.wav,{label},{label} {number // 2}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return str(folder)


def train(data="theirs", model="logistic", **more):
    return zoo.train(model, data, protocol="kfold:2", jobs=1, **more)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with a run on an encoder in a loose file, and other sounds."""
    place = tmp_path_factory.mktemp("origin")
    sounds(place / "theirs", "low", "high", tracks=12)
    sounds(place / "mine", "higher", "noise")
    (place / "levels.py").write_text(ENCODER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(place / "cache"))
        patch.setenv("ZOO_MODELS", "models")
        patch.chdir(place)
        train(frontend="./levels.py")
    return place


@pytest.fixture
def own(made, workspace):
    """Return the run in this workspace, where the file of its encoder is gone."""
    shutil.copytree(made, workspace, dirs_exist_ok=True)
    (workspace / "levels.py").unlink()
    find_dataset("theirs")  # the user has named it here
    return find_run("logistic")


@pytest.fixture
def shelf(own, workspace, monkeypatch):
    """Return the same run as a published one, whose recordings are gone."""
    write_embeddings(own, open_dataset("theirs"))
    monkeypatch.setattr(published, "published_folder", lambda: workspace / "shelf")
    make_folder(workspace / "shelf")
    own.folder.rename(workspace / "shelf" / "gtzan")
    shutil.rmtree(workspace / "theirs")
    shutil.rmtree(workspace / "cache")
    return find_published("gtzan")


class TestFrontEnd:
    def test_it_is_in_the_file_when_its_plugin_is_gone(self, own):
        found = train("mine", from_run=own.id)
        assert found.complete
        assert found.record.dataset.classes == ["higher", "noise"]
        assert found.record.dataset.kept_from is None
        fields = own.record.frontend.keys() - {"file"}
        assert {k: found.record.frontend[k] for k in fields} == {
            k: own.record.frontend[k] for k in fields
        }
        assert found.record.frontend_plugin.network
        assert found.record.frontend_plugin.notice == "of Ann"
        assert found.record.frontend_plugin.trained_on == {"tones": {}}
        assert verify_run(found, rerun=True) == []

    def test_it_gives_the_same_arrays(self, own, made):
        registry = open_registry()
        audio = np.sin(np.arange(40_000) ** 1.05, dtype=np.float32)
        stored = registry.frontend(str(own.artefact_path)).card.frontend
        plugin = registry.frontend(str(made / "levels.py")).card.frontend
        assert stored(audio).tobytes() == plugin(audio).tobytes()
        assert (stored.hop, stored.reach, stored.shortest, stored.layout) == (
            (plugin.hop, plugin.reach, plugin.shortest, plugin.layout)
        )

    def test_the_graph_is_part_of_its_identity(self, own, made, workspace):
        (workspace / "levels.py").write_text(ENCODER.replace("ReduceMax", "ReduceMin"))
        other = train(frontend="./levels.py", seed=2)
        first, second = (train("mine", from_run=run) for run in (own, other))
        assert first.record.frontend["file"] != second.record.frontend["file"]
        assert first.id != second.id

    def test_an_installed_one_with_its_fields_is_the_same_run(self, own):
        run = train(frontend="handcrafted:window=0.8")
        found = train("mine", from_run=run)
        assert found.id == train("mine", frontend="handcrafted:window=0.8").id
        assert found.record.frontend["window"] == 0.8

    def test_one_that_does_not_suit_the_model_is_refused(self, own):
        with pytest.raises(UsageError, match="cnn2d takes a row per short-time frame"):
            train("mine", "cnn2d", from_run=own)

    def test_a_run_that_the_zoo_did_not_write_is_not_trained_on(self, own, workspace):
        shutil.rmtree(workspace / "cache" / "own-artefacts")
        with pytest.raises(RunError, match="was not written by the zoo on this machine") as raised:
            train("mine", from_run=str(own.folder))
        assert "\n" not in str(raised.value)

    def test_a_damaged_file_is_refused(self, own):
        own.artefact_path.write_bytes(own.artefact_path.read_bytes()[:-1])
        with pytest.raises(RunError, match=r"model\.onnx"):
            train("mine", from_run=own)

    def test_a_table_of_features_has_none(self, own, workspace):
        rows = "\n".join(f"{n},{n % 7},{'ab'[n % 2]}" for n in range(8))
        (workspace / "table.csv").write_text(f"x,y,label\n{rows}\n")
        run = train("table.csv")
        with pytest.raises(UsageError, match="has no front end for recordings"):
            train("mine", from_run=run)
        with pytest.raises(UsageError, match="table"):
            train("table.csv", from_run=own, keep_classes=True)


class TestKeepClasses:
    def test_own_recordings_are_learnt_again(self, own):
        found = train("mine", from_run=own, keep_classes=True)
        info = found.record.dataset
        assert info.name == "mine + theirs"
        assert info.classes == ["high", "higher", "low", "noise"]
        assert info.tracks == 24 + 12
        assert info.kept_from == own.id
        assert find_run(found.id).record.frontend["file"]
        assert verify_run(found, rerun=True) == []
        words = shlex.split(found.record.command)
        assert words[words.index("--from") :][:3] == ["--from", own.id, "--keep-classes"]

    def test_embeddings_stand_for_the_recordings(self, shelf, workspace):
        found = train("mine", from_run="gtzan", keep_classes=True)
        assert found.complete, found.lack
        info = found.record.dataset
        assert info.classes == ["high", "higher", "low", "noise"]
        assert len(info.bandwidth) == info.tracks == 24 + 12
        assert found.record.copies is None
        assert found.record.audit.known == 36
        assert not sum(fold.any for fold in found.record.audit.folds)
        predictions = found.predictions()
        assert len(set(predictions.groups.tolist())) == 12 + 6
        correct = predictions.votes.argmax(axis=1) == predictions.labels
        assert correct.mean() > 0.8
        mine = np.array([not track.startswith("gtzan/") for track in predictions.tracks])
        (row,) = zoo.leaderboard("mine + theirs")[0].rows
        for part, said in zip((mine, ~mine), row.by_origin.split("; "), strict=True):
            right, tracks = correct[part].mean(), part.sum()
            whose = "your 2 classes" if tracks == 12 else "the 2 of gtzan"
            assert said.startswith(f"{whose}: {right:.3f} (")
            assert said.endswith(f"), {tracks} tracks")
        said = CliRunner().invoke(app, ["leaderboard"]).stdout
        assert f"{found.id}, {row.by_origin}." in said
        said = CliRunner().invoke(app, ["runs", "show", found.id]).stdout
        assert f"Y{row.by_origin[1:]}." in said
        assert verify_run(found, rerun=True) == []
        assert train("mine", from_run="gtzan", keep_classes=True).id == found.id

    def test_sounds_of_both_are_told_apart_in_windows(self, shelf, workspace):
        found = train("mine", from_run="gtzan", keep_classes=True)
        new = open_dataset(sounds(workspace / "new", "low", "high", "higher", "noise", tracks=4))
        answers = zoo.predict(found.id, [str(track.path) for track in new.tracks])
        right = [
            answer.label == track.label for answer, track in zip(answers, new.tracks, strict=True)
        ]
        assert np.mean(right) > 0.8
        assert Artefact(found.artefact_path).classes == ("high", "higher", "low", "noise")

    def test_classes_of_one_name_are_one(self, shelf, workspace):
        sounds(workspace / "more", "low", "noise")
        found = train("more", from_run="gtzan", keep_classes=True)
        assert found.record.dataset.classes == ["high", "low", "noise"]
        counts = np.bincount(found.predictions().labels)
        assert counts.tolist() == [12, 12 + 6, 6]

    @pytest.mark.parametrize("is_table", [False, True])
    def test_one_class_can_be_added(self, shelf, workspace, is_table):
        data = sounds(workspace / "alone", "noise")
        if is_table:
            data = str(shutil.move(workspace / "alone" / "metadata.csv", workspace / "alone.csv"))
            text = (workspace / "alone.csv").read_text().replace("\nnoise/", "\nalone/noise/")
            (workspace / "alone.csv").write_text(text)
        found = train(data, from_run="gtzan", keep_classes=True)
        assert found.record.dataset.classes == ["high", "low", "noise"]
        assert verify_run(found) == []
        with pytest.raises(ZooError, match="one class only"):
            train(data, from_run="gtzan")

    def test_a_file_that_both_have_is_there_once(self, shelf, made, workspace):
        shutil.copytree(made / "theirs", workspace / "again")
        sounds(workspace / "again", "noise")
        (workspace / "again" / "metadata.csv").unlink()
        (workspace / "again" / "low" / "0.wav").unlink()
        found = train("again", from_run="gtzan", keep_classes=True)
        assert found.record.dataset.tracks == 24 + 6

    def test_nothing_to_add_is_refused(self, own, workspace):
        shutil.copytree("theirs", workspace / "copied")
        for data, said in (("copied", "has all tracks of"), ("theirs", "has all tracks of")):
            with pytest.raises(UsageError, match=f"{data} {said} {own.id} already"):
                train(data, from_run=own.id, keep_classes=True)
        shutil.rmtree(own.folder)
        train(seed=1)
        with pytest.raises(UsageError, match="every run of logistic has learnt the tracks of"):
            train("theirs", from_run="logistic", keep_classes=True)

    def test_the_name_of_a_model_means_the_same_run_again(self, own, command, capsys):
        keep = {"from_run": "logistic", "keep_classes": True}
        first = train("mine", **keep)
        assert train("mine", **keep).id == first.id
        own_classes = train("mine", from_run=own)
        assert train("mine", **keep).id == first.id != own_classes.id
        assert command(
            "train", "logistic", "--data", "./mine", "--from", "logistic@theirs", "--keep-classes",
            "--protocol", "kfold:2", "--jobs", "1",
        ) == 0  # fmt: skip
        assert f"{first.id} is trained already" in capsys.readouterr().err
        assert command(
            "train", "logistic", "--data", "mine", "--from", "logistic", "--keep-classes",
            "--protocol", "kfold:2", "--jobs", "1",
        ) == 0  # fmt: skip
        assert f"logistic is the run {own.id} (dataset theirs" in capsys.readouterr().err

    def test_recordings_that_changed_are_named(self, own, workspace):
        def refusal():
            with pytest.raises(UsageError, match="is not as it was then") as raised:
                train("mine", from_run=own, keep_classes=True)
            assert "\n" not in str(raised.value)
            return str(raised.value)

        low, high = workspace / "theirs" / "low", workspace / "theirs" / "high"
        kept = (low / "3.wav").read_bytes()
        (low / "3.wav").write_bytes((high / "3.wav").read_bytes())
        assert "not the bytes that were tested: low/3.wav" in refusal()
        (low / "3.wav").write_bytes(kept)
        high.rename(workspace / "theirs" / "higher")
        (workspace / "theirs" / "metadata.csv").unlink()
        assert (
            "missing: high/0.wav, high/1.wav, high/10.wav, high/11.wav, high/2.wav and 7 more"
            in (refusal())
        )

    def test_files_that_the_run_left_out_are_left_out(self, own, workspace):
        (workspace / "theirs" / "low" / "0.wav").write_bytes(b"RIFF no more")
        run = train(seed=1)
        assert len(run.record.skipped) == 1
        found = train("mine", from_run=run, keep_classes=True)
        assert found.record.dataset.tracks == 23 + 12

    def test_refusals_name_both_origins(self, own, workspace):
        (workspace / "other").mkdir()
        for number in range(2, 12):
            shutil.copy(f"theirs/low/{number}.wav", workspace / "other")
        sounds(workspace / "few", "noise")
        (workspace / "few" / "metadata.csv").unlink()
        (workspace / "other").rename(workspace / "few" / "other")
        notes = Notes()
        with pytest.raises(UsageError, match=r"class 'low' of few \+ theirs has 1 group") as raised:
            train("few", from_run=own, keep_classes=True, reporter=notes)
        assert "exclude-class" not in str(raised.value)
        said = f"10 tracks of {own.id} taken from few, with the label there: 'other'"
        assert said in notes.texts

    def test_copies_in_another_format_are_named(self, shelf, made, workspace, command, capsys):
        (workspace / "mine" / "metadata.csv").unlink()
        for number in (3, 5):
            sound, rate = soundfile.read(made / "theirs" / "low" / f"{number}.wav")
            place = workspace / "mine" / "higher" / f"renamed{number}.flac"
            soundfile.write(place, 0.999 * sound, rate)
        notes = Notes()
        found = train("mine", from_run="gtzan", keep_classes=True, reporter=notes)
        assert [tuple(pair) for pair in found.record.dataset.alike] == [
            (f"higher/renamed{number}.flac", f"gtzan/low/{number}.wav") for number in (3, 5)
        ]
        said = "2 recordings of mine may be in gtzan already, by the sound (higher/renamed3.flac "
        assert any(note.startswith(said) for note in notes.texts)
        assert command("leaderboard") == 0
        assert "2 recordings of mine" in capsys.readouterr().out
        assert verify_run(found) == []

    def test_embeddings_of_other_columns_are_refused(self, shelf):
        tracks = read_embeddings(shelf)
        listed = [
            EmbeddedTrack(id=track.id, label=track.label, sha256=track.file_digest)
            for track in tracks
        ]
        content = to_npz(np.zeros((len(listed), 10), np.float32), listed)
        (shelf.folder / EMBEDDINGS).write_bytes(content)
        shelf.record.embeddings = hashlib.sha256(content).hexdigest()
        shelf.write()
        with pytest.raises(RunError, match=f"the {EMBEDDINGS} of gtzan has 10 columns"):
            train("mine", from_run="gtzan", keep_classes=True)

    def test_robustness_is_asked_about_recordings(self, shelf):
        found = train("mine", from_run="gtzan", keep_classes=True, robustness=100)
        assert found.record.robustness.tracks == 12
        assert verify_run(found) == []

    def test_an_interrupted_one_continues(self, shelf, monkeypatch):
        from zoo.training import training

        def stop(task):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(training, "refit", stop)
            with pytest.raises(KeyboardInterrupt):
                train("mine", from_run="gtzan", keep_classes=True)
        (begun,) = (run for run in [find_run("logistic")])
        assert not begun.complete
        notes = Notes()
        found = train("mine", from_run="gtzan", keep_classes=True, reporter=notes)
        assert found.id == begun.id
        assert found.complete

    def test_the_command_repeats_it(self, shelf, command, capsys):
        assert command(
            "train", "logistic", "--data", "mine", "--from", "gtzan", "--keep-classes",
            "--protocol", "kfold:2", "--jobs", "1",
        ) == 0  # fmt: skip
        assert "mine + theirs" in capsys.readouterr().out
        run = find_run("logistic")
        assert command(*shlex.split(run.record.command)[1:], "--jobs", "1") == 0
        assert f"{run.id} is trained already" in capsys.readouterr().err
        assert command("leaderboard", "--format", "json") == 0
        (board,) = json.loads(capsys.readouterr().out)
        assert board["dataset"] == "mine + theirs"
        assert command("report") == 0

    def test_recordings_that_are_gone_are_named(self, own, workspace):
        shutil.rmtree(workspace / "theirs")
        with pytest.raises(UsageError, match="they cannot be had") as raised:
            train("mine", from_run=own, keep_classes=True)
        assert "\n" not in str(raised.value)

    def test_damaged_embeddings_are_refused(self, shelf):
        (shelf.folder / EMBEDDINGS).write_bytes(b"PK")
        with pytest.raises(RunError, match=EMBEDDINGS):
            train("mine", from_run="gtzan", keep_classes=True)

    def test_a_record_that_names_a_folder_opens_none(self, own, workspace):
        found = train("mine", from_run=own, keep_classes=True)
        shutil.copytree(own.folder, workspace / "elsewhere")
        found.record.dataset.kept_from = str(workspace / "elsewhere")
        (finding,) = verify_run(found)
        assert "no command was given here" in finding.detail

    def test_runs_that_keep_each_other_are_one_sentence(self, own):
        found = train("mine", from_run=own, keep_classes=True)
        found.record.dataset.kept_from = found.id
        found.write()
        (finding,) = verify_run(Run.read(found.folder))
        assert "its own tracks" in finding.detail


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--from", "gtzan", "--front-end", "musicnn"], "give one of them"),
        (["--keep-classes"], "name it, as in --from gtzan"),
        (["--from", "nothing"], "there is no run"),
        (["--from", ""], "there is no run"),
    ],
)
def test_contradictions_are_one_sentence(options, said, command, capsys, workspace):
    assert command("-q", "train", "logistic", "--data", "mine", *options) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_run_is_no_string_only(own):
    with pytest.raises(ZooError, match="give one of them"):
        train("mine", from_run=own, frontend="handcrafted")
