"""The page of ``zoo label`` in a browser: it plays, a click is a label, and keys do the same."""

import csv
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import uvicorn

from zoo.inference.label_sheet import COLUMNS, LabelSheet
from zoo.web import label_page
from zoo.web.label_page import LabelPage, build

RATE = 16_000
NASTY = "<img src=x onerror=alert(1)>.aiff"
CLASSES = ("high", "low", "a class with quite a long name that has to be wrapped somewhere")


@pytest.fixture
def address(workspace, tmp_path_factory) -> Iterator[str]:
    """Return where the page of three recordings is served; the second needs to be decoded."""
    rng = np.random.default_rng(0)
    names = ("a.wav", NASTY, "c.flac")
    for name in names:
        soundfile.write(name, 0.1 * rng.standard_normal(3 * RATE), RATE)
    sheet = LabelSheet(Path("labels.csv"))
    files = [str(workspace / name) for name in names]
    known = {"guess": "low", "confidence": "0.412", "reason": "between low and high"}
    sheet.add([dict.fromkeys(COLUMNS, "") | {"path": file} | known for file in files])
    page = LabelPage(sheet, files, CLASSES, "gtzan", "zoo train svm --data labels.csv")
    config = uvicorn.Config(
        build(page, tmp_path_factory.mktemp("decoded")),
        port=0, log_level="critical", ws="none", headers=list(label_page.HEADERS_OF_PAGE),
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def labels() -> list[str]:
    with Path("labels.csv").open(encoding="utf-8-sig", newline="") as file:
        return [row["label"] for row in csv.DictReader(file)]


@pytest.fixture
def soon(browser) -> Callable[[str], object]:
    """Return a function that waits until an expression of JavaScript is true."""
    from selenium.webdriver.support.ui import WebDriverWait

    return lambda wanted: WebDriverWait(browser.driver, 20).until(
        lambda _: browser.run(f"return {wanted}")
    )


PLAYS = "document.querySelector('audio').readyState > 2"
NAME = "document.querySelector('#name').textContent"


def test_a_person_labels_three_recordings(browser, address, soon):
    def press(keys: str) -> None:
        browser.driver.find_element("css selector", "body").send_keys(keys)

    browser.open(address)
    soon(f"{PLAYS} && document.querySelector('#progress').textContent === '0 of 3 have a label'")
    browser.run("document.querySelector('audio').currentTime = 2")
    soon("document.querySelector('audio').currentTime >= 2")
    buttons = browser.driver.find_elements("css selector", "#classes button")
    assert [button.accessible_name for button in buttons] == [
        CLASSES[0],
        "low (the guess)",
        CLASSES[2],
    ]
    assert "gtzan guesses low, 41 %" in browser.driver.find_element("id", "guess").text
    buttons[0].click()
    soon(f"{NAME} === {NASTY!r} && {PLAYS}")
    assert labels() == ["high", "", ""]
    assert browser.run("return document.querySelector('audio').src").endswith("/sound/1.wav")
    press("u")
    soon(f"{NAME} === 'a.wav'")
    assert labels() == ["", "", ""]
    press("2")
    soon(f"{NAME} === {NASTY!r}")
    press("s")
    soon(f"{NAME} === 'c.flac'")
    press("o")
    typed = browser.driver.find_element("id", "typed")
    assert browser.driver.switch_to.active_element == typed
    typed.send_keys("1 of mine\n")  # whose first key is no class
    soon("!document.querySelector('#done').hidden")
    assert labels() == ["low", "", "1 of mine"]
    text = browser.driver.find_element("id", "done").text
    assert "2 of 3 recordings have a label" in text
    assert "too few for 'low', '1 of mine'." in text
    assert "zoo train" not in text
    with Path("labels.csv").open("a", encoding="utf-8") as file:  # as a spreadsheet may do
        file.write("d.flac,low,,,,\n")
    browser.driver.find_element("id", "again").click()
    soon(f"{NAME} === {NASTY!r}")
    assert len(browser.driver.find_elements("css selector", "#classes button")) == 4
    press("4")
    soon("document.querySelector('#ready').textContent === 'All 3 recordings have a label'")
    assert labels() == ["low", "1 of mine", "1 of mine", "low"]
    assert "zoo train svm --data labels.csv" in browser.driver.find_element("id", "done").text
    assert browser.complaints() == []
    asked = {url for url in browser.requests() if url.startswith("http")}
    assert all(url.startswith(address) for url in asked)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_leaves_the_page(browser, address, soon, width, scheme):
    browser.size(width)
    browser.prefer(scheme)
    browser.open(address)
    soon(PLAYS)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.obstacles() == []
    # On a phone, what follows the classes stays near; keys are named where there are some.
    grid = browser.run(
        "return getComputedStyle(document.querySelector('#classes')).gridTemplateColumns"
    )
    assert len(grid.split()) == (2 if width == 390 else 4)
    shown = browser.run("return document.querySelector('.keys').offsetHeight > 0")
    assert shown == browser.run("return document.querySelector('kbd').offsetHeight > 0")
    assert shown == (width == 1280)
    paper = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(18, 21, 27)") == (scheme == "dark")


def test_an_answer_that_cannot_be_written_is_said(browser, address, soon):
    browser.open(address)
    soon(PLAYS)
    Path("labels.csv").write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    browser.driver.find_element("css selector", "#classes button").click()
    soon("!document.querySelector('#problem').hidden")
    said = browser.driver.find_element("id", "problem").text
    assert "has no row of 'a.wav' any more" in said
    assert "The label was not written." in said
    assert browser.run(f"return {NAME}") == "a.wav"
