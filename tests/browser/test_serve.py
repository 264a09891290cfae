"""The page of ``zoo serve`` in a browser: a song goes in, the winner comes out, nothing leaves."""

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import zoo

pytestmark = pytest.mark.xdist_group("serving")

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
        (b"Dear page, this is a text.\n" * 20, "odd.flac holds no sample that can be decoded"),
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


def test_a_page_without_models_says_what_to_type_and_wakes_up(browser, serve, models, tmp_path):
    import shutil

    empty = serve(tmp_path / "empty")
    browser.open(empty.address)
    until(lambda: "zoo train svm" in "".join(texts(browser, "#notice")))
    shutil.copytree(models / "models", tmp_path / "empty" / "models")
    until(lambda: len(texts(browser, "#models .token")) == 2)
    assert texts(browser, "#notice .zoo-notice") == []
    assert empty.stop() == 0
