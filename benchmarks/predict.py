"""How long an answer takes, as a whole process: `zoo predict` against a straight script.

Usage: python benchmarks/predict.py DATA [--rounds N]

DATA is a folder with one sub-folder a class. A CNN and an SVM are trained on it, each once
as the zoo does and once as published work does: librosa.load, librosa's features, a model
in Keras' or joblib's own file. Both then classify the same file, each in a fresh process,
in turns; and the same folder, each in one process. What counts are the ratios.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def main() -> None:
    """Train both, run both, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    files = sorted(str(path) for path in given.data.glob("*/*") if path.is_file())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["ZOO_MODELS"] = str(folder / "models")
        _train(given.data, files, folder)
        print("one file, cold: median seconds and peak memory, and how much faster zoo is")
        for name, script, model in _rivals(folder):
            _cold(name, script, model, files[0], given.rounds)
        print("the whole folder, one process: tracks a second, and how much faster zoo is")
        for name, script, model in _rivals(folder):
            _batch(name, script, model, files)


def _rivals(folder: Path) -> list[tuple[str, str, str]]:
    return [("svm", SVM, str(folder / "svm.joblib")), ("cnn2d", CNN, str(folder / "cnn.keras"))]


def _train(data: Path, files: list[str], folder: Path) -> None:
    """Make the four models; how good they are does not matter here."""
    for model, *more in (["svm"], ["cnn2d", "--set", "epochs=1"]):
        command = [ZOO, "train", model, "--data", str(data), "--ungrouped", *more]
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


def _cold(name: str, script: str, model: str, file: str, rounds: int) -> None:
    """Classify one file in fresh processes, in turns."""
    seconds: dict[str, list[float]] = {"zoo": [], "script": []}
    memory: dict[str, float] = {}
    commands = {
        "zoo": [ZOO, "predict", name, file],
        "script": [sys.executable, "-c", script, model, file],
    }
    for _ in range(rounds + 1):
        for rival, command in commands.items():
            took, peak = _timed(command)
            seconds[rival].append(took)
            memory[rival] = max(memory.get(rival, 0.0), peak)
    zoo, other = (statistics.median(seconds[rival][1:]) for rival in ("zoo", "script"))
    print(
        f"  {name:<6} zoo {zoo:.2f} s, {memory['zoo']:.0f} MB; "
        f"script {other:.2f} s, {memory['script']:.0f} MB; ratio {other / zoo:.1f}"
    )


def _batch(name: str, script: str, model: str, files: list[str]) -> None:
    """Classify a folder, each once, and once more, in turns."""
    zoo, other = [], []
    for _ in range(2):
        zoo.append(_timed([ZOO, "predict", name, *files, "--format", "json"])[0])
        other.append(_timed([sys.executable, "-c", script, model, *files])[0])
    rates = [len(files) / min(times) for times in (zoo, other)]
    print(f"  {name:<6} zoo {rates[0]:.1f}, script {rates[1]:.1f}; ratio {rates[0] / rates[1]:.1f}")
    import soundfile

    sound = sum(soundfile.info(file).duration for file in files)
    print(f"         zoo works at {sound / min(zoo):.0f} times real time")


def _timed(command: list[str]) -> tuple[float, float]:
    """Return wall seconds and peak resident memory (MB) of a process."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - begun
    if status:
        raise SystemExit(process.stderr.read().decode() if process.stderr else "failed")
    return took, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)


if __name__ == "__main__":
    main()
