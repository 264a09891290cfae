"""Silence does not vote, and recordings that are too short are not answered."""

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile

import zoo
from zoo.cli.app import run as run_command
from zoo.inference.prediction import UNKNOWN
from zoo_registry.errors import AudioError

VOTES = {  # of the model `torn`: a loud second is low, a hushed or silent one high
    "front": ({"low": 1}, 3),
    "behind": ({"low": 1}, 3),
    "middle": ({"low": 2}, 2),
    "half": ({"low": 2}, 2),
    "rest": ({"low": 1}, 3),
    "offset": ({"low": 1}, 3),
    "quiet": ({"high": 2}, None),
    "ticks": ({"high": 3}, 1),
    "0.1 s": ({"low": 1}, None),
}
SILENT = {"zeros": 3, "constant": 3, "dither": 3, "hum": 3, "click": 3, "blip": 3}
SHORT = {"a sample": "0.000", "50 ms": "0.050"}


def test_headline_and_timeline_agree(hearing, odd_songs):
    hearing("torn")
    found = dict(
        zip(odd_songs, zoo.predict("torn", odd_songs.values(), timeline=True), strict=True)
    )
    assert {*VOTES, *SILENT, *SHORT} == set(found)
    for name, (votes, silent) in VOTES.items():
        answer = found[name]
        assert (answer.votes, answer.silent) == (votes, silent), name
        assert answer.windows == sum(votes.values())
        assert answer.label == max(votes)
    for name, silent in SILENT.items():
        answer = found[name]
        assert answer.reason == "silence: almost nothing is above -70 dB of full scale", name
        assert (answer.windows, answer.silent) == (0, silent)
    for name, seconds in SHORT.items():
        answer = found[name]
        assert answer.reason == f"too short: {seconds} s, the model needs 0.093 s"
        assert (answer.windows, answer.silent) == (0, None)
    for name, answer in found.items():
        quiet = [section for section in answer.timeline if section.confidence is None]
        assert {(section.label, section.shown) for section in quiet} <= {
            (UNKNOWN, "too short" if name in SHORT else "silence")
        }
        assert len(quiet) == (answer.silent or 0) + (name in SHORT)
        assert len(answer.timeline) == answer.windows + len(quiet)
        labels = [s.label for s in answer.timeline if s.confidence is not None]
        assert {label: labels.count(label) for label in labels} == answer.votes
        if name not in VOTES:
            assert (answer.label, answer.label_mean, answer.confidence) == (UNKNOWN, None, None)
            assert (answer.votes, answer.probabilities, answer.error) == ({}, {}, None)


def test_neither_silence_nor_what_is_too_short_has_an_embedding(odd_songs):
    found = zoo.embed(odd_songs.values(), frontend="handcrafted", jobs=1)
    reasons = {name: found.failed.get(str(path)) for name, path in odd_songs.items()}
    assert reasons["zeros"] == (
        f"{odd_songs['zeros']} is silence: almost nothing is above -70 dB of full scale"
    )
    for name, seconds in SHORT.items():
        assert f"is too short: {seconds} s, the front end needs 0." in reasons[name]
    assert {name for name, why in reasons.items() if why} <= {*SILENT, *SHORT}
    for array, words in (
        (np.full(9_000, np.nan), "array holds samples that are NaN"),
        (np.zeros(9_000), "array is silence"),
        (np.ones(9), "array is too short: 0.000 s"),
    ):
        with pytest.raises(AudioError, match=f"the first: {words}"):
            zoo.embed(array, rate=22_050, frontend="handcrafted", jobs=1)


def test_a_song_in_silence_is_answered_like_the_song(hearing, odd_songs, tmp_path):
    hearing("torn")
    tone, rate = soundfile.read(odd_songs["behind"])
    soundfile.write(tmp_path / "alone.wav", tone[:rate], rate, subtype="PCM_24")
    alone, front, behind = zoo.predict(
        "torn", [tmp_path / "alone.wav", odd_songs["front"], odd_songs["behind"]]
    )
    for found in (front, behind):
        assert (found.label, found.votes, found.windows) == (alone.label, alone.votes, 1)
        assert found.confidence == pytest.approx(alone.confidence, abs=1e-3)


@pytest.mark.parametrize("form", ["MP3", "VORBIS", "OPUS"])
def test_traces_that_an_encoder_leaves_in_the_silence_before_a_song_are_no_sound(
    hearing, odd_songs, tmp_path, form
):
    hearing("torn")
    samples, rate = soundfile.read(odd_songs["front"])
    kind = {"MP3": ("x.mp3", "MP3", "MPEG_LAYER_III")}.get(form, ("x.ogg", "OGG", form))
    rate = 48_000 if form == "OPUS" else rate
    soundfile.write(tmp_path / kind[0], samples, rate, format=kind[1], subtype=kind[2])
    (found,) = zoo.predict("torn", tmp_path / kind[0])
    assert found.label == "low"
    assert found.silent >= 2


def test_a_long_recording_is_judged_while_it_is_read(hearing, tmp_path):
    """Windows of 0.74 s that overlap; read in several pieces, the second of which is silent."""
    hearing("frames")
    rate = 22_050
    tone = 0.4 * np.sin(2 * np.pi * 300 * np.arange(40 * rate) / rate)
    tone += 0.02 * np.random.default_rng(0).standard_normal(tone.size)
    soundfile.write(tmp_path / "x.flac", np.concatenate([tone, 0 * tone, 0 * tone, tone]), rate)
    soundfile.write(tmp_path / "tone.flac", tone, rate)
    (found,) = zoo.predict("frames", tmp_path / "x.flac", timeline=True)
    (alone,) = zoo.predict("frames", tmp_path / "tone.flac")
    assert found.label == "low"
    assert found.votes.get("high", 0) <= 4  # of windows at the edges, which are partly silent
    assert found.windows + found.silent == len(found.timeline)
    assert found.windows == pytest.approx(2 * alone.windows, abs=4)
    middles = [(s.start + s.end) / 2 for s in found.timeline if s.shown == "silence"]
    assert (min(middles), max(middles)) == (pytest.approx(40, abs=1), pytest.approx(120, abs=1))


class TestForPeople:
    @pytest.fixture
    def command(self, monkeypatch, capsys, hearing, odd_songs):
        run = hearing("torn")

        def call(*arguments: str) -> list[str]:
            monkeypatch.setattr(sys, "argv", ["zoo", "predict", "torn", *arguments])
            assert run_command() == 0
            return capsys.readouterr().out.replace(run.id, "RUN").splitlines()

        return call

    def test_a_table(self, command):
        assert command("rest.wav", "--timeline") == [
            "low  1.000  rest.wav  (low 1; 3 silent windows do not vote; 4.0 s; RUN@tones)",
            "          0:00.0-0:01.0  low  1.000",
            "          0:01.0-0:04.0  silence",
        ]
        assert command("50 ms.wav", "--timeline") == [
            "unknown    50 ms.wav  (too short: 0.050 s, the model needs 0.093 s; RUN@tones)",
            "          0:00.0-0:00.1  too short",
        ]
        assert command("zeros.wav") == [
            "unknown    zeros.wav  (silence: almost nothing is above -70 dB of full scale; 3.0 s; "
            "RUN@tones)"
        ]

    def test_json_and_csv(self, command):
        names = ("rest.wav", "zeros.wav", "50 ms.wav")
        answers = [json.loads(line) for line in command(*names, "--format", "json")]
        assert {answer["path"]: answer.get("silent") for answer in answers} == {
            "rest.wav": 3, "zeros.wav": 3, "50 ms.wav": None,
        }  # fmt: skip
        rows = list(csv.DictReader(io.StringIO("\n".join(command(*names, "--format", "csv")))))
        assert {row["path"]: (row["label"], row["windows"]) for row in rows} == {
            "rest.wav": ("low", "1"), "zeros.wav": (UNKNOWN, "0"), "50 ms.wav": (UNKNOWN, "0"),
        }  # fmt: skip
        lines = command(*names, "--format", "csv", "--timeline")
        rows = list(csv.DictReader(io.StringIO("\n".join(lines))))
        assert [sum(row["path"] == name for row in rows) for name in names] == [4, 3, 1]
        assert [row["reason"].partition(":")[0] for row in rows if row["path"] == "rest.wav"] == [
            "", "silence", "silence", "silence",
        ]  # fmt: skip

    @pytest.mark.parametrize("options", [(), ("--timeline",), ("--format", "csv", "--timeline")])
    def test_an_output_file_is_continued(self, command, options):
        given = ("rest.wav", "zeros.wav", "50 ms.wav", "--output", "out", *options)
        assert command(*given) == []
        whole = Path("out").read_bytes()
        assert command(*given) == []
        assert Path("out").read_bytes() == whole


def test_a_file_from_elsewhere_says_how_much_it_needs_unless_it_is_older(
    hearing, odd_songs, tmp_path
):
    run = hearing("torn")
    proto = onnx.load(run.artefact_path)
    (entry,) = (item for item in proto.metadata_props if item.key == "zoo")
    metadata = json.loads(entry.value)
    for needed, answered in ((metadata.pop("shortest"), False), (22_050, False), (None, True)):
        entry.value = json.dumps(metadata | ({"shortest": needed} if needed else {}))
        onnx.save(proto, tmp_path / "model.onnx")
        (found,) = zoo.predict(tmp_path / "model.onnx", odd_songs["50 ms"])
        assert (found.label == "low") == answered
        assert (found.reason or "").endswith(f"{needed / 22_050:.3f} s" if needed else "")


FRONT_END = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from zoo import Card, hookimpl

@dataclass(frozen=True)
class Levels:
    name: ClassVar[str] = "levels"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "vectors"
    hop: ClassVar[int] = 8_000
    reach: ClassVar[int] = 0
    sample_rate: int = 8_000
    {shortest}

    def __call__(self, audio):
        if len(audio) < 400:
            raise ValueError("that is nothing")
        count = max(1, -(-len(audio) // self.hop))
        return np.float32([[part.std()] for part in np.array_split(audio, count)])

    def graph(self):
        raise NotImplementedError

card = Card(name="level", title="Level", family="test", frontend=Levels())

@hookimpl
def train(tracks, labels):
    return "nothing"

@hookimpl
def predict(model, tracks):
    return [np.where(track > 0.1, [[0.0, 1.0]], [[0.9, 0.1]]) for track in tracks]

@hookimpl
def export(model):
    from zoo import CannotExport
    raise CannotExport("it is shy")

@hookimpl
def save(model, folder):
    (folder / "nothing").touch()
    return True

@hookimpl
def load(folder):
    return "nothing"
"""


@pytest.mark.parametrize("needed", [None, 4_000])
def test_a_model_without_an_onnx_form_and_a_front_end_of_a_stranger(
    needed, tone_folder, odd_songs, tmp_path
):
    """The windows of vectors are known; without a shortest length every sound is given to it."""
    source = FRONT_END.format(shortest=f"shortest: ClassVar[int] = {needed}" if needed else "")
    Path("level.py").write_text(source)
    run = zoo.train("./level.py", str(tone_folder()), protocol="kfold:2", jobs=1)
    assert run.complete, run.record.error
    names = ("front", "zeros", "0.1 s", "50 ms", "a sample")
    front, zeros, tenth, short, sample = zoo.predict("./level.py", [odd_songs[n] for n in names])
    assert (front.label, front.votes, front.silent) == ("low", {"low": 1}, 3)
    assert (zeros.label, zeros.silent) == (UNKNOWN, 3)
    if needed:
        for found in (tenth, short, sample):
            assert found.reason.startswith("too short: 0.")
            assert found.reason.endswith(" s, the model needs 0.500 s")
    else:
        assert (tenth.label, short.label) == ("low", "low")
        assert "made level" in sample.error
        assert "that is nothing" in sample.error
