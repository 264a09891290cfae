"""How long an answer takes, as a whole process: `zoo predict` against a straight script.

Usage: python benchmarks/predict.py [DATA] [--rounds N]

DATA is a folder with one sub-folder per class. Ratios say how many times as fast, or as small, the
zoo is. A CNN and an SVM are trained on it, each once
as the zoo does and once as published work does: librosa.load, librosa's features, a model
in Keras' or joblib's own file. Both then classify the same file, each in a fresh process,
in turns; and the same folder, each in one process. What counts are the ratios. If the weights of
musicnn are installed, heads on it are asked, too.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from _common import Row, in_turns, main, process, ratios, tracks_of

from zoo_registry import Registry

ZOO = str(Path(sys.executable).with_name("zoo"))


# What the published work does for one file; a folder is a loop around it.
SVM = """
import sys, warnings
import joblib, librosa, numpy as np
warnings.simplefilter("ignore")
model, classes = joblib.load(sys.argv[1])
def describe(path):
    y, sr = librosa.load(path, sr=22050)
    feature, rows = librosa.feature, []
    S = {"y": y, "sr": sr, "n_fft": 1024, "hop_length": 512}
    rows += list(feature.spectral_centroid(**S)) + list(feature.spectral_rolloff(**S))
    rows += list(feature.zero_crossing_rate(y, frame_length=1024, hop_length=512))
    rows += list(feature.rms(y=y, frame_length=1024, hop_length=512))
    rows += [librosa.onset.onset_strength(**S)] + list(feature.spectral_contrast(**S))
    rows += list(feature.spectral_bandwidth(**S))
    rows += list(feature.spectral_flatness(y=y, n_fft=1024, hop_length=512))
    rows += list(feature.mfcc(n_mfcc=13, **S))
    row = [f(r) for r in rows for f in (np.max, np.min, np.mean, np.std, np.median, np.ptp)]
    return np.array([*row, librosa.feature.tempo(y=y, sr=sr)[0]])
for path in sys.argv[2:]:
    print(classes[model.predict(describe(path)[None])[0]], path)
"""

CNN = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import json, keras, librosa, numpy as np
model = keras.models.load_model(sys.argv[1])
classes = json.load(open(sys.argv[1] + ".json"))
for path in sys.argv[2:]:
    y, sr = librosa.load(path, sr=22050)
    mel = librosa.feature.melspectrogram(y=y, sr=sr, n_fft=1024, hop_length=512, n_mels=128)
    starts = range(0, max(1, mel.shape[1] - 64), 32)
    windows = np.stack([mel[:, s:s + 65] for s in starts])[..., None]
    votes = model.predict(windows, verbose=0).argmax(axis=1)
    print(classes[np.bincount(votes).argmax()], path)
"""


def rows(given: argparse.Namespace) -> Iterator[Row]:
    """Train both, and run both."""
    files = [str(path) for path in tracks_of(given.data)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["ZOO_MODELS"] = str(folder / "models")
        _train(given.data, files, folder)
        for name, script, model in _rivals(folder):
            yield from _cold(name, script, model, files[0], given.rounds)
        for name, script, model in _rivals(folder):
            yield from _batch(name, script, model, files)
        if not Registry().frontend("musicnn").card.missing:
            yield from _encoder(given.data, files[0], given.rounds)


def _rivals(folder: Path) -> list[tuple[str, str, str]]:
    return [("svm", SVM, str(folder / "svm.joblib")), ("cnn2d", CNN, str(folder / "cnn.keras"))]


def _train(data: str, files: list[str], folder: Path) -> None:
    """Make the four models; how good they are does not matter here."""
    for model, *more in (["svm"], ["cnn2d", "--set", "epochs=1"]):
        command = [ZOO, "train", model, "--data", data, "--ungrouped", *more]
        subprocess.run([*command, "--protocol", "holdout:0.3"], check=True, capture_output=True)
    classes = sorted({Path(file).parent.name for file in files})
    code = f"""
import json, sys, joblib, numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
rng = np.random.default_rng(0)
classes = {classes!r}
y = np.arange(10 * len(classes)) % len(classes)
X = rng.standard_normal((len(y), 163)) * 100
joblib.dump((make_pipeline(StandardScaler(), SVC(C=5.0)).fit(X, y), classes), sys.argv[1])
import keras
from keras import layers
body = [keras.Input((128, 65, 1))]
for width in (16, 32, 64, 128, 256):
    body += [layers.Conv2D(width, 3, padding="same", activation="relu")]
    body += [layers.MaxPooling2D(2, padding="same"), layers.Dropout(0.25)]
body += [layers.Flatten(), layers.Dense(512, activation="relu", kernel_regularizer="l2")]
body += [layers.Dense(len(classes), activation="softmax")]
keras.Sequential(body).save(sys.argv[2])
json.dump(classes, open(sys.argv[2] + ".json", "w"))
"""
    arguments = [str(folder / "svm.joblib"), str(folder / "cnn.keras")]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)


def _cold(name: str, script: str, model: str, file: str, rounds: int) -> Iterator[Row]:
    """Classify one file in fresh processes, in turns."""
    spent = in_turns(
        {
            "zoo": lambda: process([ZOO, "predict", name, file]),
            "script": lambda: process([sys.executable, "-c", script, model, file]),
        },
        rounds,
    )
    for what, unit in (("seconds", "s"), ("memory", "MB")):
        zoo, other = ([getattr(cost, what) for cost in spent[who]] for who in ("zoo", "script"))
        figures = f"{statistics.median(zoo):.3g} {unit} against {statistics.median(other):.3g}"
        yield Row(f"one file, cold, {name}: {what}", ratios(other, zoo), figures)


def _encoder(data: str, file: str, rounds: int) -> Iterator[Row]:
    """Classify one file with heads on musicnn, one, and two at once, in fresh processes."""
    command = [ZOO, "train", "svm", "logistic", "--front-end", "musicnn", "--data", data]
    command += ["--ungrouped", "--protocol", "holdout:0.3"]
    subprocess.run(command, check=True, capture_output=True)
    spent = in_turns(
        {
            "one": lambda: process([ZOO, "predict", "svm", file]),
            "two": lambda: process([ZOO, "predict", "svm", "logistic", file]),
        },
        rounds,
    )
    first, both = ([cost.seconds for cost in spent[who]] for who in ("one", "two"))
    figures = f"{statistics.median(first):.3g} s; two heads {statistics.median(both):.3g} s"
    yield Row("one file, cold, musicnn: two heads over one", ratios(both, first), figures)


def _batch(name: str, script: str, model: str, files: list[str]) -> Iterator[Row]:
    """Classify all files, each in one process, and once more, in turns."""
    import soundfile

    spent = in_turns(
        {
            "zoo": lambda: process([ZOO, "predict", name, *files, "--format", "json"]).seconds,
            "script": lambda: process([sys.executable, "-c", script, model, *files]).seconds,
        },
        rounds=2,
        warm=0,
    )
    zoo, other = (len(files) / min(spent[who]) for who in ("zoo", "script"))
    sound = sum(soundfile.info(file).duration for file in files)
    figures = f"{zoo:.1f} tracks per second against {other:.1f}; {sound / min(spent['zoo']):.0f} "
    figures += "times real time"
    yield Row(f"{len(files)} files, {name}", ratios(spent["script"], spent["zoo"]), figures)


if __name__ == "__main__":
    main(__doc__, rows, {})
