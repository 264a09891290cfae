"""What the documentation says can be done, as it says."""

import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import zoo
from zoo.plugins.sklearn_defaults import EstimatorDefaults
from zoo.testing import CHECKS, Status, Subject, examine
from zoo_registry import Registry
from zoo_registry.discovery import EXTENSIONS, MODELS

ROOT = Path(__file__).parents[1]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_whole_model_is_one(tone_folder):
    (source,) = blocks("docs/plugins.md", "python")
    Path("nearest.py").write_text(source, encoding="utf-8")
    run = zoo.train("./nearest.py", str(tone_folder(tracks=5)))
    assert run.complete, run.record.error
    assert zoo.leaderboard()[0].rows[0].accuracy > 0.6
    subject = Subject("nearest.py")
    outcomes = [examine(check, subject, {}) for check in CHECKS.values()]
    subject.close()
    assert [outcome for outcome in outcomes if outcome.status is Status.failed] == []


@pytest.mark.parametrize("source", blocks("docs/extensions.md", "python"))
def test_every_extension_of_the_docs_keeps_something_of_a_run(
    source, install_plugin, feature_table
):
    points = [
        *entry_points(group=MODELS),
        install_plugin("example", source, group=EXTENSIONS),
    ]
    registry = Registry([EstimatorDefaults()], points)
    run = zoo.train("logistic", str(feature_table()), registry=registry)
    assert run.complete, run.record.error
    ((name, kept),) = run.record.extensions.items()
    assert f'return {{"{name}": ' in source
    assert all(kept.values())


def test_links_between_pages_lead_somewhere():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    assert len(pages) > 40
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            # The page for browsers is a part of the site, see docs/site_hooks.py.
            places = [page.parent / target, ROOT / "zoo" / "web" / target]
            assert any(place.exists() for place in places), f"{page.name} links to {target}"


def test_every_promise_names_tests_that_exist():
    pages = ("promises", "inputs", "results", "security")
    page = "\n".join((ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in pages)
    heads = re.findall(r"^\| .* \| tests \|$", page, re.MULTILINE)
    rows = [row for row in page.splitlines() if row.startswith("| ") and row.endswith(".py` |")]
    assert (len(heads), len(rows)) > (10, 150)
    for name in re.findall(r"`([a-z_/]+/test_\w+\.py|test_\w+\.py)`", page):
        assert (ROOT / "tests" / name).is_file(), name


def test_no_page_or_module_names_this_machine():
    for pattern in ("*.md", "*.toml", "*.txt", "Makefile", ".ci/run"):
        for path in [*ROOT.glob(pattern), *ROOT.glob(f"docs/{pattern}")]:
            assert str(ROOT) not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-lowest.txt"])
def test_constraints_pin_versions_within_their_bounds_and_nothing_else(name):
    pinned = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+", line), line
        package, version = line.split("==")
        pinned[canonicalize_name(package)] = version
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    for requirement in map(Requirement, named):
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


def test_every_protocol_stands_in_the_docs():
    from zoo.evaluate import protocols

    described = (ROOT / "docs/evaluation.md").read_text(encoding="utf-8")
    for spec in re.findall(r"^``([\w:-]+)", protocols.__doc__ or "", re.MULTILINE):
        assert f"`{spec.split(':')[0]}" in described, spec
