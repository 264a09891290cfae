"""Artefacts on one front end, asked together."""

import json

import numpy as np
import pytest

import zoo
from zoo.artefacts.session import LocalSession
from zoo.artefacts.shared_session import SharedFrontEnds
from zoo.inference.predictors import models_before, open_models
from zoo.web.served_models import ServedModels


@pytest.fixture
def computed(monkeypatch):
    """The shapes of the waveforms of which a shared front end was computed."""
    shapes, raw = [], LocalSession.raw

    def counted(self, wanted, given):
        if wanted == ["track"]:
            shapes.append(given["waveform"].shape)
        return raw(self, wanted, given)

    monkeypatch.setattr(LocalSession, "raw", counted)
    return shapes


def assert_same(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        assert (one.path, one.run, one.label, one.votes) == (
            other.path,
            other.run,
            other.label,
            other.votes,
        )
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


class TestPredict:
    def test_answers_are_the_same_and_the_front_end_runs_once(self, hearing, in_seconds, computed):
        names = [hearing(name).id for name in ("seconds", "knowing-seconds")]
        songs = [in_seconds(0.1, 0.4, 0.2), in_seconds(0.4, 0.4, name="other.wav")]
        alone = [list(zoo.predict(name, songs, timeline=True)) for name in names]
        assert computed == []
        together = list(zoo.predict(names, songs, timeline=True))
        assert len(computed) == len(songs)
        wanted = [one for of_song in zip(*alone, strict=True) for one in of_song]
        assert_same(together, wanted)

    def test_other_front_ends_are_not_shared(self, hearing, in_seconds, computed):
        names = [hearing(name).id for name in ("seconds", "frames")]
        found = list(zoo.predict(names, in_seconds(0.1, 0.4)))
        assert len(computed) == 2
        assert_same(found, [zoo.predict(name, in_seconds(0.1, 0.4)) for name in names])

    def test_a_file_from_elsewhere_keeps_its_limits(self, hearing, monkeypatch):
        run = hearing()
        monkeypatch.setattr("zoo.artefacts.artefact.is_own", lambda _: False)
        first, second = open_models([run.id, run.id])
        assert first._session is not second._session
        assert type(first._session).__name__ == "IsolatedSession"

    def test_the_server_shares_as_well(self, hearing, computed, shelf):
        hearing("seconds"), hearing("knowing-seconds")
        served = ServedModels()
        for model in served.all():
            served.open(model).run(np.ones(22_050, np.float32) * 0.1)
        assert len(computed) == 1


def test_arrays_of_pieces_that_came_first_are_dropped(hearing, computed, monkeypatch):
    monkeypatch.setattr("zoo.artefacts.shared_session._HELD", 1)
    run = hearing()
    session = SharedFrontEnds().session(run.artefact_path.read_bytes(), 1)
    one, other = (np.full((1, 22_050), value, np.float32) for value in (0.1, 0.2))
    for waveform in (one, one, other, one):
        session.run(waveform)
    assert len(computed) == 3


class TestCommand:
    def test_several_models_are_named_before_the_recordings(
        self, hearing, in_seconds, command, capsys
    ):
        runs = [hearing(name).id for name in ("seconds", "knowing-seconds")]
        song = str(in_seconds(0.1, 0.4))
        assert command("predict", "seconds", runs[1], song) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.partition(": ")[0] for line in lines] == runs
        assert command("predict", "seconds", runs[1], song, "--format", "json") == 0
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(each["path"], each["run"]) for each in found] == [(song, run) for run in runs]

    def test_output_is_of_one_model(self, hearing, in_seconds, command, capsys):
        hearing(), hearing("knowing-seconds")
        song = str(in_seconds(0.1, 0.4))
        several = ("seconds", "knowing-seconds", song)
        assert command("predict", *several, "--output", "a.jsonl") == 2
        assert "the answers of one model" in capsys.readouterr().err

    def test_what_is_a_model(self, hearing, workspace):
        run = hearing()
        (workspace / "songs").mkdir()
        (workspace / "seconds").mkdir()
        artefact = str(run.artefact_path)
        assert models_before([run.id, artefact, str(run.folder), "song.wav"]) == [
            run.id,
            artefact,
            str(run.folder),
        ]
        assert models_before(["songs", run.id]) == []
        assert models_before(["seconds", "song.wav"]) == []  # a folder of that name
        assert models_before([run.id]) == []
        assert models_before(["sogn.wav", "song.wav"]) == []
