"""The pages as a site: it is built without a warning, and asks nobody for anything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PAGES = {page.stem for page in ROOT.glob("docs/*.md")}
MOST = 150_000  # bytes of a screenshot


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Return the built site."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def scripts(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))


def test_every_page_is_there_and_can_be_reached(site):
    assert {page.stem for page in site.glob("*.html")} == PAGES | {"404"}
    start = (site / "index.html").read_text(encoding="utf-8")
    linked = set(re.findall(r'href="(?:\./)?([\w-]+)\.html"', start))
    assert linked == PAGES
    assert (site / "browser" / "index.html").is_file()
    assert not list(site.rglob("*.py"))


def test_every_built_in_model_and_front_end_has_its_page(site, scripts):
    import generate

    start = (site / "index.html").read_text(encoding="utf-8")
    pages = generate.card_pages()
    assert len(pages) >= 12
    for page, title in pages.items():
        address = page.replace(".md", ".html")
        assert title in (site / address).read_text(encoding="utf-8")
        assert f'href="{address}"' in start
    stored = {p.relative_to(ROOT / "docs").as_posix() for p in ROOT.glob("docs/*/*.md")}
    assert stored == set(pages)


def test_every_page_is_found_by_the_search(site):
    index = (site / "search" / "search_index.json").read_text(encoding="utf-8")
    assert {f"{page}.html" for page in PAGES} <= set(re.findall(r'"location":"([\w.-]+)', index))


def test_nothing_is_loaded_from_elsewhere(site):
    loads = r'<(?:script|img|link|iframe|source|audio)\b[^>]*?\b(?:src|href)="?(https?:)?//[^">]*'
    for page in site.rglob("*.html"):
        found = re.search(loads, page.read_text(encoding="utf-8"))
        assert not found, f"{page.name}: {found}"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_figures_are_what_the_zoo_computes_now(scripts):
    import figures

    stored = {path.stem: path.read_text(encoding="utf-8") for path in figures.FOLDER.iterdir()}
    assert set(stored) == set(figures.FIGURES)
    text = "".join(page.read_text(encoding="utf-8") for page in ROOT.glob("docs/*.md"))
    for name, draw in figures.FIGURES.items():
        assert f"(figures/{name}.svg)" in text
        # Lines may differ in their last digits between machines, words and figures may not.
        words = [
            re.findall(r"<text[^>]*>([^<]*)<", svg) for svg in (stored[name], figures.svg(draw))
        ]
        assert words[0] == words[1] != [], f"{name}.svg is out of date: run `make docs`"


def test_every_page_that_is_looked_at_has_its_screenshots(scripts):
    import screenshots

    wanted = {f"{name}-{width}.png" for name in screenshots.PAGES for width in screenshots.WIDTHS}
    assert {path.name for path in screenshots.FOLDER.iterdir()} == wanted
    text = "".join(page.read_text(encoding="utf-8") for page in ROOT.glob("docs/*.md"))
    contents = set()
    for name in wanted:
        assert f"(screenshots/{name})" in text
        content = (screenshots.FOLDER / name).read_bytes()
        assert len(content) < MOST
        contents.add(content)
        width = int(name.removesuffix(".png").rpartition("-")[2])
        with Image.open(screenshots.FOLDER / name) as picture:
            assert picture.format == "PNG"
            assert picture.width == width
            assert picture.width / 3 < picture.height <= screenshots.WIDTHS[width]
            # Letters and lines on a ground, and no page that was empty or still loading.
            counts = sorted(picture.convert("RGB").getcolors(maxcolors=1 << 24), reverse=True)
            assert len(counts) > 50
            assert sum(count for count, _ in counts[:1]) < 0.97 * picture.width * picture.height
    assert len(contents) == len(wanted)
