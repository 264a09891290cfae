"""Every block of every page: run, written, parsed, or named here with the reason why it is not.

A block of ``bash`` is run by a shell, in the order of its page, in a folder that holds what a
reader has: ``my-music``, ``my-twenty-files``, ``live``, ``song.mp3`` and ``concert.flac``. A block
of ``python`` is run, too, or written if it has a name: ``Save this as `name.py` ``, or
``# name.py`` in its first line. A block of ``toml`` is read. All others are only shown.
"""

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    str(page.relative_to(ROOT)) for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
)

# Page, language, how the block begins, why it is only shown.
SHOWN = [
    ("README.md", "", "pip install", "docs/first-session.md is the same, run"),
    ("README.md", "text", "asking gtzan", "it is what the command above prints for a song"),
    ("README.md", "", "make demo", "takes minutes; make test is what runs this"),
    ("README.md", "", "zoo data check", "trains a network; docs/first-session.md is the same, run"),
    ("README.md", "", "zoo plugins new", "docs/ten-minutes.md is the same, run"),
    ("docs/plugins.md", "py", '"""', "they are built-in models, which tests/plugins has"),
    ("docs/checks.md", "py", "", "excerpts of a test; tests/test_third_party.py has whole ones"),
    ("docs/checks.md", "", "zoo plugins check", "docs/ten-minutes.md runs it"),
    (
        "docs/artefacts.md",
        "py",
        '"""Classify',
        "it is zoo/artefacts/standalone_predict.py, which the page runs",
    ),
    ("docs/artefacts.md", "text", "make", "a server does not end; tests/browser has one"),
    (
        "docs/artefacts.md",
        "text",
        "python -m venv",
        "installs packages; tests/zoo/artefacts/test_bundle.py runs the script",
    ),
    (
        "docs/collections.md",
        "text",
        "zoo data",
        "wants real copies; tests/zoo/datasets/collections and tests/plugins/test_loaders.py",
    ),
    ("docs/layouts.md", "text", "$ zoo data info", "tests/zoo/cli/test_layouts.py has it"),
    ("docs/layouts.md", "text", "zoo train", "tests/zoo/cli/test_layouts.py has such tables"),
    ("docs/layouts.md", "text", "file;begin", "tests/zoo/datasets/test_segments.py has it"),
    ("docs/layouts.md", "text", "12.500000", "tests/zoo/datasets/test_segments.py has it"),
    ("docs/layouts.md", "py", "from zoo", "tests/zoo/datasets/layout/test_label_table.py has it"),
    ("docs/commands.md", "text", "zoo", "the synopsis of each command"),
    (
        "docs/experiments.md",
        "",
        "zoo train cnn2d",
        "six runs; tests/zoo/cli/test_seeds.py has them",
    ),
    (
        "docs/experiments.md",
        "text",
        " size",
        "tests/zoo/training/test_sizes.py prints such a table",
    ),
    ("docs/analysis.md", "text", " columns", "tests/zoo/cli/test_cli.py has such a table"),
    ("docs/labelling.md", "text", "zoo label", "a server does not end; tests/browser has one"),
    ("docs/labelling.md", "text", "zoo train", "nobody has filled in the table"),
    ("docs/commands.md", "text", "Training svm", "tests/zoo/cli/test_messages.py reads such lines"),
    ("docs/commands.md", "", "docker run", "tests/zoo/test_container.py has such a container"),
    (
        "docs/contract.md",
        "py",
        "",
        "excerpts of a module; tests/registry/test_contract.py has whole",
    ),
    ("docs/first-session.md", "text", "python3 -m venv", "tests/test_walk.py and CI install it"),
    ("docs/own-model.md", "text", "my-twenty-files/", "a folder, which is made for the test"),
    ("docs/gtzan.md", "text", "zoo train", "the table of features may not be passed on"),
    ("docs/speed.md", "", "python benchmarks", "takes minutes; make bench runs it"),
    ("docs/promises.md", "", "python tests/fuzz", "tests/fuzz/test_fuzz.py is what runs this"),
    (
        "docs/scaling.md",
        "",
        "pip install",
        "needs machines; tests/zoo/execution/test_engine.py and test_remote.py",
    ),
    (
        "docs/scaling.md",
        "py",
        "from zoo.execution.dask_cluster",
        "the same; tests/zoo/execution/test_engine.py runs it",
    ),
    (
        "docs/predicting.md",
        "text",
        "zoo predict svm song.mp3 --prec",
        "the page's model has too few tracks; zoo/inference/test_confidence.py has more",
    ),
    ("docs/your-music.md", "text", "zoo tag --undo", "tests/plugins/test_tag.py has it"),
    ("docs/hooks.md", "py", "def ", "signatures; test_reference.py compares them"),
]

# Pages whose blocks a test of their own runs.
ELSEWHERE = {
    "docs/ten-minutes.md": "test_walk.py",
    "docs/encoder.md": "test_walk.py",
    "docs/extensions.md": "test_docs.py",
    "docs/data-plugins.md": "test_data_plugins_page.py",
    "docs/deploying.md": "zoo/web/test_deploying.py",
    "docs/serving.md": "zoo/web/test_serve.py",
}


class Block(NamedTuple):
    before: str
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.split(r"^```(.*)\n((?:.*\n)*?)```$", text, flags=re.MULTILINE)
    return [Block(*found[start : start + 3]) for start in range(0, len(found) - 1, 3)]


def shown(page: str, block: Block) -> list[tuple[str, str, str, str]]:
    return [
        entry
        for entry in SHOWN
        if entry[:2] == (page, block.language) and block.text.startswith(entry[2])
    ]


def file_name(block: Block) -> str | None:
    said = re.search(r"Save this as `(\w+\.py)`\D*$", block.before)
    first = re.match(r"# (\w+\.py)\n", block.text)
    return next((match[1] for match in (said, first) if match), None)


RUN = [
    page
    for page in PAGES
    if page not in ELSEWHERE and any(b.language in ("bash", "python") for b in blocks(page))
]


def test_every_block_is_run_or_there_is_a_reason():
    assert len(PAGES) > 10
    used = set()
    for page in set(PAGES) - set(ELSEWHERE):
        for block in blocks(page):
            if block.language in ("bash", "python", "toml"):
                continue
            entries = shown(page, block)
            assert entries, (
                f"{page}: nothing runs this block, and no reason is given:\n{block.text}"
            )
            used.update(entries)
    assert used == set(SHOWN)
    for page, test in ELSEWHERE.items():
        assert Path(page).name in (ROOT / "tests" / test).read_text(encoding="utf-8")


def test_no_block_is_hidden_from_this_test():
    for page in PAGES:
        fences = re.findall(r"^ *(?:```|~~~)", (ROOT / page).read_text(encoding="utf-8"), re.M)
        assert len(fences) == 2 * len(blocks(page)), page


@pytest.mark.parametrize("page", PAGES)
def test_what_is_shown_is_at_least_python(page):
    for block in blocks(page):
        if block.language == "toml":
            tomllib.loads(block.text)
        elif block.language in ("py", "python") and "..." not in block.text:
            ast.parse(block.text)


@pytest.fixture
def reader(workspace, small_demo, make_tones, monkeypatch) -> Callable[..., None]:
    """Return a function that does what a reader does in a folder with some recordings."""
    make_tones(workspace / "my-music", tracks=6)
    make_tones(workspace / "my-twenty-files", tracks=5)
    time = np.arange(5 * 22_050) / 22_050
    sound = 0.4 * np.sin(2 * np.pi * 300 * time)
    (workspace / "live").mkdir()
    for name in ("song.mp3", "concert.flac", "live/first.flac"):
        soundfile.write(workspace / name, sound, 22_050)
    scripts = sysconfig.get_path("scripts")
    monkeypatch.setenv("PATH", os.pathsep.join([scripts, os.environ["PATH"]]))
    monkeypatch.setenv("ZOO_CACHE", str(small_demo))
    monkeypatch.setenv("COLUMNS", "100")

    def run(*command: str) -> None:
        done = subprocess.run(
            command, cwd=workspace, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}{done.stderr}"

    return run


@pytest.mark.parametrize("page", RUN)
def test_a_page_does_what_it_says(page, reader, workspace):
    for block in blocks(page):
        if block.language == "bash":
            reader("bash", "-euo", "pipefail", "-c", block.text)
        elif block.language == "python" and (name := file_name(block)):
            (workspace / name).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            reader(sys.executable, "-c", block.text)
