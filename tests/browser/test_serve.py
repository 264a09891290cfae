"""The page of ``zoo serve`` in a browser: a song goes in, the winner comes out, nothing leaves."""

import time
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import httpx
import pytest

import zoo
from zoo.audio.kinds import SUFFIXES

A_HANG = 60  # seconds


@pytest.fixture(scope="module")
def models(make_tones, tmp_path_factory) -> Path:
    """Return a workspace with two models of high and low tones."""
    folder = tmp_path_factory.mktemp("tones")
    data = make_tones(folder / "tones", tracks=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(folder / "cache"))
        patch.setenv("ZOO_MODELS", str(folder / "models"))
        for name in ("decision-tree", "logistic"):
            run = zoo.train(name, str(data), protocol="kfold:2", jobs=1)
            assert run.complete, run.record.error
    return folder


@pytest.fixture(scope="module")
def server(serve, models):
    return serve(models, "--max-megabytes", "2")


@pytest.fixture
def song(tmp_path, make_tones) -> Path:
    import soundfile

    make_tones(tmp_path / "new", classes=("x", "song"), tracks=1, seconds=3, seed=1)
    samples, rate = soundfile.read(tmp_path / "new/song/song00.wav")
    soundfile.write(tmp_path / "song.flac", samples, rate)
    return tmp_path / "song.flac"


def until(found: Callable[[], object]) -> object:
    """Return what is found once it is there."""
    end = time.monotonic() + A_HANG
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    pytest.fail("what was expected never came")


def choose(page, path: Path) -> None:
    chooser = "return document.querySelector('#song input[type=file]')"
    until(lambda: page.run(chooser)).send_keys(str(path))


def texts(page, selector: str) -> list[str]:
    return page.run(
        "return [...document.querySelectorAll(arguments[0])].map((item) => item.innerText.trim())",
        selector,
    )


def answered(page) -> bool:
    return page.run("return !!document.querySelector('#answer .zoo[data-waiting=\"0\"]')")


@pytest.fixture
def page(browser, server):
    browser.open(server.address)
    until(lambda: len(texts(browser, "#models .token")) == 2)
    return browser


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_an_uploaded_flac_is_classified(browser, server, song, models, width, scheme, monkeypatch):
    browser.size(width)
    browser.prefer(scheme)
    browser.open(server.address)
    until(lambda: len(texts(browser, "#models .token")) == 2)
    choose(browser, song)
    until(lambda: answered(browser))

    monkeypatch.setenv("ZOO_MODELS", str(models / "models"))
    expected = {}
    for name in ("decision-tree", "logistic"):
        (found,) = zoo.predict(name, [song])
        expected[found.run] = found
    labels = {found.label for found in expected.values()}
    assert set(texts(browser, "#winner")[0].split(" or ")) == labels
    shown = browser.run(
        "return [...document.querySelectorAll('.zoo-card')].map((card) => [card.dataset.run, "
        "card.querySelector('.zoo-label').innerText, card.querySelector('header span').innerText, "
        "[...card.querySelectorAll('.zoo-bars li')].map((row) => row.innerText.split(/\\s+/))])"
    )
    assert {run for run, *_ in shown} == set(expected)
    for run, label, seconds, bars in shown:
        found = expected[run]
        assert label.split() == [found.label, f"{found.confidence:.3f}"]
        assert seconds.endswith(" s")
        assert dict(bars) == {name: f"{value:.3f}" for name, value in found.probabilities.items()}
    assert len(texts(browser, ".zoo-strip")) == 2
    assert browser.run("return document.querySelector('.zoo-time path').getBBox().width") > 990
    assert browser.run("return document.documentElement.scrollWidth") <= width

    hosts = {urlsplit(url).hostname for url in browser.requests() if url.startswith("http")}
    assert hosts == {"127.0.0.1"}
    assert [line for line in browser.complaints() if line.startswith("SEVERE")] == []
    assert server.left() == []


def test_the_song_is_sent_again_for_the_next_question(page, server, song):
    choose(page, song)
    until(lambda: answered(page))
    assert server.left() == []
    page.run("document.querySelector('#models .token-remove').click()")
    until(lambda: len(texts(page, "#models .token")) == 1)
    page.run("document.querySelector('#ask').click()")
    until(lambda: len(texts(page, ".zoo-card")) == 1 and answered(page))
    assert server.left() == []
    # The player still has it.
    assert until(lambda: page.run("return document.querySelector('#song [aria-label=Play]')"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Dear page, this is a text.\n" * 20, "odd.flac is no audio that can be decoded"),
        (b"", "empty (0 bytes)"),
        (bytes(2_100_000), "maximum allowed size"),
    ],
)
def test_what_cannot_be_answered_is_told_on_the_page(page, server, tmp_path, content, words):
    (tmp_path / "odd.flac").write_bytes(content)
    choose(page, tmp_path / "odd.flac")
    until(lambda: words in page.run("return document.body.innerText"))
    assert str(server.temporary) not in page.run("return document.body.innerText")
    assert server.left() == []


DROP = """
const [name, content] = arguments;
const dropped = new DataTransfer();
dropped.items.add(new File([Uint8Array.from(content)], name));
const target = document.querySelector("#song button");
target.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true }));
"""


@pytest.mark.parametrize("is_dropped", [False, True], ids=["chosen", "dropped"])
def test_kinds_that_the_browser_does_not_know(page, server, song, is_dropped):
    import soundfile

    samples, rate = soundfile.read(song)
    # The server goes by the bytes, whatever the browser takes the suffix for.
    path = song.with_name("song.wv")
    soundfile.write(path, samples, rate, format="WAV")
    if is_dropped:
        until(lambda: page.run("return document.querySelector('#song button')"))
        page.run(DROP, path.name, list(path.read_bytes()))
    else:
        choose(page, path)
    until(lambda: answered(page))
    assert "song.wv" in texts(page, ".zoo-song")[0]
    assert server.left() == []


def test_the_chooser_offers_all_audio_files(page):
    chooser = "return document.querySelector('#song input[type=file]')"
    until(lambda: page.run(chooser))
    page.run("document.querySelector('#song button').click()")
    assert set(page.run(f"{chooser}.accept").split(",")) == {"audio/*", *SUFFIXES}


def test_a_page_without_own_models_asks_the_best_published_run(browser, serve, models, tmp_path):
    import shutil

    empty = serve(tmp_path / "empty")
    browser.open(empty.address)
    until(lambda: len(texts(browser, "#models .token")) == 1)
    assert texts(browser, "#models .token")[0].startswith("gtzan: ")
    shutil.copytree(models / "models", tmp_path / "empty" / "models")
    until(lambda: len(texts(browser, "#models .token")) == 3)
    assert texts(browser, "#notice .zoo-notice") == []
    assert empty.stop() == 0


# Whatever a page can try, with what it could read.
ATTACK = """
const [server, done] = arguments, read = [];
const paths = ["/", "/config", "/api/models", "/openapi.json", "/gradio_api/info",
               "/gradio_api/queue/data?session_hash=s", "/gradio_api/file=/etc/passwd"];
const form = new FormData();
form.append("files", new Blob(["x"]), "x.wav");
const posts = [["/api/predict", "x"], ["/api/predict", form], ["/gradio_api/upload", form],
               ["/gradio_api/queue/join", '{"data": [], "fn_index": 0, "session_hash": "s"}']];
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
Object.assign(sender, { method: "post", action: server + "/gradio_api/upload", target: "target" });
sender.enctype = "multipart/form-data";
document.documentElement.append(sender);
for (let n = 0; n < 5; n++) sender.submit();
const socket = new Promise((resolve) => {
  const wire = new WebSocket(server.replace("http", "ws") + "/gradio_api/queue/join");
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
    browser.open(server.address)
    until(lambda: len(texts(browser, "#models .token")) == 2)
    choose(browser, song)
    until(lambda: answered(browser))
