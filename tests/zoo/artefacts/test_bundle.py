"""A run handed over: a folder that needs nothing of the zoo."""

import hashlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import zoo
from zoo.artefacts.bundle import hand_over
from zoo.inference.predictors import open_model
from zoo_registry import ArtefactError, RunError, UsageError, ZooError
from zoo_registry.record import RobustnessInfo

RATE = 22_050  # of the models
BLOCK = """
import runpy, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"zoo", "zoo_registry", "librosa", "sklearn", "onnx"}:
            raise ImportError(name)
sys.meta_path.insert(0, Block())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def songs(tmp_path) -> list[str]:
    """Return songs of several rates and lengths, one of which is silent."""
    paths = []
    for number, (rate, seconds, level) in enumerate(
        [(22_050, 3.0, 0.3), (44_100, 2.2, 0.3), (16_000, 4.7, 0.2), (22_050, 2.0, 0.0)]
    ):
        time = np.arange(round(seconds * rate)) / rate
        sound = level * np.sin(2 * np.pi * 150 * (1 + number % 2) * time)
        paths.append(str(tmp_path / f"{number}.wav"))
        soundfile.write(paths[-1], np.stack([sound, sound], axis=1), rate)
    return paths


@pytest.fixture
def ask(hearing, tmp_path):
    """Return a function that hands a model over, and gives the lines of its script."""

    def ask(name: str, songs: list[str]) -> list[list[str]]:
        hand_over(hearing(name), tmp_path / "out")
        done = subprocess.run(
            [sys.executable, "-c", BLOCK, str(tmp_path / "out" / "predict.py"), *songs],
            capture_output=True, text=True, check=False, cwd="/", env=os.environ,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [line.split() for line in done.stdout.splitlines()]

    return ask


def test_the_script_lets_the_windows_vote(ask, torn_song):
    """The vote says high, the mean probability low, which is 0.660 probable."""
    song = str(torn_song)
    assert ask("torn", [song]) == [["high", "0.340", song]]
    (found,) = zoo.predict("torn", [song])
    assert (found.label, f"{found.confidence:.3f}") == ("high", "0.340")


def test_the_script_hears_what_the_zoo_hears(ask, faint):
    songs = [str(faint(level)) for level in (-60.0, -69.9, -70.1, -75.0)]
    labels = [label for label, _, _ in ask("seconds", songs)]
    assert labels == [found.label for found in zoo.predict("seconds", songs)]
    assert [label == "unknown" for label in labels] == [False, False, True, True]


@pytest.mark.parametrize("name", ["torn", "frames"])
def test_silence_and_short_recordings_are_to_the_script_what_they_are_to_the_zoo(
    name, ask, odd_songs
):
    songs = [str(path.rename(path.with_stem(f"{n}"))) for n, path in enumerate(odd_songs.values())]
    said = ask(name, songs)
    for (label, confidence, _), found in zip(said, zoo.predict(name, songs), strict=True):
        assert label == found.label
        if found.confidence is None:
            assert confidence == "-"
        else:
            assert float(confidence) == pytest.approx(found.confidence, abs=0.02)
    assert [label for label, _, _ in said].count("unknown") == 8  # six silent ones, two short ones


@pytest.mark.parametrize("resampler", ["soxr", "fourier"])
@pytest.mark.parametrize("name", ["seconds", "frames"])
def test_the_script_gives_the_same_answers(name, resampler, hearing, songs, tmp_path):
    files = hand_over(hearing(name), tmp_path / "out")
    assert sorted(file.name for file in files) == ["README.md", "model.onnx", "predict.py"]
    script = tmp_path / "out" / "predict.py"
    assert len(script.read_text().splitlines()) <= 84
    block = BLOCK if resampler == "soxr" else BLOCK.replace('"zoo",', '"zoo", "soxr",')
    done = subprocess.run(
        [sys.executable, "-c", block, str(script), *songs],
        capture_output=True, text=True, check=False, cwd="/", env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("without soxr, recordings are") == (resampler == "fourier")
    for line, expected in zip(done.stdout.splitlines(), zoo.predict(name, songs), strict=True):
        label, confidence, path = line.split()
        assert (label, path) == (expected.label, expected.path)
        if expected.confidence is not None:
            # At the model's rate nothing is resampled; elsewhere the resamplers may differ.
            same = resampler == "soxr" or soundfile.info(path).samplerate == RATE
            near = 6e-4 if same else 2e-2
            assert float(confidence) == pytest.approx(expected.confidence, abs=near)


def test_the_script_names_what_it_cannot_hear_and_goes_on(hearing, songs, tmp_path):
    hand_over(hearing("seconds"), tmp_path / "out")
    sound, rate = soundfile.read(songs[0])
    left, gap = sound[:, 0], tmp_path / "nan.wav"
    soundfile.write(gap, np.where(np.arange(len(left)) == 999, np.nan, left), rate, "FLOAT")
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    for number, other in enumerate((-left, -0.999 * left)):
        songs.append(str(tmp_path / f"cancelled{number}.wav"))
        soundfile.write(songs[-1], np.stack([other, left], axis=1), rate, "FLOAT")
    done = subprocess.run(
        [sys.executable, tmp_path / "out" / "predict.py", text, gap, tmp_path / "none", *songs],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert [line.partition(": ")[0] for line in done.stderr.splitlines()] == [
        str(text), str(gap), str(tmp_path / "none"), songs[2],
    ]  # fmt: skip
    assert f"{text}: no WAV, FLAC, Ogg or MP3 file that can be read\n" in done.stderr
    assert "nothing above 8 kHz" in done.stderr  # the song at 16 kHz
    assert "nan.wav: it holds samples that are NaN or infinite" in done.stderr
    usage = subprocess.run(
        [sys.executable, tmp_path / "out" / "predict.py"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert usage.returncode == 2
    assert "usage: predict.py" in usage.stderr
    labels = [line.split()[0] for line in done.stdout.splitlines()]
    assert labels == [found.label for found in zoo.predict("seconds", songs)]
    assert labels[-1] == labels[-2] == labels[0] != "unknown"


def test_where_it_cannot_go(hearing, tmp_path, feature_table):
    run = hearing("seconds")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for folder in (tmp_path / "full", tmp_path / "full" / "file"):
        with pytest.raises(UsageError, match=r"not an? (empty )?folder"):
            hand_over(run, folder)
    hand_over(run, tmp_path / "full", force=True)
    card = tmp_path / "half" / "README.md"
    card.parent.mkdir()
    card.write_bytes((tmp_path / "full" / "README.md").read_bytes())
    (card.parent / ".zoo-00000000-1-00.tmp").touch()  # of a killed process, long ago
    os.utime(card.parent / ".zoo-00000000-1-00.tmp", (0, 0))
    for _ in range(2):  # a part is completed, a whole is confirmed
        assert len(hand_over(run, card.parent)) == 3
    card.write_text("my words")
    with pytest.raises(UsageError, match=r"README\.md exists, .* --force"):
        hand_over(run, card.parent)
    assert card.read_text() == "my words"
    hand_over(run, card.parent, force=True)
    assert card.read_bytes().startswith(run.card_path.read_bytes())
    assert b"\npython predict.py song.wav\n" in card.read_bytes()
    table = zoo.train("logistic", str(feature_table()))
    assert [path.name for path in hand_over(table, tmp_path / "table")] == [
        "model.onnx", "README.md",
    ]  # fmt: skip
    with run.artefact_path.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ArtefactError, match="hash"):
        hand_over(run, tmp_path / "tampered")
    assert not (tmp_path / "tampered").exists()


@pytest.mark.parametrize("name", ["README.md", "model.onnx"])
def test_no_other_file_is_handed_over_through_a_link(hearing, tmp_path, name):
    run = hearing("seconds")
    private = (run.folder / name).rename(tmp_path / "private")
    (run.folder / name).symlink_to(private)
    with pytest.raises(ZooError, match="a link that leaves its folder"):
        hand_over(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_answers_to_changed_tracks_are_handed_over_as_the_run_wrote_them(hearing, tmp_path):
    run, content = hearing("seconds"), b"change,track\n"
    run.robustness_path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    run.record.robustness = RobustnessInfo(tracks=1, changes={"noise": 1}, sha256=sha256)
    assert len(hand_over(run, tmp_path / "out")) == 4
    assert (tmp_path / "out" / "robustness.csv").read_bytes() == content
    open_model(tmp_path / "out")
    run.robustness_path.write_bytes(content[:-1])
    with pytest.raises(RunError, match=r"robustness\.csv of .* is missing, or not as"):
        hand_over(run, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_the_script_is_a_file_of_the_package(hearing, tmp_path):
    hand_over(hearing("seconds"), tmp_path / "out")
    script = (tmp_path / "out" / "predict.py").read_text()
    assert "def " not in script
    assert script in [path.read_text() for path in Path(zoo.__file__).parent.rglob("*.py")]


def test_a_file_that_becomes_too_large_is_no_none(hearing, tmp_path):
    run = hearing("seconds")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(ZooError, match=r"out.model\.onnx cannot be written: File too large"):
            hand_over(run, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
