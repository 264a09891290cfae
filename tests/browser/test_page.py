"""The page without a server: the answers of `zoo predict`, given by a browser alone."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import soundfile

import zoo
from zoo_registry import Registry
from zoo_registry.published import published

PAGE = Path(__file__).parents[2] / "zoo" / "web" / "browser"
BUILT_IN = sorted(
    point.name
    for point in entry_points(group="zoo.plugins")
    if point.value.startswith("zoo_plugins.")
)
# One of its size, as a browser has to load it; the other, of the same layers, is quick.
NETWORKS = {"cnn2d": {"epochs": 1}, "vgg16": {"epochs": 1, "width": 4, "frames": 54}}
RATE = 22_050
WITHIN = 1e-3  # in probability

pytestmark = pytest.mark.skipif(
    not (PAGE / "ort").exists(),
    reason="there is no onnxruntime-web here: make zoo/web/browser/ort",
)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Path:
    """Return a folder that holds the page."""
    folder = tmp_path_factory.mktemp("served")
    for part in PAGE.iterdir():
        (folder / part.name).symlink_to(part)
    return folder


@pytest.fixture(scope="module")
def address(served) -> Iterator[str]:
    """Return where the page is served, as any server of static files serves it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(served))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page(browser, address) -> Callable[..., list[dict]]:
    """Return a function that gives the page a model and files, and returns its answers."""
    from selenium.webdriver.support.ui import WebDriverWait

    find = partial(browser.driver.find_element, "css selector")

    def give(field: str, path: Path) -> str:
        find(field).send_keys(str(path))
        WebDriverWait(browser.driver, 60).until(
            lambda _: find("main").get_attribute("aria-busy") == "false"
        )
        return find("#state").text

    def ask(model: Path, *paths: Path) -> list[dict]:
        browser.open(f"{address}/index.html")
        said = give("#model", model)
        if said != f"{model.name} is ready.":
            return [{"error": said}]
        answers = []
        for path in paths:
            said = give("#sound", path)
            if not find(".problem").is_displayed():
                said = ", ".join(find(part).text for part in (".verdict", ".notes"))
                text = find("article pre").get_attribute("textContent")
                answers.append(json.loads(text) | {"verdict": said})
            else:
                answers.append({"error": said})
        return answers

    return ask


@pytest.fixture(scope="module")
def artefact(tmp_path_factory, make_tones) -> Callable[..., Path]:
    """Return a function that trains a model on a folder, tones by default, once."""
    root = tmp_path_factory.mktemp("trained")
    tones = make_tones(root / "tones")

    def train(name: str, data: Path = tones, frontend: str | None = None) -> Path:
        place = root / data.name / f"{name}-{frontend}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ZOO_CACHE", str(root / "cache"))
            patch.setenv("ZOO_MODELS", str(place))
            if not place.exists():
                run = zoo.train(
                    name,
                    str(data),
                    frontend=frontend,
                    protocol="kfold:2",
                    grouped=False,
                    params=NETWORKS.get(name, {}),
                    jobs=1,
                )
                assert run.has_artefact, run.record.artefact
        (found,) = place.rglob("model.onnx")
        return found

    return train


def music(path: Path, seconds: float, rate: int = RATE, channels: int = 1, **more) -> Path:
    """Write struck tones over noise, then silence."""
    rng = np.random.default_rng(0)
    time = np.arange(round(seconds * rate)) / rate
    tones = sum(np.sin(2 * np.pi * pitch * time) for pitch in (110, 440, 1870, 5200))
    sound = 0.1 * tones * np.exp(-(time % 0.5) / 0.08) + 0.02 * rng.standard_normal(time.size)
    sound[time > 0.9 * seconds] = 0
    soundfile.write(path, np.stack([sound, *[0.5 * sound] * (channels - 1)], axis=1), rate, **more)
    return path


def complaints(browser) -> list[str]:
    """Return those of the browser, but for the look whether there is a server of the zoo."""
    return [line for line in browser.complaints() if "/api/models" not in line]


def compare(answers: list[dict], model: Path, paths: list[Path], within: float = WITHIN) -> None:
    """Hold answers of the page against those of `zoo predict`, key by key."""
    expected = list(zoo.predict(str(model), paths, timeline=True))
    for answer, prediction in zip(answers, expected, strict=True):
        wanted = prediction.to_json()
        assert wanted["error"] is None
        assert answer.pop("path") == Path(wanted.pop("path")).name
        assert answer.pop("verdict").startswith(wanted["label"])
        del wanted["error"]
        wanted.pop("heard", None)  # the page does not say it
        sections = [(a.pop("timeline"), a.pop("run") and 0) for a in (answer, wanted)]
        for key in ("confidence", "probabilities"):
            assert answer.pop(key, None) == pytest.approx(wanted.pop(key), abs=within)
        assert {"label_mean": None} | answer == wanted
        for one, two in zip(*(found for found, _ in sections), strict=True):
            assert one == pytest.approx(two, abs=within)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.deep] * (name in NETWORKS)) for name in BUILT_IN],
)
def test_every_model_answers_there_as_here(name, page, artefact, tmp_path, browser):
    model = artefact(name)
    paths = [
        music(tmp_path / "short.wav", 0.3),
        music(tmp_path / "long.flac", 100.0),  # several pieces, the last of them silent
        *sorted(model.parents[4].glob("tones/*/*00.wav")),
    ]
    compare(page(model, *paths), model, paths)
    assert complaints(browser) == []
    assert {url.split("/")[2] for url in browser.requests() if url.startswith("http")} == {
        browser.driver.current_url.split("/")[2]
    }


@pytest.mark.deep
@pytest.mark.parametrize("encoder", ["musicnn", "yamnet"])
def test_encoders_answer_there_as_here(encoder, page, artefact, tmp_path):
    if missing := Registry().frontend(encoder).card.missing:
        pytest.skip(missing)
    model = artefact("logistic", frontend=encoder)
    paths = [music(tmp_path / f"{seconds:g}.wav", seconds, 16_000) for seconds in (0.3, 40.0)]
    compare(page(model, *paths), model, paths)


@pytest.mark.parametrize(
    ("name", "rate", "more"),
    [
        ("loud.wav", 22_050, {"subtype": "FLOAT"}),
        ("dvd.wav", 48_000, {"subtype": "PCM_24", "channels": 2}),
        ("disc.flac", 44_100, {"channels": 2}),
        ("disc.ogg", 44_100, {}),
        ("disc.mp3", 44_100, {"channels": 2}),
        ("old.mp3", 16_000, {}),
        ("call.opus", 48_000, {"format": "OGG", "subtype": "OPUS"}),
    ],
)
def test_sound_of_any_rate_is_what_the_zoo_decodes(name, rate, more, browser, address, tmp_path):
    from zoo.audio.decode import decode

    path = music(tmp_path / name, 2.0, rate, **more)
    browser.open(f"{address}/index.html")
    heard = browser.run(
        """const { open, resampling } = await import("./sound.js");
        const { mono, source } = await open(new Uint8Array(arguments[0]).buffer, arguments[1]);
        const { resampled, compute } = resampling(mono, source, arguments[1]);
        for (const end of [1, 999, resampled.length]) compute(end);
        return Array.from(resampled);""",
        list(path.read_bytes()), RATE,
    )  # fmt: skip
    expected = decode(path, RATE)
    difference = np.array(heard) - expected
    assert np.sqrt(np.mean(difference**2)) < 1e-3 * np.sqrt(np.mean(expected**2))


def test_silence_and_short_recordings_are_there_what_they_are_here(page, artefact, tmp_path):
    model = artefact("logistic")
    sound, rate = soundfile.read(music(tmp_path / "music.wav", 16.0, 44_100))
    zeros, tick, beat = np.zeros(30 * rate), sound[: rate // 25], np.zeros(rate)
    beat[: tick.size] = tick
    recordings = {
        "offset": ([sound, zeros[: 14 * rate], 0.1 + zeros], 1),
        "ticks": ([beat, zeros, zeros, beat, beat, zeros[: 13 * rate]], 1),
        "constant": ([0.1 + zeros[:rate]], 1),
        "click": ([zeros[:rate], sound[1:2], zeros[:rate]], 1),
        "sample": ([sound[1:2]], None),
        "blink": ([tick], None),
    }
    paths = [tmp_path / f"{name}.wav" for name in recordings]
    for path, (parts, _) in zip(paths, recordings.values(), strict=True):
        soundfile.write(path, np.concatenate(parts), rate)
    answers = page(model, *paths)
    assert [answer.get("silent") for answer in answers] == [n for _, n in recordings.values()]
    assert [answer["label"] == "unknown" for answer in answers] == [False] * 2 + [True] * 4
    compare(answers, model, paths, within=0.05)


def test_what_is_unlike_the_training_recordings_is_there_what_it_is_here(
    page, artefact, make_tones, tmp_path
):
    tones = make_tones(tmp_path / "many", tracks=12, seconds=3.0)
    model = artefact("logistic", tones)
    paths = [music(tmp_path / "music.wav", 70.0), *sorted(tones.glob("*/*00.wav"))]
    answers = page(model, *paths)
    assert [answer.get("unlike") for answer in answers] == [2, None, None]
    assert answers[0]["verdict"].startswith("unknown, unlike the training recordings: 2 of 2")
    compare(answers, model, paths)


def test_none_of_the_classes_is_there_what_it_is_here(page, artefact, make_tones, tmp_path):
    tones = make_tones(tmp_path / "others", classes=("_other", "high", "low"))
    model = artefact("logistic", tones)
    paths = sorted(tones.glob("*/*00.wav"))
    answers = page(model, *paths)
    assert answers[0]["reason"] == "none of the trained classes"
    assert [answer["label"] for answer in answers] == ["unknown", "high", "low"]
    compare(answers, model, paths)


STEPS = """
window.steps = [];
const look = () => steps.push(document.querySelector("article .step")?.textContent ?? "");
const options = { subtree: true, childList: true };
new MutationObserver(look).observe(document.getElementById("answers"), options);
"""


def test_the_share_that_is_done_is_shown(page, browser, tmp_path):
    from selenium.webdriver.support.ui import WebDriverWait

    (light,) = (run.artefact_path for run in published() if run.id == "gtzan-light")
    assert page(light) == []
    browser.run(STEPS)
    sound = music(tmp_path / "sound.wav", 45.0, 44_100)
    browser.driver.find_element("id", "sound").send_keys(str(sound))
    WebDriverWait(browser.driver, 60).until(
        lambda driver: driver.find_elements("css selector", ".card")
    )
    found = re.findall(r"Listening, (\d+) %", "\n".join(browser.run("return steps")))
    shares = [int(share) for share in found]
    assert shares == sorted(shares)
    assert len({*shares}) > 2
    assert shares[-1] == 100


def test_what_is_wrong_is_said(page, artefact, tmp_path):
    model = artefact("logistic")
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "empty.mp3").touch()
    sound = music(tmp_path / "sound.wav", 0.5)
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(RATE), RATE)
    cancelled = tmp_path / "cancelled.wav"
    one = 0.9 * soundfile.read(sound)[0]
    soundfile.write(
        cancelled, np.stack([0.9 * one, -one], axis=-1), soundfile.info(sound).samplerate
    )
    answers = page(model, tmp_path / "text.wav", tmp_path / "empty.mp3", sound, silence, cancelled)
    assert answers[0]["error"] == "text.wav: this browser cannot decode it as sound"
    assert answers[1]["error"] == "empty.mp3: the file is empty"
    compare(answers[2:], model, [sound, silence, cancelled])
    assert [answer["label"] == "unknown" for answer in answers[2:]] == [False, True, False]

    content = model.read_bytes()
    for name, part in {"cut.onnx": content[:-9], "no.onnx": b"\x00" * 99, "none.onnx": b""}.items():
        (tmp_path / name).write_bytes(part)
        (answer,) = page(tmp_path / name)
        assert answer["error"].startswith(f"{name}: this ")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model.onnx", "model.onnx is ready."),
        ("none.onnx", "none.onnx: the server has no such file (404)"),
    ],
)
def test_a_model_beside_the_page_is_taken(name, said, browser, address, served, artefact):
    from selenium.webdriver.support.ui import WebDriverWait

    (served / "model.onnx").write_bytes(artefact("logistic").read_bytes())
    browser.open(f"{address}/index.html?model={name}")
    state = browser.driver.find_element("id", "state")
    WebDriverWait(browser.driver, 60).until(lambda _: state.text == said)


@pytest.mark.real
def test_real_songs(page, artefact, real_data, tmp_path):
    songs = sorted((real_data / "gtzan-mini").glob("*/*.0000[0-1].flac"))
    for song in songs:
        link = tmp_path / "songs" / song.parent.name / song.name.replace(".", "-", 1)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(song)
    model = artefact("svm", tmp_path / "songs")
    paths = songs[::4]
    assert len(paths) == 5
    compare(page(model, *paths), model, paths)


@pytest.mark.real
def test_real_sounds_that_are_resampled(page, artefact, real_data):
    model = artefact("logistic")
    paths = sorted((real_data / "esc10").glob("*/*.ogg"))[::80]
    assert len(paths) == 5
    compare(page(model, *paths), model, paths, within=0.05)
