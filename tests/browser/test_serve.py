"""The page of ``zoo serve`` in a browser: a recording goes in, answers come out, nothing leaves."""

import csv
import io
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import httpx
import numpy as np
import onnx
import pytest
import soundfile

import zoo
from zoo.artefacts.metadata import METADATA
from zoo.audio.kinds import SUFFIXES
from zoo.inference.output_file import csv_header, csv_lines
from zoo.inference.prediction import Prediction

A_HANG = 60  # seconds
RATE = 22_050
MODELS = ("decision-tree", "logistic")
ENGINE = Path(zoo.__file__).parent / "web" / "browser" / "ort"


@pytest.fixture(scope="module")
def models(make_tones, tmp_path_factory) -> Path:
    """Return a workspace with two models of high and low tones."""
    folder = tmp_path_factory.mktemp("tones")
    data = make_tones(folder / "tones", tracks=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(folder / "cache"))
        patch.setenv("ZOO_MODELS", str(folder / "models"))
        for name in MODELS:
            run = zoo.train(name, str(data), protocol="kfold:2", jobs=1)
            assert run.complete, run.record.error
    return folder


@pytest.fixture(scope="module")
def server(serve, models):
    return serve(models, "--max-megabytes", "2", "--max-minutes", "1.2")


@pytest.fixture(scope="module")
def song(tmp_path_factory, make_tones) -> Path:
    """Return half a minute of a high tone, and as much of a low one."""
    folder = make_tones(tmp_path_factory.mktemp("new"), tracks=1, seconds=31, seed=1)
    parts = [soundfile.read(folder / name / f"{name}00.wav")[0] for name in ("high", "low")]
    soundfile.write(folder / "song.flac", np.concatenate([p[: 30 * RATE] for p in parts]), RATE)
    return folder / "song.flac"


@pytest.fixture
def predicted(models, song, monkeypatch) -> dict[str, Prediction]:
    """Return what `zoo predict` says of the song, by run."""
    monkeypatch.setenv("ZOO_MODELS", str(models / "models"))
    found = [found for name in MODELS for found in zoo.predict(name, [song], timeline=True)]
    return {each.run: each for each in found}


def until(found: Callable[[], object]) -> object:
    """Return what is found once it is there."""
    end = time.monotonic() + A_HANG
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    pytest.fail("what was expected never came")


def is_idle(page) -> bool:
    return page.run("return document.getElementById('main').ariaBusy === 'false'")


def state(page) -> str:
    return page.driver.find_element("id", "state").text


def choose(page, *paths: Path) -> str:
    """Give recordings to the page; return what it says when all are answered."""
    page.driver.find_element("id", "sound").send_keys("\n".join(map(str, paths)))
    until(lambda: is_idle(page))
    return state(page)


def press(page, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(page.driver).send_keys(*keys).perform()


def texts(page, selector: str) -> list[str]:
    return page.run(
        "return [...document.querySelectorAll(arguments[0])].map((item) => item.innerText.trim())",
        selector,
    )


def datasets(page) -> list[str]:
    return [text.partition(":")[0] for text in texts(page, "#dataset option")]


def ask_about(page, dataset: str) -> None:
    """Choose the dataset whose models are asked."""
    from selenium.webdriver.support.ui import Select

    Select(page.driver.find_element("id", "dataset")).select_by_index(datasets(page).index(dataset))


def click(page, selector: str) -> None:
    page.driver.find_element("css selector", selector).click()


def opened(browser, server, dataset: str = "tones"):
    browser.open(server.address)
    until(lambda: is_idle(browser) and datasets(browser))
    ask_about(browser, dataset)
    return browser


@pytest.fixture
def page(browser, server):
    return opened(browser, server)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_an_uploaded_song_is_classified(browser, server, song, predicted, width, scheme):
    browser.size(width)
    browser.prefer(scheme)
    page = opened(browser, server)
    choose(page, song)

    labels = {found.label for found in predicted.values()}
    assert set(texts(page, ".winner")[0].split(" or ")) == labels
    shown = page.run(
        "return [...document.querySelectorAll('.card')].map((card) => [card.dataset.run, "
        "card.querySelector('.verdict').innerText, card.querySelector('.took').innerText, "
        "[...card.querySelectorAll('tbody tr')].map((row) => row.innerText.split(/\\s+/))])"
    )
    assert {run for run, *_ in shown} == set(predicted)
    for run, label, seconds, rows in shown:
        found = predicted[run]
        assert label.split() == [found.label, f"{100 * found.confidence:.1f}", "%"]
        assert seconds.endswith(" s")
        assert {name: (value, int(votes)) for name, value, votes in rows} == {
            name: (f"{value:.3f}", found.votes.get(name, 0))
            for name, value in found.probabilities.items()
        }
    assert page.run("return document.querySelector('.stage path').getBBox().width") > 990
    for run, found in predicted.items():
        stretches = [(part.start, part.label) for part in found.timeline]
        assert len(stretches) == 2, run
    assert len(texts(page, ".strip")) == 2
    assert texts(page, ".strip b") == [
        part.label for f in predicted.values() for part in f.timeline
    ]
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.obstacles() == []

    hosts = {urlsplit(url).hostname for url in page.requests() if url.startswith("http")}
    assert hosts == {"127.0.0.1"}
    assert page.complaints() == []
    assert server.left() == []


def test_the_models_of_one_dataset_are_asked_published_ones_first(browser, server, song):
    browser.open(server.address)
    until(lambda: is_idle(browser))
    assert datasets(browser) == ["gtzan", "esc10", "tones"]
    checked = "#models input:checked"
    value = "return [...document.querySelectorAll(arguments[0])].map((box) => box.value)"
    assert browser.run(value, checked) == ["gtzan", "gtzan-light"]
    assert all("accuracy" in row for row in texts(browser, "#models label"))
    assert "rock" in texts(browser, "#classes li")
    ask_about(browser, "tones")
    assert texts(browser, "#classes li") == ["high", "low"]
    runs = browser.run(value, checked)
    assert [run.rpartition("-")[0] for run in runs] == ["logistic", "decision-tree"]
    click(browser, "#models label")
    choose(browser, song)
    assert texts(browser, ".card .run") == [f"{runs[1]} · trained on tones"]
    browser.driver.refresh()
    until(lambda: is_idle(browser))
    assert texts(browser, "#classes li") == ["high", "low"]


COLOURS = """
const found = [];
const colour = (painted) => {
  const { backgroundColor, backgroundImage } = getComputedStyle(painted);
  return `${backgroundColor} ${backgroundImage}`;
};
for (const item of document.querySelectorAll(".legend li"))
  found.push([item.innerText.trim(), colour(item.querySelector("i"))]);
for (const row of document.querySelectorAll(".card tbody tr"))
  found.push([row.cells[0].innerText, colour(row.querySelector("i"))]);
for (const button of document.querySelectorAll(".strip button"))
  for (const bar of button.parentElement.querySelectorAll(".bars i"))
    if (bar.style.left === button.style.left) found.push([button.innerText.trim(), colour(bar)]);
return found;
"""


def test_a_class_has_one_colour_everywhere(page, song, tmp_path):
    shutil.copy(song, tmp_path / "again.flac")
    choose(page, song, tmp_path / "again.flac")
    found = page.run(COLOURS)
    assert len(found) == 2 + 2 * (2 + 2 * (2 + 2))
    assert {name for name, _ in found} == {"high", "low"}
    assert len({tuple(pair) for pair in found}) == 2
    many = page.run(
        """const { painted } = await import("./colours.js");
        const classes = Array.from({ length: 40 }, (_, n) => `class ${n}`);
        const style = ({ style }) => style.backgroundColor + style.backgroundImage;
        const other = ["class 39", "class 3", "new"];
        return [classes.map((name) => style(painted(name, classes))),
                other.map((name) => style(painted(name, other))),
                style(painted("unknown", classes))];"""
    )
    assert len(set(many[0])) == 40
    assert many[1][:2] == [many[0][39], many[0][3]]
    assert many[1][2] not in many[1][:2]
    assert many[2] == ""


def test_everything_can_be_done_with_the_keyboard(page, song):
    from selenium.webdriver.common.keys import Keys

    active = "const { activeElement: a } = document; return a.ariaLabel || a.id || a.className"
    reached = []
    choose(page, song)
    page.run("document.querySelector('h1').tabIndex = -1; document.querySelector('h1').focus()")
    while not (reached and reached[-1].startswith("remove")) and len(reached) < 60:
        press(page, Keys.TAB)
        reached.append(page.run(active))
        ring = page.run("return getComputedStyle(document.activeElement).outlineWidth")
        assert ring != "0px", reached[-1]
        if reached[-1].startswith("0:00 to 0:30: high"):
            press(page, Keys.ARROW_RIGHT)
            assert page.run(active).startswith("0:30 to 1:00: low")
            press(page, Keys.ENTER)
            until(lambda: page.run("return document.querySelector('audio').currentTime >= 30"))
            press(page, Keys.HOME)
            assert page.run(active).startswith("0:00 to")
        if reached[-1].startswith("Remove: "):
            press(page, Keys.ENTER)
            break
    assert texts(page, "article") == []
    assert page.run(active) == "choose"
    assert {"choose", "record", "dataset", "csv", "copy", "clear"} <= set(reached)
    assert sum(name.startswith("0:00 to 0:30") for name in reached) == 2  # a stop per model


def test_a_recording_from_the_microphone(page):
    click(page, "#record")
    until(lambda: page.run("return document.querySelector('#level').value > 0.01"))
    until(lambda: page.driver.find_element("id", "time").text == "0:01")
    assert page.run("return document.activeElement.id") == "stop"
    assert page.obstacles() == []
    click(page, "#discard")
    until(lambda: not page.driver.find_element("id", "recorder").is_displayed())
    assert texts(page, "article") == []
    assert state(page) == "Discarded."
    click(page, "#record")
    until(lambda: page.driver.find_element("id", "time").text == "0:01")
    click(page, "#stop")
    until(lambda: is_idle(page) and texts(page, "article"))
    assert len(texts(page, ".card")) == 2, texts(page, "article")
    assert texts(page, "h3")[0].startswith("recording ")
    page.run(
        "navigator.mediaDevices.getUserMedia = "
        "() => Promise.reject(new DOMException('', 'NotAllowedError'))"
    )
    click(page, "#record")
    until(lambda: state(page).startswith("The microphone is not allowed for this page; allow it"))
    assert page.driver.find_element("id", "record").is_enabled()


def test_a_page_without_https_says_why_it_cannot_record(browser, server):
    browser.open(server.address)
    # As a browser does it that has the page by http from another machine.
    browser.run("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    click(browser, "#record")
    until(lambda: "only on pages with HTTPS, and on localhost" in state(browser))


LONG = np.zeros(73 * 8000)


@pytest.mark.parametrize(
    ("name", "content", "words", "is_sent"),
    [
        ("odd.flac", b"Dear page, this is a text.\n" * 20, "is not audio that can be", True),
        ("odd.flac", b"", "the file is empty", False),
        ("odd.wav", bytes(2_100_000), "3 MB, and this server takes up to 2 MB", False),
        ("odd.wav", LONG, "lasts 1:13, and this server takes up to 1.2 minutes", False),
        ("odd.aiff", LONG, "longer than the 1.2 minutes", True),  # no browser reads its header
    ],
)
def test_what_cannot_be_answered_is_told(page, server, tmp_path, name, content, words, is_sent):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        soundfile.write(path, content, 8000)
    assert texts(page, "#limits") == ["Up to 1.2 minutes each."]
    page.requests()
    choose(page, path)
    assert words in texts(page, "article")[0]
    assert "`" not in texts(page, "article")[0]  # code is shown as code
    assert any("/api/batch" in url for url in page.requests()) == is_sent
    assert str(server.temporary) not in page.run("return document.body.innerText")
    assert server.left() == []


def test_after_many_recordings_the_page_says_how_many_have_an_answer(page, song, tmp_path):
    name = "<b>ä&%22\"'.flac"
    shutil.copy(song, tmp_path / name)
    for number in range(4):
        (tmp_path / f"{number}.wav").write_text("no sound")
    choose(page, tmp_path / name, *sorted(tmp_path.glob("*.wav")))
    assert state(page) == ("1 recording done, 4 without an answer: 0.wav, 1.wav, 2.wav and 1 more.")
    lines = page.run("return document.querySelector('article pre').textContent").splitlines()
    assert {json.loads(line)["path"] for line in lines} == {name}
    assert choose(page, tmp_path / "0.wav").startswith("0.wav is not audio")


PLACE = """
const [x, width] = arguments;
const stage = document.querySelector(".stage");
stage.style.width = width;
await new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve), 100));
const { left, width: wide } = stage.getBoundingClientRect();
const button = document.querySelector(".strip button");
const at = { clientX: left + x * wide, detail: 1, bubbles: true };
button.dispatchEvent(new MouseEvent("click", at));
const audio = document.querySelector("audio");
const labels = [...document.querySelectorAll(".strip button")].map(({ ariaLabel }) => ariaLabel);
return [audio.paused, audio.currentTime, labels];
"""


def test_a_click_plays_from_its_place_and_a_second_one_pauses(page, song):
    assert "1 of" not in choose(page, song)
    assert "no class has most of the windows: " in texts(page, ".agree")[0]
    ends = page.run(
        "return [...document.querySelectorAll('.axis span')].map((a) => a.offsetHeight)"
    )
    assert len(set(ends)) == 1
    paused, at, labels = page.run(PLACE, 0.25, "")
    assert not paused
    assert at == pytest.approx(15, abs=1)
    assert len(labels) == 4
    paused, _, labels = page.run(PLACE, 0.25, "40px")  # too narrow for two stretches
    assert paused
    assert len(labels) == 2
    assert all("0:00 to 1:00: mostly " in label for label in labels)


DROP = """
const [name, content] = arguments;
const dropped = new DataTransfer();
dropped.items.add(new File([Uint8Array.from(content)], name));
document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true }));
"""


def test_kinds_that_the_browser_does_not_know(page, server, song, tmp_path):
    # The server goes by the bytes, whatever the browser takes the suffix for.
    path = tmp_path / "song.wv"
    soundfile.write(
        path, soundfile.read(song)[0][: 3 * RATE], RATE, format="AIFF", subtype="PCM_16"
    )
    page.run(DROP, path.name, list(path.read_bytes()))
    until(lambda: is_idle(page) and len(texts(page, ".card")) == 2)
    assert "song.wv" in texts(page, "h3")[0]
    assert not page.driver.find_element("css selector", "audio").is_displayed()
    assert page.run("return document.querySelector('.stage path').getBBox().width") > 990
    offered = page.run("return document.getElementById('sound').accept")
    assert set(offered.split(",")) == {"audio/*", *SUFFIXES}
    assert server.left() == []


def send_at(page, speed: int) -> None:
    """Let the page send that many bytes in a second; -1 for as many as it can."""
    speeds = {"downloadThroughput": -1, "uploadThroughput": speed}
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions", {"offline": False, "latency": 0, **speeds}
    )


def test_what_waits_is_cancelled_at_once_and_what_has_gone_is_told(page, song, tmp_path):
    from selenium.webdriver.common.keys import Keys

    paths = [shutil.copy(song, tmp_path / f"{name}.flac") for name in ("first", "second", "third")]
    send_at(page, 50_000)
    page.driver.find_element("id", "sound").send_keys("\n".join(map(str, paths)))
    until(lambda: re.match(r"Sending, \d+ %", texts(page, ".step")[0]))
    Path(paths[2]).unlink()
    page.driver.find_elements("css selector", ".cancel")[1].send_keys(Keys.ENTER)
    first, second, third = texts(page, "article")
    assert "Sending" in first
    assert "cancelled" in second
    assert "Waiting" in third
    active = page.run("return document.activeElement.ariaLabel")
    assert active == "Ask the chosen models: second.flac"
    send_at(page, -1)
    press(page, Keys.ENTER)
    assert page.run("return document.activeElement.ariaLabel") == "Cancel: second.flac"
    until(lambda: is_idle(page))
    assert texts(page, ".problem") == ["", "", "the file cannot be read any more; choose it again"]
    assert len(texts(page, ".card")) == 4
    page.run("document.getElementById('clear').click()")


def test_a_folder_that_is_dropped_is_named(page, song, tmp_path):
    shutil.copy(song, tmp_path / "song.flac")
    (tmp_path / "folder.onnx").mkdir()
    files = [str(tmp_path / name) for name in ("folder.onnx", "song.flac")]
    dragged = {"items": [], "files": files, "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": 300, "y": 300, "data": dragged}
        page.driver.execute_cdp_cmd("Input.dispatchDragEvent", event)
    until(lambda: is_idle(page) and len(texts(page, ".card")) == 2)
    reasons = texts(page, ".problem")
    assert reasons == ["this is a folder; drop the recordings in it", ""]


def test_answers_are_cancelled_asked_again_saved_and_removed(page, server, song, predicted):
    send_at(page, 50_000)  # slow enough to be cancelled while it is sent
    page.driver.find_element("id", "sound").send_keys(str(song))
    until(lambda: re.match(r"Sending, \d+ %", texts(page, ".step")[0]))
    assert page.run("return document.querySelector('progress').ariaLabel") == "Progress: song.flac"
    click(page, ".cancel")
    until(lambda: is_idle(page))
    send_at(page, -1)
    assert state(page) == "song.flac: cancelled"
    until(lambda: server.left() == [])
    click(page, ".again")
    until(lambda: is_idle(page) and len(texts(page, ".card")) == 2)
    text = page.driver.find_element("css selector", "article pre").get_attribute("textContent")
    answers = [json.loads(line) for line in text.splitlines()]
    expected = {run: found.to_json() | {"path": "song.flac"} for run, found in predicted.items()}
    assert {answer["run"]: answer for answer in answers} == expected
    table = page.run("return (await import('./written.js')).csv(arguments[0])", answers)
    lines = "".join(csv_lines(predicted[answer["run"]], False) for answer in answers)
    read = [list(csv.reader(io.StringIO(text))) for text in (table, csv_header(False) + lines)]
    for row in read[1][1:]:
        row[0] = Path(row[0]).name
    assert read[0] == read[1]
    click(page, ".copy")
    until(lambda: state(page).startswith("Copied"))
    click(page, "#clear")
    assert texts(page, "article") == []
    assert not page.driver.find_element("id", "results").is_displayed()


def test_a_model_that_was_trained_meanwhile_is_there(browser, serve, models, tmp_path):
    empty = serve(tmp_path / "empty")
    browser.open(empty.address)
    until(lambda: datasets(browser) == ["gtzan", "esc10"])
    shutil.copytree(models / "models", tmp_path / "empty" / "models")
    browser.run("document.dispatchEvent(new Event('visibilitychange'))")
    until(lambda: datasets(browser) == ["gtzan", "esc10", "tones"])
    assert empty.stop() == 0


def test_a_server_with_a_token_asks_for_it(browser, serve, models, song):
    closed = serve(models, *MODELS, "--token", "a-word-of-passage")
    browser.open(closed.address)
    field = browser.driver.find_element("id", "secret")
    until(field.is_displayed)
    assert browser.obstacles() == []
    field.send_keys("a-wrong-one\n")
    until(lambda: "token" in state(browser))
    field.clear()
    field.send_keys("\u201ca-word-of-passage\u201d\n")  # as a text processor quotes it
    until(lambda: "ASCII" in state(browser))
    browser.run("sessionStorage.setItem('zoo-token', arguments[0])", "\u201ckept\u201d")
    browser.open(closed.address)
    field = browser.driver.find_element("id", "secret")
    until(field.is_displayed)
    field.send_keys("a-wrong-one\n")
    until(lambda: "token" in state(browser))
    field.clear()
    field.send_keys("a-word-of-passage\n")
    until(lambda: datasets(browser) == ["tones"])
    assert not field.is_displayed()
    assert state(browser) == ""
    browser.run("sessionStorage.setItem('zoo-token', 'an-earlier-one')")  # as after a restart
    choose(browser, song, song)
    assert texts(browser, ".problem") == ["the token has changed; give the new one"] * 2
    field.send_keys("a-word-of-passage\n")
    until(lambda: is_idle(browser) and len(texts(browser, ".card .verdict")) == 4)
    browser.run("sessionStorage.clear()")
    assert closed.stop() == 0


@pytest.mark.skipif(not ENGINE.exists(), reason="there is no onnxruntime-web: make setup")
@pytest.mark.parametrize("is_there", [True, False])
def test_a_model_that_is_dropped_is_asked_in_the_page(page, models, song, predicted, is_there):
    if not is_there:  # as in a wheel
        page.driver.execute_cdp_cmd("Network.enable", {})
        page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/ort/*"]})
    (artefact,) = models.glob("models/**/logistic-*/model.onnx")
    page.driver.find_element("id", "model").send_keys(str(artefact))
    until(lambda: is_idle(page))
    if not is_there:
        page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
        assert state(page).startswith("model.onnx: this server lacks onnxruntime-web")
        return
    assert state(page) == "model.onnx is ready."
    page.requests()
    for box in page.driver.find_elements("css selector", "#models label:has(:checked)"):
        if "Decision" in box.text:
            box.click()
    choose(page, song)
    assert not any("/api/batch" in url for url in page.requests())
    text = page.driver.find_element("css selector", "article pre").get_attribute("textContent")
    answer = json.loads(text)
    assert answer["label"] == predicted[answer["run"]].label


def test_no_cell_of_a_saved_table_is_a_formula(page):
    text = page.driver.execute_async_script(
        "const [done] = arguments; import('/written.js').then(({ csv }) => "
        "done(csv([{ path: '=1.wav', label: '-x', confidence: 0.5, run: 'a' }])))"
    )
    (row,) = csv.DictReader(io.StringIO(text))
    assert [row[name] for name in ("path", "label", "confidence", "run")] == [
        *(" =1.wav", " -x", "0.5", "a")
    ]


def forged(path: Path, artefact: Path, **changes: object) -> Path:
    """Write an artefact whose metadata are changed."""
    model = onnx.load(artefact)
    (entry,) = (entry for entry in model.metadata_props if entry.key == METADATA)
    entry.value = json.dumps({**json.loads(entry.value), **changes})
    onnx.save(model, path)
    return path


@pytest.mark.skipif(not ENGINE.exists(), reason="there is no onnxruntime-web: make setup")
def test_a_model_that_is_dropped_hides_no_other(page, models, tmp_path):
    (artefact,) = models.glob("models/**/logistic-*/model.onnx")
    names = texts(page, "#dataset option")
    for change in (
        {"classes": {"a": 1}},
        {"classes": ["a", "a"]},
        {"run": 5},
        {"model": {"name": []}},
    ):
        path = forged(tmp_path / "odd.onnx", artefact, **change)
        page.driver.find_element("id", "model").send_keys(str(path))
        until(lambda: "wrong names" in state(page))
        assert texts(page, "#dataset option") == names
        page.run("document.getElementById('state').textContent = ''")
    path = forged(tmp_path / "own.onnx", artefact, run="gtzan", classes=["constructor", "low"])
    page.driver.find_element("id", "model").send_keys(str(path))
    until(lambda: state(page) == "own.onnx is ready.")
    assert sorted(texts(page, "#dataset option")) == sorted([*names, "tones: 2 classes"])
    runs = page.run(
        "return [...document.querySelectorAll('#models input')].map((box) => box.value)"
    )
    assert runs == ["gtzan (own.onnx)"]


# Whatever a page can try, with what it could read.
ATTACK = """
const [server, done] = arguments, read = [];
const paths = ["/", "/page.js", "/api/models", "/api/limits", "/openapi.json", "/docs", "/health",
               "/metrics"];
const form = new FormData();
form.append("file", new Blob(["x"]), "x.wav");
const posts = [["/api/predict", "x"], ["/api/predict", form], ["/api/batch", form]];
const tried = [];
for (const mode of ["cors", "no-cors"]) {
  for (const path of paths) tried.push([path, { mode }]);
  for (let n = 0; n < 12; n++)
    for (const [path, body] of posts) tried.push([path, { mode, method: "POST", body }]);
}
tried.push(["/api/predict", { method: "POST", body: "x", headers: { "X-Header": "preflight" } }]);
for (const name of ["img", "script", "audio", "iframe"]) {
  const element = document.createElement(name);
  element.src = server + "/api/models";
  document.documentElement.append(element);
}
const target = document.createElement("iframe");
target.name = "target";
document.documentElement.append(target);
const sender = document.createElement("form");
Object.assign(sender, { method: "post", action: server + "/api/batch", target: "target" });
sender.enctype = "multipart/form-data";
document.documentElement.append(sender);
for (let n = 0; n < 5; n++) sender.submit();
const socket = new Promise((resolve) => {
  const wire = new WebSocket(server.replace("http", "ws") + "/api/batch");
  wire.onopen = () => resolve(read.push("WebSocket"));
  wire.onerror = resolve;
});
Promise.all([socket, ...tried.map(async ([path, options]) => {
  try {
    const answer = await fetch(server + path, options);
    if (answer.ok) read.push(`${options.method ?? "GET"} ${path}: ${await answer.text()}`);
  } catch { /* refused */ }
})]).then(() => done(read));
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Iterator[int]:
    """Return the port of another server of this machine."""
    folder = str(tmp_path_factory.mktemp("elsewhere"))

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *given: object) -> None:
            super().__init__(*given, directory=folder)

        def log_message(self, *given: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as found:
        Thread(target=found.serve_forever, daemon=True).start()
        yield found.server_port
        found.shutdown()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "evil.example", "rebound"])
def test_a_foreign_page_neither_reads_nor_blocks(browser, server, elsewhere, song, name):
    port = int(server.address.rpartition(":")[2])
    target = server.address
    if name == "rebound":  # the page's own name, which has become that of this machine
        browser.open(f"http://evil.example:{port}/")
        assert "does not answer to the name" in browser.run("return document.body.innerText")
        target = f"http://evil.example:{port}"
    else:
        browser.open(f"http://{name}:{elsewhere}/")
    assert browser.driver.execute_async_script(ATTACK, target) == []
    assert server.left() == []
    assert httpx.post(f"{server.address}/api/predict", content=song.read_bytes()).is_success
    choose(opened(browser, server), song)
    assert len(texts(browser, ".card .verdict")) == 2
