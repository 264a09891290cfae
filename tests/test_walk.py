"""The tutorials, walked from an empty folder as a reader walks it: real commands, a real pip."""

import importlib.util
import json
import os
import re
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ["ten-minutes.md", "encoder.md"]

ZOO = "from zoo.cli import main; main()"

PIP = """
import runpy
runpy.run_module("pip", run_name="__main__")
"""

pytestmark = pytest.mark.skipif(
    None in map(importlib.util.find_spec, ("pip", "hatchling")), reason="needs pip and hatchling"
)


def blocks(page: str) -> list[tuple[str, str]]:
    return re.findall(
        r"^```(.*)\n((?:.*\n)*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE
    )


@pytest.fixture
def environment(tmp_path: Path, small_demo: Path) -> dict[str, str]:
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
    found = {
        key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "ZOO_"))
    }
    return found | {
        "PATH": os.pathsep.join([paths["scripts"], os.environ["PATH"]]),
        # One take of each piece instead of four: the features of all take half a minute.
        "ZOO_CACHE": str(small_demo),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # to pip, this is what --no-build-isolation says
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_written(page):
    assert len(blocks(page)) > 5
    for language, text in blocks(page):
        assert language == "bash" or (language, text[:2]) == ("python", "# "), text


@pytest.fixture
def walk(tmp_path, environment) -> Callable[[str], tuple[Path, dict[str, list[str]]]]:
    """Return a function that does what a page says: the folder, and what each command printed."""

    def done(page: str) -> tuple[Path, dict[str, list[str]]]:
        folder = tmp_path / "empty"
        folder.mkdir()
        said: dict[str, list[str]] = {}
        for language, text in blocks(page):
            if language == "python":
                name, _, source = text.removeprefix("# ").partition("\n")
                (folder / name).write_text(source, encoding="utf-8")
                continue
            for line in text.splitlines():
                ended = subprocess.run(
                    ["bash", "-c", line],
                    cwd=folder, env=environment, capture_output=True, text=True, check=False,
                )  # fmt: skip
                assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"
                said.setdefault(line, []).append(ended.stdout)
        return folder, said

    return done


def test_an_encoder_becomes_a_package(walk):
    folder, said = walk("encoder.md")
    first = said["zoo train svm --front-end ./my_encoder.py --front-end handcrafted"][0]
    assert re.search(r"svm on my-encoder ", first)
    assert re.search(r"svm on handcrafted ", first)
    assert re.search(
        r"my-encoder +My encoder +vectors +ready +my-encoder 0.1.0", said["zoo models"][0]
    )
    assert "failed" not in said["zoo plugins check ./my_encoder.py"][0]
    assert list((folder / "handed-over").glob("*.onnx"))
    for path in folder.glob("models/*/*/*/run.json"):
        record = json.loads(path.read_text())
        assert (record["status"], record["artefact"].get("error")) == ("complete", None)
    with pytest.raises(PackageNotFoundError):
        distribution("my-encoder")


def test_the_page_does_what_it_says(walk):
    folder, said = walk("ten-minutes.md")
    own = r"^ +\d+(?:-\d+)? +my-model "
    (trained,), (first, last) = said["zoo train ./my_model.py svm"], said["zoo leaderboard"]
    assert trained.startswith(first.rstrip())
    assert len(re.findall(own, first, re.MULTILINE)) == 1
    assert re.search(r"^ +\d+(?:-\d+)? +svm ", first, re.MULTILINE)
    (edited,) = said["zoo train ./my_model.py --set smoothing=0.5"]
    assert len(re.findall(own, edited, re.MULTILINE)) == 3
    installed, removed = said["zoo models"]
    assert re.search(
        r"my-model +Gaussian classes +classical +handcrafted +ready +my-model 0.1.0", installed
    )
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
