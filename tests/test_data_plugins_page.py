"""What docs/data-plugins.md says can be done, done: every block of it, in its order."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs/data-plugins.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """Return a folder from which processes import."""
    folder = tmp_path / "site"
    folder.mkdir()
    given = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *([given] if given else [])]))
    monkeypatch.setenv("COLUMNS", "100")
    return folder


def test_every_block_of_the_page(site, workspace, tone_folder):
    data = tone_folder()
    files = iter(re.findall(r"^Save this as `(\w+\.py)`", PAGE, re.MULTILINE))
    said = {}
    for language, block in BLOCKS:
        if language == "python":
            (site / next(files)).write_text(block, encoding="utf-8")
        elif language == "toml":
            ((group, points),) = tomllib.loads(block)["project"]["entry-points"].items()
            ((name, module),) = points.items()
            info = site / f"{module}-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")
        else:
            assert language == ""
            for line in block.splitlines():
                # The demo set takes its time, and other tests look at it.
                command, *arguments = shlex.split(line.replace("demo", str(data)))
                assert command == "zoo"
                code = "import sys; sys.argv[0] = 'zoo'; from zoo.cli import main; main()"
                done = subprocess.run(
                    [sys.executable, "-c", code, *arguments],
                    capture_output=True, text=True, check=False,
                )  # fmt: skip
                assert done.returncode == 0, (line, done.stderr)
                said[line] = done.stdout
    assert next(files, None) is None
    assert "beeps" in said["zoo data info beeps"]
    assert "logistic" in said["zoo train svm logistic --data beeps"]
    assert "no-bass" in said["zoo runs show logistic"]
    assert len(said["zoo longest demo --number 5"].splitlines()) == 5
    assert "Name the longest tracks" in said["zoo longest --help"]
