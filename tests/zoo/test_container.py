"""Work in a container: a user without name, home and /dev/shm, on a disk that cannot be written."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USER = "12345"
# Nothing but the volume can be written. Python may lie below a home that others cannot read.
MOUNTS = f"""
mount --bind "$1" /mnt && mount -o remount,bind,ro / || exit 77
mount -t tmpfs -o ro tmpfs /dev/shm || exit 77
for place in /tmp /var/tmp; do
    if mountpoint -q $place; then mount -o remount,bind,ro $place || exit 77; fi
done
shift
cd / && exec setpriv --reuid {USER} --regid {USER} --clear-groups \
    --inh-caps +dac_read_search --ambient-caps +dac_read_search "$@"
"""
Contained = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Return the folder that is seen as /mnt, the only one that the user may write to."""
    folder = tmp_path / "volume"
    folder.mkdir()
    compiled = Path(os.environ["NUMBA_CACHE_DIR"])
    if compiled.is_dir():  # compiling takes longer than the test
        shutil.copytree(compiled, folder / "cache" / "numba")
    return folder


@pytest.fixture
def contained(volume: Path) -> Contained:
    """Return a function that runs ``zoo`` in a container with these variables."""
    if not all(map(shutil.which, ("unshare", "setpriv", "mountpoint"))) or os.getuid():
        pytest.skip("only root can run a process as another user, in its own mount namespace")
    subprocess.run(["chown", "-R", f"{USER}:{USER}", str(volume)], check=True)

    def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(str(ROOT / name) for name in ("", "registry", "plugins"))
        program = [sys.executable, "-c", "from zoo.cli import main; main()", *command]
        space = ["unshare", "--mount", "sh", "-c", MOUNTS, "sh", str(volume), *program]
        done = subprocess.run(
            space, env={"PATH": os.defpath, "PYTHONPATH": path, **variables},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        if done.returncode == 77 or "unshare" in done.stderr or "setpriv" in done.stderr:
            pytest.skip(f"mounts are not allowed here: {done.stderr.strip()}")
        return done

    return run


def test_everything_works_with_one_folder(contained: Contained, volume: Path, make_tones):
    make_tones(volume / "tones", tracks=25, seconds=0.3)  # so many are compared with librosa
    places = {"ZOO_CACHE": "/mnt/cache", "ZOO_MODELS": "/mnt/models"}
    split = ("--protocol", "kfold:2", "--no-robustness")
    done = contained("train", "logistic", "--data", "/mnt/tones", *split, **places)
    assert done.returncode == 0, done.stderr
    _, note, *_, following = done.stderr.splitlines()
    assert note.startswith("all work is done in one process: ")
    assert following.startswith("Next: ")
    (artefact,) = (volume / "models").rglob("model.onnx")
    assert any((volume / "cache" / "numba").rglob("*.nbi"))
    record = json.loads(artefact.with_name("run.json").read_text(encoding="utf-8"))
    assert record["artefact"]["reference"] < 0.1

    done = contained("leaderboard", "--format", "json", HOME="/nonexistent", **places)
    assert (done.returncode, done.stderr) == (0, "")
    ((row,),) = (board["rows"] for board in json.loads(done.stdout))
    assert row["artefact_bytes"] == artefact.stat().st_size

    song = "/mnt/tones/low/low00.wav"
    done = contained("predict", "logistic", song, "--format", "json", HOME="/", **places)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["label"] == "low"


def test_nothing_but_the_program(contained: Contained):
    for command, home in (("--version", {}), ("--help", {"HOME": ""}), ("models", {"HOME": "/"})):
        done = contained(command, **home)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout


def test_the_variable_that_moves_a_folder_is_named(contained: Contained, feature_table, volume):
    shutil.move(feature_table(), volume / "table.csv")
    done = contained("-q", "train", "logistic", "--data", "/mnt/table.csv", ZOO_CACHE="/mnt/cache")
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    reason = "cannot be written: Read-only file system; set ZOO_MODELS to a folder that can be"
    assert reason in sentence
