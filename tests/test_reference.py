"""What of the documentation is written from the code is what the code says now."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    page
    for page in sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")])
    if "[[[cog" in page.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_generated_anew(page):
    if page.name == "commands.md" and tuple(map(int, version("typer").split("."))) < (0, 27):
        pytest.skip("Typer before 0.27 names parameters in another way")
    cog = [sys.executable, "-m", "cogapp", "-I", str(ROOT / "docs"), "--check", str(page)]
    done = subprocess.run(cog, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}: run `make docs`"


def test_every_hook_stands_there_with_its_exact_signature(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import generate

    page = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    order = page.split("## In the order of a training")[1].split("##")[0]
    listed = re.findall(r"^\| `(\w+)` \|", order, re.MULTILINE)
    hooks = [pair for kind in ("model", "extension") for pair in generate.hooks_of(kind)]
    assert sorted(listed) == sorted(name for name, _ in hooks)
    for _, function in hooks:
        assert generate.signature(function) in page


def test_every_command_stands_there_with_all_that_its_help_names(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import generate

    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### `(zoo [\w ]+)`\n(.*?)(?=^### |\Z)", page, re.M | re.S))
    contexts = {context.command_path: context for context in generate.commands_of()}
    assert list(sections) == list(contexts)
    for path, section in sections.items():
        contexts[path].get_help()
        options = set(re.findall(r"^│[ *]+(--[\w-]+)", capsys.readouterr().out, re.MULTILINE))
        assert "--help" in options, path
        rows = "".join(re.findall(r"^\|.*$", section, re.MULTILINE))
        assert all(f"`{option}" in rows for option in options - {"--help"}), path
        assert path in section
