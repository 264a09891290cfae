"""A damaged distribution in site-packages is named, and costs nothing but itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zoo_registry import Registry
from zoo_registry.discovery import MODELS

METADATA = b"Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n"
POINTS = b"[zoo.plugins]\nodd-model = odd_model\n"
DAMAGE = {
    "no equals sign": (METADATA, b"[zoo.plugins]\nthis is no assignment\n"),
    "open section": (METADATA, b"[zoo.plugins\nodd-model = odd_model\n"),
    "not UTF-8": (METADATA, b"\xff\xfe" + POINTS),
    "no module": (METADATA, b"[zoo.plugins]\nodd-model = !!!\n"),
    "no name": (METADATA, b"[zoo.plugins]\n = odd_model\n"),
    "before all sections": (METADATA, b"odd-model = odd_model\n" + POINTS),
    "no metadata": (None, POINTS),
    "empty metadata": (b"", POINTS),
    "metadata not UTF-8": (b"\xff\xfe" + METADATA, POINTS),
    "metadata without a name": (b"Version: 1.0\n", POINTS),
}


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "odd-1.0.dist-info"
    folder.mkdir()
    return folder


def write(site: Path, metadata: bytes | None, points: bytes) -> None:
    (site / "METADATA").unlink(missing_ok=True)
    if metadata is not None:
        (site / "METADATA").write_bytes(metadata)
    (site / "entry_points.txt").write_bytes(points)


@pytest.mark.parametrize("kind", DAMAGE)
def test_it_is_shown_with_its_reason_and_the_rest_works(kind, site):
    write(site, *DAMAGE[kind])
    registry = Registry()
    assert "svm" in registry.names()
    assert "odd-model" not in registry.names()
    (state,) = (state for state in registry.plugins() if state.name == "odd")
    assert (state.kind, state.status, state.distribution) == ("package", "broken", "odd")
    assert str(site) in state.reason
    assert "install the package again" in state.reason
    assert "None" not in state.reason


def test_a_pipe_is_not_read(site):
    (site / "METADATA").write_bytes(METADATA)
    os.mkfifo(site / "entry_points.txt")
    (entry,) = (entry for entry in Registry().entries if entry.name == "odd")
    assert "is not a file" in entry.reason


def test_a_sound_one_is_found(site):
    write(site, METADATA, POINTS + b"\n# a comment\n[console_scripts]\nodd = odd:main\n")
    (entry,) = (entry for entry in Registry().entries if entry.name == "odd-model")
    assert (entry.source.distribution, entry.source.version) == ("odd", "1.0")
    assert entry.point.group == MODELS


def test_libraries_that_read_all_entry_points_work(site, feature_table):
    """Scikit-learn fails beside a damaged package, whatever it is."""
    write(site, METADATA, b"[console_scripts]\nthis is no assignment\n")
    code = f"import zoo; assert zoo.train('logistic', {str(feature_table())!r}, jobs=1).complete"
    path = os.pathsep.join([str(site.parent), *filter(None, sys.path)])
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, check=True)


def test_the_first_distribution_of_a_name_counts(site, tmp_path, monkeypatch):
    write(site, METADATA, POINTS)
    monkeypatch.syspath_prepend(tmp_path / "first")
    (tmp_path / "first" / "Odd-2.0.dist-info").mkdir(parents=True)
    (tmp_path / "first" / "Odd-2.0.dist-info" / "METADATA").write_bytes(METADATA)
    assert "odd-model" not in Registry().names()


@given(metadata=st.binary(max_size=60), points=st.binary(max_size=60))
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_the_bytes_the_others_are_found(metadata, points, site):
    write(site, metadata, POINTS + points)
    assert "svm" in Registry().names()


def test_help_is_shown(site):
    write(site, *DAMAGE["no equals sign"])
    code = "from zoo.cli import main; main()"
    path = os.pathsep.join([str(site.parent), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "leaderboard" in done.stdout
