"""Runs on disk: their record, their identity and their predictions."""

import copy
import csv
import hashlib
import json
import os
import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_registry import Predictions, Run, RunError, RunRecord
from zoo_registry.record import (
    FORMAT,
    ArtefactInfo,
    AuditInfo,
    DatasetInfo,
    FoldRecord,
    FrontEndInfo,
    ImportanceInfo,
    MachineInfo,
    MemberInfo,
    ModelInfo,
    ProtocolInfo,
    RobustnessInfo,
    SizeInfo,
    SizesInfo,
    SkippedTrack,
    TuningInfo,
)
from zoo_registry.runs import PREDICTIONS, RECORD
from zoo_registry.text import canonical_json, digest

# Commas, quotes, line ends of every system, what looks like our own columns, other scripts.
NASTY = [
    "a,b", 'say "hi"', '"', "two\nlines", "two\r\nlines", "cr\rhere", "\r", "\n", " padded ", "",
    "votes:a", "probability:a", "track", "label", "=1+1", "#", "\\", "'", "\t", "né", "音楽", "🎵",
    "\u2028", "\x85", "\x1c", "\ufeffbom", "e\u0301", "0", "NaN",
]  # fmt: skip
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(NASTY)


def make(classes, tracks, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    shape = len(tracks), len(classes)
    raw = rng.exponential(size=shape) * 10.0 ** rng.integers(-12, 1, shape)
    return Predictions(
        tuple(classes),
        tuple(tracks),
        rng.integers(0, len(classes), len(tracks)),
        rng.integers(0, 10, len(tracks)),
        tuple(f"{number:016x}" for number in rng.integers(0, 2**63, len(tracks))),
        rng.integers(0, 1000, len(tracks)),
        rng.integers(0, 100, shape),
        raw / raw.sum(axis=1, keepdims=True),
    )


def outcome(text: str) -> Predictions | str:
    """Return what is read, or the message of the error."""
    try:
        return Predictions.from_csv(text, "here")
    except RunError as error:
        return str(error)


def assert_same(one: Predictions, other: Predictions) -> None:
    assert (one.classes, one.tracks) == (other.classes, other.tracks)
    assert one.digests == other.digests
    for field in ("labels", "folds", "groups", "votes"):
        got = getattr(one, field)
        assert got.dtype == np.int64
        np.testing.assert_array_equal(got, getattr(other, field))
    np.testing.assert_allclose(one.probabilities, other.probabilities, rtol=1e-8, atol=0)


class TestPredictions:
    @given(
        st.lists(NAMES, min_size=1, max_size=5, unique=True),
        st.lists(NAMES, min_size=1, max_size=8),
        st.integers(0, 99),
    )
    def test_csv_round_trip(self, classes, tracks, seed):
        predictions = make(classes, tracks, seed)
        text = predictions.to_csv()
        assert_same(Predictions.from_csv(text, "here"), predictions)
        assert Predictions.from_csv(text, "here").to_csv() == text

    @pytest.mark.parametrize("name", NASTY, ids=ascii)
    def test_round_trip_through_a_file(self, tmp_path, name):
        predictions = make(sorted({name, "other"}), [name, "other"])
        run = Run(tmp_path / "run", record())
        path = run.predictions_path
        path.parent.mkdir()
        path.write_text(predictions.to_csv(), encoding="utf-8", newline="")
        assert_same(run.predictions(), predictions)

    def test_columns_are_what_the_documentation_says(self):
        predictions = Predictions(
            ("a", "b"), ("x.wav",), np.array([1]), np.array([4]), ("0e1",), np.array([7]),
            np.array([[2, 1]]), np.array([[0.123456789123, 0.876543210877]]),
        )  # fmt: skip
        (row,) = csv.DictReader(predictions.to_csv().splitlines())
        assert row == {
            "track": "x.wav", "label": "b", "fold": "4", "sha256": "0e1", "group": "7",
            "votes:a": "2", "votes:b": "1",
            "probability:a": "0.123456789", "probability:b": "0.876543211",
        }  # fmt: skip

    @given(st.text() | st.sampled_from([make("ab", "xyz").to_csv()]), st.data())
    def test_no_damage_is_an_error_of_another_kind(self, text, data):
        if text:
            place = data.draw(st.integers(0, len(text) - 1))
            text = text[:place] + data.draw(st.sampled_from(['"', "\r", "\0", "", "x", ",", "-"]))
            text += data.draw(st.sampled_from(["", "\n", ",1,2\n", "x" * 140_000]))
        found = outcome(text)
        assert found.startswith("here ") if isinstance(found, str) else len(found) > 0

    @given(st.data())
    def test_what_is_cut_off_is_noticed_or_only_shortens_the_last_number(self, data):
        text = make("abc", ["x", "y"], 3).to_csv()
        kept = text[: data.draw(st.integers(0, len(text) - 2))]
        last = kept.rsplit("\n", 1)[-1]
        commas = text[: text.index("\n")].count(",")
        if kept.count("\n") < 2 - bool(last) or (len(last) > 0 and last.count(",") < commas):
            with pytest.raises(RunError, match=r"^here "):
                Predictions.from_csv(kept, "here")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (",0,f0,", ",zero,f0,"), (",f0,0,", ",f0,zero,"), (",a,", ",c,"), (",a,", ",,"),
            (",a,", f",{'c' * 9_000},"),
            ("0.25", "much"), (",3,1,", ",3.5,1,"), (",3,1,", ",9999999999999999999999,1,"),
            ("0.25", ""), ("0.25", "nan"), ("0.25", "inf"), (",3,1,", ",-3,1,"),
            ("0.25", "5"), ("0.25", "-1"), ("0.25", "1e308"), (",0,f0,", ",-1,f0,"),
            (",f0,0,", ",f0,-1,"), (",3,1,", ",9000000000000000000,1,"),
        ],
    )  # fmt: skip
    def test_damaged_values(self, old, new):
        good = Predictions(
            ("a", "b"), ("x",), np.array([0]), np.array([0]), ("f0",), np.array([0]),
            np.array([[3, 1]]), np.array([[0.25, 0.75]]),
        ).to_csv()  # fmt: skip
        assert good.count(old) == 1
        with pytest.raises(RunError, match="here is damaged") as caught:
            Predictions.from_csv(good.replace(old, new), "here")
        assert len(str(caught.value)) < 1_000

    def test_concatenate(self):
        parts = [make("ab", "xy", 1), make("ab", "z", 2)]
        joined = Predictions.concatenate(parts)
        assert len(joined) == 3
        assert joined.tracks == ("x", "y", "z")
        assert joined.digests == parts[0].digests + parts[1].digests
        for field in ("labels", "folds", "groups", "votes", "probabilities"):
            both = np.concatenate([getattr(part, field) for part in parts])
            np.testing.assert_array_equal(getattr(joined, field), both)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def shuffled(value, seed: int):
    """Return an equal value whose mappings were filled in another order."""
    if isinstance(value, dict):
        keys = list(value)
        random.Random(seed).shuffle(keys)
        return {key: shuffled(value[key], seed) for key in keys}
    return [shuffled(item, seed) for item in value] if isinstance(value, list) else value


class TestDigest:
    @given(JSON, st.integers())
    def test_order_of_keys_does_not_count(self, value, seed):
        assert digest(value) == digest(shuffled(value, seed))
        assert digest(value) == digest(json.loads(json.dumps(value)))

    @given(JSON)
    def test_canonical_text_is_json_and_what_is_hashed(self, value):
        text = canonical_json(value)
        assert json.loads(text) == value
        assert digest(value) == hashlib.sha256(text.encode()).hexdigest()

    @given(JSON, JSON)
    def test_different_values_differ(self, one, other):
        same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
        assert (digest(one) == digest(other)) is same

    def test_is_the_same_for_ever(self):
        expected = "d764fee2563da33e3d57334755404e635da33c995824b0adfabc4b6e1af4f608"
        assert digest({"b": [1, 2.5, None], "a": "é"}) == expected


def model(**changes) -> ModelInfo:
    given = {
        "name": "svm", "title": "SVM", "family": "classical", "distribution": "genre-zoo",
        "version": "1",
    }  # fmt: skip
    return ModelInfo(**(given | changes))


def dataset(**changes) -> DatasetInfo:
    given = {
        "name": "né", "source": "né", "fingerprint": "f" * 64, "classes": ["a", "b"], "tracks": 9,
    }  # fmt: skip
    return DatasetInfo(**(given | changes))


def fold(**changes) -> FoldRecord:
    given = {"fold": 0, "train_tracks": 7, "test_tracks": 2, "error": None}
    return FoldRecord(**(given | changes))


def record(**changes) -> RunRecord:
    given = {
        "model": model(),
        "params": {"C": 5.0, "gamma": "scale"},
        "frontend": {"name": "handcrafted", "version": 1, "window": 30.0},
        "dataset": dataset(),
        "protocol": ProtocolInfo(spec="kfold:5", grouped=True),
        "seed": 0,
        "versions": {"numpy": "2.0"},
    }  # fmt: skip
    return RunRecord(**(given | changes))


COUNT = [
    {"params": {"C": 6.0, "gamma": "scale"}},
    {"frontend": {"name": "handcrafted", "version": 2, "window": 30.0}},
    {"protocol": ProtocolInfo(spec="kfold:10", grouped=True)},
    {"protocol": ProtocolInfo(spec="kfold:5", grouped=False)},
    {"seed": 1},
    {"versions": {"numpy": "2.1"}},
    {"model": model(name="cnn")},
    {"model": model(version="2")},
    {"model": model(distribution=None)},
    {"dataset": dataset(fingerprint="e" * 64)},
    {"tuned": TuningInfo(tuning="svm-1", trials=3, seen=["a"])},
    {"copies": 1},
    {"components": 64},
    {"members": [MemberInfo(run="svm-1", command="", predictions="0" * 64, weight=1, folds=[])]},
    {"frontend_plugin": FrontEndInfo(title="Rows", spec="rows")},
    {"frontend_plugin": FrontEndInfo(title="Rows", spec="rows", version="2")},
]
COUNT_NOT = [
    {"status": "complete"},
    {"error": "x"},
    {"extraction": {"tracks": 9}},
    {"skipped": [SkippedTrack(track="a", reason="b")]},
    {"folds": [fold()]},
    {"artefact": ArtefactInfo(bytes=1)},
    {"machine": MachineInfo(python="3")},
    {"extensions": {"timing": {}}},
    {"started": "now"},
    {"finished": "then"},
    {"notes": ["chosen from five"]},
    {"split": "0" * 64},
    {"audit": AuditInfo(folds=[], conflicts=[], known=0)},
    {"predictions": "0" * 64},
    {"beta": 1.5},
    {"robustness": RobustnessInfo(tracks=100, changes={"8-khz": 1})},
    {"embeddings": "0" * 64},
    {"windows": "0" * 64},
    {"importance": ImportanceInfo(families={"tempo": 1})},
    {"sizes": SizesInfo(sizes=[SizeInfo(size=5, split="0" * 64)])},
    {"format": 0},
    {"frontend_plugin": FrontEndInfo(title="Hand-crafted features")},
    {"model": model(title="Other")},
    {"model": model(file="/elsewhere/svm.py")},
    {"dataset": dataset(name="moved", source="/elsewhere")},
]


class TestIdentity:
    def test_equal_commands_give_equal_ids(self):
        assert record().id == record().id
        assert record().id.startswith("svm-")
        assert len(record().id) == len("svm-") + 10

    def test_every_field_is_tried(self):
        tried = {name for changes in (*COUNT, *COUNT_NOT) for name in changes}
        assert tried == set(RunRecord.__struct_fields__)

    @pytest.mark.parametrize("changes", COUNT, ids=str)
    def test_everything_that_bears_on_the_result_counts(self, changes):
        assert record(**changes).id != record().id

    @pytest.mark.parametrize("changes", COUNT_NOT, ids=str)
    def test_how_it_went_and_where_it_lies_does_not(self, changes):
        assert record(**changes).id == record().id


class TestRun:
    def test_round_trip(self, tmp_path):
        run = Run(
            tmp_path / "deep" / record().id, record(skipped=[SkippedTrack(track="é", reason='"')])
        )
        run.write()
        again = Run.read(run.folder)
        assert again.record == run.record
        assert again.id == run.folder.name
        assert not again.complete
        assert [path.name for path in run.folder.iterdir()] == [RECORD]

    def test_complete(self, tmp_path):
        none = ArtefactInfo(error="it is shy", impossible=True)
        assert Run(tmp_path, record(status="complete", artefact=none)).complete
        assert not Run(tmp_path, record(status="complete")).complete
        assert not Run(tmp_path, record(status="failed")).complete

    def test_files_of_a_run(self, tmp_path):
        run = Run(tmp_path, record())
        assert run.predictions_path == tmp_path / "predictions.csv"
        assert run.artefact_path == tmp_path / "model.onnx"
        assert run.card_path == tmp_path / "README.md"
        assert run.fold_path(3) == tmp_path / "folds" / "3.csv"

    def test_unknown_fields_of_the_same_format_are_ignored(self, tmp_path):
        write(tmp_path, record().to_dict() | {"mood": "good"})
        assert Run.read(tmp_path).record == record()

    def test_no_run(self, tmp_path):
        with pytest.raises(RunError, match="holds no run"):
            Run.read(tmp_path)

    def test_newer_format(self, tmp_path):
        write(tmp_path, {"format": FORMAT + 1})
        with pytest.raises(RunError, match="newer genre-zoo; update"):
            Run.read(tmp_path)

    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"null", b"[]", b"7", b'"text"', b"{}", b"\xff\xfe", b"\0" * 100],
        ids=repr,
    )
    def test_no_record(self, tmp_path, content):
        (tmp_path / RECORD).write_bytes(content)
        with pytest.raises(RunError, match=r"run\.json"):
            Run.read(tmp_path)

    @given(st.data())
    def test_every_cut_is_noticed(self, tmp_path_factory, data):
        folder = tmp_path_factory.mktemp("cut")
        Run(folder, record()).write()
        whole = (folder / RECORD).read_bytes()
        (folder / RECORD).write_bytes(whole[: data.draw(st.integers(0, len(whole) - 3))])
        with pytest.raises(RunError):
            Run.read(folder)

    @pytest.mark.parametrize(
        "path",
        [
            ("model",), ("params",), ("frontend",), ("dataset",), ("protocol",), ("seed",),
            ("versions",), ("status",), ("skipped",), ("folds",), ("artefact",),
            ("extraction",), ("extensions",),
            ("model", "name"), ("model", "title"), ("model", "family"),
            ("dataset", "name"), ("dataset", "source"), ("dataset", "fingerprint"),
            ("dataset", "classes"), ("dataset", "tracks"),
            ("protocol", "spec"), ("protocol", "grouped"),
            ("folds", 0), ("skipped", 0),
        ],
        ids=str,
    )  # fmt: skip
    @pytest.mark.parametrize("value", [None, 3.5], ids=repr)
    def test_values_of_the_wrong_kind(self, tmp_path, path, value):
        full = record(folds=[fold()], skipped=[SkippedTrack(track="a", reason="b")])
        data = copy.deepcopy(full.to_dict())
        inner = data
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        write(tmp_path, data)
        with pytest.raises(RunError, match=f"run.json is damaged: '{path[0]}"):
            Run.read(tmp_path)

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"seed": 2**32}, "'seed': Expected `int` <= 4294967295"),
            ({"status": "done"}, "'status': Invalid enum value 'done'"),
            ({"frontend": {"version": 1}}, "'frontend.name' is missing or no text"),
            ({"versions": {"numpy": 2}}, "'versions[...]': Expected `str`, got `int`"),
            ({"extraction": {"tracks": 1e30}}, "'extraction[...]': Expected `float` <"),
            ({"tuned": {"trials": 1}}, "'tuned.seen' is missing"),
            ({"artefact": {"sha256": "0"}}, "'artefact': the description of the file is not comp"),
            (
                {"folds": [{**fold(), "train_seconds": 1.0}]},
                "'folds[0]': one of train_seconds and predict_seconds is missing",
            ),
            (
                {"folds": [{**fold(), "train_seconds": float("nan"), "predict_seconds": 1.0}]},
                "'folds[0].train_seconds': Expected `float` >= 0.0",
            ),
        ],
        ids=str,
    )
    def test_damage_is_named_in_one_sentence(self, tmp_path, changes, sentence):
        write(tmp_path, record().to_dict() | changes)
        with pytest.raises(RunError) as caught:
            Run.read(tmp_path)
        assert str(caught.value).startswith(f"{tmp_path / RECORD} is damaged: {sentence}")
        assert "\n" not in str(caught.value)

    def test_names_that_are_not_utf8_and_figures_that_are_no_numbers(self, tmp_path):
        curve = [{"fraction": 0.5, "loss": float("nan")}, {"fraction": 1.0, "loss": float("inf")}]
        skipped = [SkippedTrack(track="\udcff.wav", reason="no sound")]
        Run(tmp_path, record(skipped=skipped, folds=[fold(curve=curve)])).write()
        read = Run.read(tmp_path).record
        assert read.skipped == skipped
        assert repr(read.folds[0].curve) == repr(curve)

    def test_what_extensions_keep_may_be_numbers_of_numpy(self, tmp_path):
        kept = {"a": np.float64(0.5), "b": (1, "x"), "c": {1: None}}
        Run(tmp_path, record(extensions={"mine": kept})).write()
        assert Run.read(tmp_path).record.extensions["mine"] == {
            "a": 0.5, "b": [1, "x"], "c": {"1": None},
        }  # fmt: skip

    def test_absent_fields_stay_absent(self, tmp_path):
        folds = [fold(), fold(fold=1, params={}, train_seconds=1.0, predict_seconds=0.5)]
        Run(tmp_path, record(folds=folds, artefact=ArtefactInfo(error="no form"))).write()
        data = json.loads((tmp_path / RECORD).read_text())
        assert data["folds"] == [
            {"fold": 0, "train_tracks": 7, "test_tracks": 2, "error": None},
            {
                "fold": 1, "train_tracks": 7, "test_tracks": 2, "error": None, "params": {},
                "train_seconds": 1.0, "predict_seconds": 0.5,
            },
        ]  # fmt: skip
        assert data["artefact"] == {"error": "no form"}
        assert data["tuned"] is data["audit"] is data["model"]["file"] is None

    def test_fields_can_be_looked_up_as_in_a_dictionary(self):
        info = ArtefactInfo(error="no form")
        assert info["error"] == info.get("error") == "no form"
        assert "sha256" not in info
        assert info.get("sha256", "none") == "none"
        assert dict(info) == {**info} == {"error": "no form"}
        assert list(info) == list(info.keys()) == ["error"]
        with pytest.raises(KeyError, match="sha256"):
            info["sha256"]

    @pytest.mark.parametrize(
        ("changes", "has_artefact", "takes_audio"),
        [
            ({}, False, True),
            ({"artefact": ArtefactInfo(error="no form")}, False, True),
            ({"artefact": ArtefactInfo(sha256="0", file="model.onnx", bytes=1, parity=0.0,
                                       parity_tracks=1, same_winner=1)}, True, True),
            ({"frontend": {"name": "table", "version": 1}}, False, False),
        ],
    )  # fmt: skip
    def test_conditions_have_names(self, changes, has_artefact, takes_audio):
        run = Run(Path(), record(**changes))
        assert (run.has_artefact, run.takes_audio) == (has_artefact, takes_audio)

    @pytest.mark.parametrize("content", [None, b"", b"track,label\n", b"\xff\xff"], ids=repr)
    def test_predictions_missing_or_damaged(self, tmp_path, content):
        if content is not None:
            (tmp_path / PREDICTIONS).write_bytes(content)
        with pytest.raises(RunError, match=r"predictions\.csv"):
            Run(tmp_path, record()).predictions()


class TestFormerRuns:
    """A run that was written before records were typed."""

    def test_is_read_as_it_was(self):
        run = Run.read(FORMER)
        assert run.id == run.record.id == FORMER.name
        assert run.complete
        assert run.has_artefact
        assert run.takes_audio
        assert run.record.model.title == "Decision tree"
        assert run.record.audit is not None
        assert [entry.is_trained for entry in run.record.folds] == [True] * 5
        predictions = run.predictions()
        assert len(predictions) == 10  # every twentieth row is kept here
        digest = hashlib.sha256(run.predictions_path.read_bytes()).hexdigest()
        assert digest == run.record.predictions
        assert predictions.classes == tuple(run.record.dataset.classes)

    def test_is_written_as_it_was(self, tmp_path):
        Run(tmp_path, Run.read(FORMER).record).write()
        assert (tmp_path / RECORD).read_bytes() == (FORMER / RECORD).read_bytes()


FORMER = Path(__file__).with_name("former") / "decision-tree-bf9fb483cb"


def write(folder: Path, data: dict) -> None:
    (folder / RECORD).write_text(json.dumps(data), encoding="utf-8")


class TestForeignRecords:
    """A record may come from anywhere: what is no value of its field is damage, and named."""

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            ("folds.0.fold", -1), ("folds.0.fold", 2**70), ("folds.0.fold", "0"),
            ("folds.0.train_seconds", -1.0), ("folds.0.train_seconds", float("nan")),
            ("folds.0.train_seconds", 1e308), ("folds.0.train_seconds", "5"),
            ("folds.0.train_tracks", -1), ("folds.0.curve", [{"loss": "low"}]),
            ("artefact.file", "../../x.onnx"), ("artefact.file", "/etc/passwd"),
            ("artefact.bytes", 2**64), ("seed", -1), ("finished", "zzz"), ("started", "tomorrow"),
            ("dataset.source", "a\0b"), ("model.file", "\0.py"),
        ],
    )  # fmt: skip
    def test_the_field_is_named(self, tmp_path, place, value):
        run = Run(tmp_path, record())
        run.record.folds = [
            FoldRecord(fold=0, train_tracks=1, test_tracks=1, error=None,
                       train_seconds=1.0, predict_seconds=1.0)
        ]  # fmt: skip
        run.write()
        Run.read(tmp_path)
        data = json.loads((tmp_path / RECORD).read_text())
        *path, last = place.split(".")
        inner = data
        for name in path:
            inner = inner[int(name) if isinstance(inner, list) else name]
        inner[last] = value
        (tmp_path / RECORD).write_text(json.dumps(data))
        field = place.replace(".0.", "[0].")
        with pytest.raises(RunError, match=rf"run\.json is damaged: '{re.escape(field)}") as caught:
            Run.read(tmp_path)
        assert "\n" not in str(caught.value)

    def test_no_fold_is_trained_on_nothing(self):
        with pytest.raises(ValueError, match="without a track"):
            FoldRecord(fold=0, train_tracks=0, test_tracks=1, error=None,
                       train_seconds=1.0, predict_seconds=1.0)  # fmt: skip

    @pytest.mark.parametrize("name", [RECORD, PREDICTIONS])
    def test_a_pipe_is_not_waited_for_and_a_link_not_followed_out_of_the_run(self, tmp_path, name):
        folder, outside = tmp_path / "run", tmp_path / "outside"
        run = Run(folder, record())
        run.write()
        run.predictions_path.write_text(make("ab", "xy").to_csv(), newline="")
        (folder / name).rename(outside)
        for target in (outside, Path("/dev/zero")):
            (folder / name).symlink_to(target)
            with pytest.raises(RunError, match="a link that leaves its folder"):
                Run.read(folder).predictions()
            (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(RunError, match="it is not a file"):
            Run.read(folder).predictions()
        (folder / name).unlink()
        with (folder / name).open("wb") as file:
            file.truncate(2**40)
        with pytest.raises(RunError, match="it is larger than"):
            Run.read(folder).predictions()
        outside.rename(folder / "kept")
        (folder / name).unlink()
        (folder / name).symlink_to("kept")
        linked = tmp_path / "linked"
        linked.symlink_to(folder)
        assert len(Run.read(linked).predictions()) == 2
