"""The tutorial, walked from an empty folder as a reader walks it: real commands, a real pip."""

import importlib.util
import json
import os
import re
import subprocess
import sysconfig
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from zoo.datasets.demo import VERSION, write_demo

PAGE = Path(__file__).parents[1] / "docs" / "ten-minutes.md"

ZOO = "from zoo.cli import main; main()"

PIP = """
import runpy
runpy.run_module("pip", run_name="__main__")
"""

pytestmark = pytest.mark.skipif(
    None in map(importlib.util.find_spec, ("pip", "hatchling")), reason="needs pip and hatchling"
)


def blocks() -> list[tuple[str, str]]:
    return re.findall(
        r"^```(.*)\n((?:.*\n)*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the variables of a reader whose environment is this one, but for what pip does.

    What it installs goes into a folder of the test, which comes before the packages that
    are installed here.
    """
    place = tmp_path / "venv"
    venv.create(place, symlinks=True)
    paths = sysconfig.get_paths("venv", {"base": str(place), "platbase": str(place)})
    packages = sysconfig.get_path("purelib")
    Path(paths["purelib"], "dev.pth").write_text(f"import site; site.addsitedir({packages!r})\n")
    for name, code in {"zoo": ZOO, "pip": PIP}.items():
        script = Path(paths["scripts"], name)
        script.write_text(f"#!{paths['scripts']}/python\n{code}\n")
        script.chmod(0o755)
    cache = tmp_path / "cache"
    # One take of each piece instead of four: the features of all take half a minute.
    write_demo(cache / "datasets" / f"demo-{VERSION}", takes=1)
    found = {
        key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "ZOO_"))
    }
    return found | {
        "PATH": os.pathsep.join([paths["scripts"], os.environ["PATH"]]),
        "ZOO_CACHE": str(cache),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # to pip, this is what --no-build-isolation says
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
    }


def test_every_block_is_run_or_written():
    assert len(blocks()) > 5
    for language, text in blocks():
        assert language == "bash" or (language, text[:2]) == ("python", "# "), text


def test_the_page_does_what_it_says(tmp_path, environment):
    folder = tmp_path / "empty"
    folder.mkdir()
    said: dict[str, list[str]] = {}
    for language, text in blocks():
        if language == "python":
            name, _, source = text.removeprefix("# ").partition("\n")
            (folder / name).write_text(source, encoding="utf-8")
            continue
        for line in text.splitlines():
            done = subprocess.run(
                ["bash", "-c", line],
                cwd=folder, env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            said.setdefault(line, []).append(done.stdout)

    own = r"^ +\d+=? +my-model "
    (trained,), (first, last) = said["zoo train ./my_model.py svm"], said["zoo leaderboard"]
    assert trained.startswith(first.rstrip())
    assert len(re.findall(own, first, re.MULTILINE)) == 1
    assert re.search(r"^ +\d+=? +svm ", first, re.MULTILINE)
    (edited,) = said["zoo train ./my_model.py --set smoothing=0.5"]
    assert len(re.findall(own, edited, re.MULTILINE)) == 3
    installed, removed = said["zoo models"]
    assert re.search(r"my-model +Gaussian classes +classical +ready +my-model 0.1.0", installed)
    assert "my-model" not in removed
    assert "svm" in removed
    assert len(re.findall(own, last, re.MULTILINE)) == 4
    assert [path.name for path in (folder / "dist").iterdir()] == [
        "my_model-0.1.0-py3-none-any.whl"
    ]

    records = [json.loads(path.read_text()) for path in folder.glob("models/*/*/*/run.json")]
    assert len(records) == 5
    for record in records:
        assert (record["status"], record["artefact"].get("error")) == ("complete", None)
    with pytest.raises(PackageNotFoundError):
        distribution("my-model")
