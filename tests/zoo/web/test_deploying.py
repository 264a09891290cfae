"""What docs/deploying.md and the Dockerfile say, as far as it can be tried without them."""

import json
import re
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest
import typer.main

from zoo.cli.app import app
from zoo.web.openapi import OPERATIONS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
INSTRUCTIONS = [
    line.split(None, 1) for line in DOCKERFILE.splitlines() if line.strip() and line[0] != "#"
]


def served() -> list[list[str]]:
    """Return the arguments of all `zoo serve` on the page, and those of the image."""
    commands = re.findall(r"zoo serve ((?:[^`\n\\]|\\\n)+)", PAGE)
    commands += [each.replace("\\\n", "") for each in re.findall(r" genre-zoo (-.+)", PAGE)]
    (entry,) = [json.loads(text) for name, text in INSTRUCTIONS if name == "ENTRYPOINT"]
    assert entry[:2] == ["zoo", "serve"]
    return [shlex.split(command) for command in commands] + [entry[2:]]


@pytest.mark.parametrize("arguments", served(), ids=" ".join)
def test_the_commands_are_commands(arguments):
    command = typer.main.get_command(app).commands["serve"]
    command.make_context("zoo serve", list(arguments))


def test_the_addresses_and_figures_of_the_page_are_there():
    known = {operation.path for operation in OPERATIONS}
    assert set(re.findall(r"`GET (/[^`]*)`", PAGE)) <= known
    assert "location = /metrics" in PAGE
    metrics = (ROOT / "zoo/web/metrics.py").read_text(encoding="utf-8")
    for name in re.findall(r"`(zoo_\w+)", PAGE):
        assert f'"{name.removesuffix("_total")}"' in metrics


def test_what_the_image_copies_is_there_and_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in ignored if line and line[0] != "#"]
    for name, text in INSTRUCTIONS:
        if name != "COPY" or text.startswith("--from"):
            continue
        for source in text.split()[:-1]:
            assert (ROOT / source).exists()
            matching = [each for each in patterns if fnmatch(source, each.removeprefix("!"))]
            assert matching[-1].startswith("!"), source


def test_the_image_runs_as_nobody_in_particular():
    steps = [name for name, _ in INSTRUCTIONS]
    assert dict(INSTRUCTIONS)["USER"] == "zoo"
    assert steps.index("USER") < steps.index("ENTRYPOINT")
    assert "useradd --uid 10001" in DOCKERFILE
    (check,) = [text for name, text in INSTRUCTIONS if name == "HEALTHCHECK"]
    assert "7860/health" in check
