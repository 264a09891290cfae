"""The report in a browser: it opens from disk, asks for nothing, and does what it offers."""

import csv
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from zoo.evaluate.compare import compare
from zoo.evaluate.leaderboard import leaderboard
from zoo.report.comparison import write_comparison
from zoo.report.page import boards_page, write_report

# Blobs are looked at instead of saved.
SAVED = """
const kept = [];
const give = URL.createObjectURL;
URL.createObjectURL = (blob) => { kept.push(blob); return give.call(URL, blob); };
const click = HTMLAnchorElement.prototype.click;
let name;
HTMLAnchorElement.prototype.click = function () { name = this.download; };
arguments[0].click();
URL.createObjectURL = give;
HTMLAnchorElement.prototype.click = click;
return new Response(kept[0]).arrayBuffer().then(
  (bytes) => [name, new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)]);
"""


@pytest.fixture
def address(mistaken) -> str:
    path = next(p for p in write_report(Path("report")) if p.name == "tones-kfold-3.html")
    return path.absolute().as_uri()


@pytest.fixture
def comparison(mistaken) -> str:
    write_comparison(Path("comparison.html"), compare("svm@tones", "logistic@tones"))
    return Path("comparison.html").absolute().as_uri()


@pytest.fixture
def page(browser, address):
    browser.open(address)
    return browser


def column(page, table: str, place: int) -> list[str]:
    return page.run(
        "return [...document.querySelectorAll(`table[data-name='${arguments[0]}'] tbody tr`)]"
        ".filter((row) => !row.hidden).map((row) => row.cells[arguments[1]].textContent.trim())",
        table,
        place,
    )


def press(page, selector: str) -> None:
    """Do what somebody without a mouse does."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    page.driver.find_element(By.CSS_SELECTOR, selector).send_keys(Keys.SPACE)


def test_it_opens_from_disk_and_asks_for_nothing(browser, address, comparison):
    index = address.replace("tones-kfold-3", "index")
    for one in (index, address, comparison):
        browser.open(one)
        asked = browser.requests()
        assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [one]
        assert browser.complaints() == []


def test_every_control_can_be_used_without_a_complaint(page):
    count = page.run(
        "HTMLAnchorElement.prototype.click = () => {};"
        "const all = [...document.querySelectorAll('button, input')];"
        "all.forEach((one) => one.click()); return all.length"
    )
    assert count > 30
    assert page.complaints() == []
    assert [url for url in page.requests() if not url.startswith(("data:", "blob:", "file:"))] == []


def test_scripts_that_are_not_the_pages_own_do_not_run(page):
    page.run(
        "const script = document.createElement('script');"
        "script.textContent = 'window.hurt = true'; document.body.append(script);"
        "const image = new Image(); image.setAttribute('onerror', 'window.hurt = true');"
        "image.src = 'data:image/png;base64,AA'; document.body.append(image);"
    )
    assert page.run("return fetch('data:,x').then(() => 'sent', () => 'refused')") == "refused"
    assert page.run("return window.hurt") is None


def test_tables_sort_as_numbers_or_words_and_back(page):
    names = column(page, "f1", 0)
    press(page, "table[data-name='f1'] thead th:nth-child(1) button")
    assert column(page, "f1", 0) == sorted(names)
    press(page, "table[data-name='f1'] thead th:nth-child(1) button")
    assert column(page, "f1", 0) == sorted(names, reverse=True)
    assert page.run("return document.querySelector('[data-name=board] th').ariaSort") == "ascending"
    page.run(
        "const body = document.querySelector('table[data-name=board] tbody');"
        "body.append(...arguments[0].map((text) => {"
        "  const row = body.rows[0].cloneNode(true);"
        "  row.cells[2].textContent = text; return row; }))",
        ["9", "", "10.5", "-2", "+1", "60 %", ".5", "-"],
    )
    page.run(
        "const [row] = document.querySelector('table[data-name=board] tbody').rows;"
        "const failed = row.cloneNode(true);"
        "[...failed.cells].slice(3).map((cell) => cell.remove());"
        "failed.cells[2].colSpan = 9; failed.cells[2].textContent = 'failed'; row.before(failed)"
    )
    given = [float(text) for text in column(page, "board", 2)[1:3]]
    head = "table[data-name='board'] thead th:nth-child(3)"
    press(page, f"{head} button")
    assert page.run(f'return document.querySelector("{head}").ariaSort') == "descending"
    *numbers, one, other, last = column(page, "board", 2)
    values = [float(text.removesuffix(" %")) for text in numbers]
    assert values == sorted([*given, 9, 10.5, -2, 1, 60, 0.5], reverse=True)  # the best first
    assert {one, other, last} == {"", "-", "failed"}
    press(page, f"{head} button")
    assert column(page, "board", 2)[:-3] == numbers[::-1]
    assert page.run(f'return document.querySelector("{head}").ariaSort') == "ascending"


def test_rows_are_filtered_by_text_and_by_model_and_so_exported(page):
    names = column(page, "board", 1)
    field = "#board .filter input"
    fill = (
        "const field = document.querySelector(arguments[0]); field.value = arguments[1];"
        "field.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    page.run(fill, field, "SVM")
    assert column(page, "board", 1) == ["svm"]
    assert page.run("return document.querySelector('#board output').textContent") == "1 of 2 rows"
    save = "[...document.querySelectorAll('#board .tools button')]"
    _, text = page.run(SAVED, page.run(f"return {save}.find((b) => b.textContent === 'Save CSV')"))
    assert len(text.splitlines()) == 2
    page.run(fill, field, "")
    assert column(page, "board", 1) == names
    page.run(fill, "#board .filter select", "logistic")
    assert column(page, "board", 1) == ["logistic"]


def test_a_table_is_saved_and_copied_as_latex(page):
    cell = "document.querySelector('table[data-name=\"board\"] tbody th')"
    page.run(f"{cell}.textContent = 'a_b & 50 % #1 {{x}} ~ ^ \\\\ $'")
    button = "[...document.querySelectorAll('#board .tools button')].find((b) => b.textContent === "
    name, text = page.run(SAVED, page.run(f"return {button}'Save LaTeX')"))
    assert name == "board.tex"
    lines = text.splitlines()
    assert lines[0] == "% \\usepackage{booktabs}"
    columns = len(
        page.run("return [...document.querySelector('[data-name=board] tr').cells].map(String)")
    )
    heading = page.run("return document.querySelector('#content').dataset.caption")
    assert lines[1] == f"% {heading}"
    assert lines[1].startswith("% tones, kfold:3")
    assert lines[2].startswith("\\begin{tabular}{rl")
    assert lines[3].strip() == "\\toprule"
    first = lines[6].strip()
    assert (
        r"a\_b \& 50 \% \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} \$" in first
    )
    assert first.count(" & ") == columns - 1
    assert lines[-1] == "\\end{tabular}"
    page.run(
        "navigator.clipboard.writeText = (given) => {"
        "  window.copied = given; return Promise.resolve(); }"
    )
    page.run(f"({button}'Copy LaTeX')).click()")
    assert page.run("return window.copied") == text
    assert page.run("return document.getElementById('status').textContent") == "LaTeX copied"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_menu_stays_and_marks_the_section(page, width):
    page.size(width)
    current = "return document.querySelector('nav [aria-current]').textContent"
    assert page.run(current) == "Board"
    for link in page.run("return [...document.querySelectorAll('nav a')]")[1:5]:
        page.run("arguments[0].click()", link)
        page.run("return new Promise((done) => setTimeout(done, 120))")
        assert page.run(current) == page.run("return arguments[0].textContent", link)
        top, left, right = page.run(
            "const b = arguments[0].getBoundingClientRect(); return [b.top, b.left, b.right]",
            link,
        )
        assert 0 <= top < 60
        assert 0 <= left < right <= width
        heading = page.run(
            "return document.querySelector(arguments[0].hash + ' h2').getBoundingClientRect().top",
            link,
        )
        assert heading > top  # the menu does not cover it


def test_the_theme_follows_the_system_until_it_is_chosen(page):
    paper = "return getComputedStyle(document.body).backgroundColor"
    ink = "return getComputedStyle(document.querySelector('figure svg text')).fill"
    light, dark_ink = page.run(paper), page.run(ink)
    page.prefer("dark")
    dark = page.run(paper)
    assert dark != light
    assert page.run(ink) != dark_ink
    page.run("document.querySelector('input[value=light]').click()")
    assert page.run(paper) == light
    page.run("document.querySelector('input[value=dark]').click()")
    page.prefer("light")
    assert page.run(paper) == dark
    page.run("document.querySelector('input[value=auto]').click()")
    assert page.run(paper) == light


def test_an_excerpt_plays_and_a_line_runs_along(page):
    time, length, visible = page.run("""
        const player = document.querySelector("audio");
        const head = player.parentElement.querySelector(".playhead");
        return player.play().then(() => new Promise((done) => {
          const look = () => (player.currentTime > 0.2 || player.ended)
            ? done([player.currentTime, player.duration, head.getAttribute("visibility")])
            : setTimeout(look, 20);
          look();
        }));
    """)
    assert 0.2 < time <= length
    assert 0.9 < length < 1.5
    assert visible == "visible"


def test_a_pair_of_models_chooses_its_tracks(page):
    assert column(page, "errors", 0) == ["high/stray.wav"]
    press(page, "td[data-right='0'][data-wrong='1'] button")
    assert column(page, "errors", 0) == []
    assert "0 tracks that" in page.run("return document.getElementById('pick').textContent")
    press(page, "#pick button")
    assert column(page, "errors", 0) == ["high/stray.wav"]


def test_figures_are_saved_as_pictures_that_stand_alone(page):
    page.run("document.querySelector('input[value=dark]').click()")
    buttons = page.run("return [...document.querySelectorAll('figure.picture button')]")
    assert len(buttons) >= 6
    for button in buttons:
        name, text = page.run(SAVED, button)
        assert name.endswith(".svg")
        tree = ET.fromstring(text)
        assert float(tree.get("width")) > 0
        assert "var(" not in text
        assert "currentColor" not in text
        assert "#e6e8ee" not in text  # the ink of the dark theme


def test_tables_are_saved_as_csv(page):
    button = "document.querySelector('table[data-name=\"board\"]').closest('section')"
    button = f"[...{button}.querySelectorAll('button')].find((b) => b.textContent === 'Save CSV')"
    page.run("document.querySelector('table[data-name=\"board\"] tbody th').textContent = '=1+1'")
    name, text = page.run(SAVED, page.run(f"return {button}"))
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert name == "board.csv"
    assert rows[0][:3] == ["rank", "model", "accuracy"]
    assert rows[1][1] == "'=1+1"
    assert rows[0][-1] == "board"
    assert {row[-1].partition(" tracks")[0] for row in rows[1:]} == {"tones, kfold:3, 16"}
    assert len({len(row) for row in rows}) == 1
    assert [row[2] for row in rows[1:]] == column(page, "board", 2)


def test_files_have_one_figure_per_cell(page):
    find = "return [...document.querySelectorAll('button')].filter((b) => b.textContent === "
    cells = {"CSV": [], "LaTeX": []}
    for kind, found in cells.items():
        for button in page.run(f"{find}'Save {kind}')"):
            _, text = page.run(SAVED, button)
            if kind == "CSV":
                found += [cell for row in csv.reader(io.StringIO(text)) for cell in row]
            else:
                found += [c for row in text.splitlines() for c in row.strip(" \\").split(" & ")]
    for found in cells.values():
        glued = r"[\d.]+ [\d.]+|\.\d{4,}|[\d.]+\+[\d.]+"
        assert not [cell for cell in found if re.fullmatch(glued, cell)]
    assert [cell for cell in cells["LaTeX"] if re.fullmatch(r"[\d.]+--[\d.]+", cell)]
    assert not [cell for cell in cells["LaTeX"] if re.fullmatch(r"[\d.]*-[\d.]+", cell)]


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_page_scrolls_sideways(browser, address, comparison, width):
    browser.size(width)
    for one in (address, address.replace("tones-kfold-3", "index"), comparison):
        browser.open(one)
        assert browser.run("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_and_use_the_pages(browser, address, comparison, scheme):
    table = Path("leaderboard.html")
    table.write_text(boards_page(leaderboard()), encoding="utf-8")
    browser.prefer(scheme)
    browser.size(390)
    for one in (address, comparison, table.absolute().as_uri()):
        browser.open(one)
        # Cells of the greatest shades. A gradient behind a table keeps axe from computing contrast.
        browser.run(
            "document.querySelectorAll('details').forEach((one) => { one.open = true; });"
            "document.querySelectorAll('.heat').forEach((cell) => {"
            "  cell.style.setProperty('--v', 100); cell.innerHTML += ' <small>100</small>'; });"
            "document.querySelectorAll('.scroll').forEach((box) => {"
            "  box.style.background = 'none'; });"
        )
        assert browser.obstacles() == []


def test_in_print_nothing_is_cut_and_no_button_is_left(page):
    page.run("document.querySelector('input[value=dark]').click()")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert (
        page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    )
    left = page.run(
        "return [...document.querySelectorAll('.tools, audio, nav, .theme')]"
        ".filter((one) => one.checkVisibility()).length"
    )
    assert left == 0
    cut = page.run(
        "return [...document.querySelectorAll('.scroll')]"
        ".filter((box) => getComputedStyle(box).overflowX !== 'visible').length"
    )
    assert cut == 0


def test_a_point_of_the_map_leads_to_what_can_be_played(page):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    point = page.driver.find_element(By.CSS_SELECTOR, "#map svg a")
    page.run("arguments[0].focus()", point)
    assert page.run("return document.activeElement === arguments[0]", point)
    point.send_keys(Keys.ENTER)
    assert page.run("return document.querySelector('.card:target audio') !== null")
