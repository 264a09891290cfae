"""The screenshots of the pages, of a computer's and of a phone's width: python docs/screenshots.py.

Each page is opened by a function that yields when it is worth a picture; to add one, write its
function and put it into `PAGES`. This wants selenium, and Chromium with its chromedriver.
"""

import io
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_registry.files import atomic_path

if TYPE_CHECKING:
    from zoo_registry import Run

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "screenshots"
WIDTHS = {1280: 1500, 390: 1800}  # CSS pixels, and the greatest height beside each
COLOURS = 256  # of the palette
PATIENCE = 60  # seconds


CLASSICAL = ("svm", "logistic", "elasticnet", "random-forest", "decision-tree")


@contextmanager
def report_page(driver: Any) -> Iterator[None]:
    """Open the report of the demo set's board."""
    from zoo.report.page import write_report

    _trained(*CLASSICAL, "cnn2d")
    with tempfile.TemporaryDirectory() as folder:
        page, *_ = write_report(Path(folder), "demo", "kfold:5")
        driver.get(page.as_uri())
        yield


@contextmanager
def serve_page(driver: Any) -> Iterator[None]:
    """Open the page of `zoo serve`, and drop a medley."""
    runs = [str(run.folder) for run in _trained("cnn2d", "svm")]
    zoo = str(Path(sys.executable).with_name("zoo"))
    command = [zoo, "serve", *runs, "--port", "0"]
    with medley() as song, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        driver.get(server.stdout.readline().strip())
        _give(driver, sound=song)
        yield
        server.terminate()


@contextmanager
def serve_dark_page(driver: Any) -> Iterator[None]:
    """Open the same as it is for people who prefer dark pages."""
    media, scheme = "Emulation.setEmulatedMedia", {"name": "prefers-color-scheme", "value": "dark"}
    driver.execute_cdp_cmd(media, {"features": [scheme]})
    with serve_page(driver):
        yield
    driver.execute_cdp_cmd(media, {"features": []})


@contextmanager
def browser_page(driver: Any) -> Iterator[None]:
    """Open the same page without a server, and drop a model and the same medley."""
    (run,) = _trained("cnn2d")
    with medley() as song, served(ROOT / "zoo" / "web" / "browser") as address:
        driver.get(f"{address}/index.html")
        _give(driver, model=run.artefact_path, sound=song)
        yield


def _give(driver: Any, **files: Path) -> None:
    """Give files to the page of zoo/web/browser, and wait for each answer."""
    main = driver.find_element("id", "main")
    for field, path in files.items():
        wait(driver, lambda: main.get_attribute("aria-busy") == "false")
        driver.find_element("id", field).send_keys(str(path.absolute()))
    wait(driver, lambda: main.get_attribute("aria-busy") == "false")


PAGES: dict[str, Callable[[Any], AbstractContextManager[None]]] = {
    "report": report_page,
    "serve": serve_page,
    "serve-dark": serve_dark_page,
    "browser": browser_page,
}


def _trained(*names: str) -> "list[Run]":
    import zoo

    return [zoo.train(n, "demo", params={"epochs": 12} if n == "cnn2d" else None) for n in names]


@contextmanager
def medley() -> Iterator[Path]:
    """Yield a file of four pieces of the demo set, one after the other."""
    import numpy as np
    import soundfile

    from zoo.datasets.demo import demo_set

    genres = ("waltz", "techno", "metal", "ambient")
    pieces = [next(t.location for t in demo_set().tracks if t.label == name) for name in genres]
    sounds = [soundfile.read(piece) for piece in pieces]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "medley.flac"
        soundfile.write(path, np.concatenate([sound for sound, _ in sounds]), sounds[0][1])
        yield path


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine alone."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def wait(driver: Any, until: Callable[[], Any]) -> None:
    """Wait until something is so."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, PATIENCE).until(lambda _: until())


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a browser without a window."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(flag)
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver") or ""))
    yield driver
    driver.quit()


def picture(driver: Any, width: int, height: int) -> bytes:
    """Return what a window of a width shows of the page, a PNG with a palette."""
    from PIL import Image

    metrics = {"width": width, "height": 1, "deviceScaleFactor": 1, "mobile": width < height}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    whole = driver.execute_script("return document.documentElement.scrollHeight")
    metrics["height"] = min(whole, height)
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    image = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    content = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(content, "PNG", optimize=True)
    return content.getvalue()


def main(names: list[str]) -> None:
    """Write the screenshots of some pages, or of all."""
    with chromium() as driver:
        for name in names or PAGES:
            with PAGES[name](driver):
                for width, height in WIDTHS.items():
                    with atomic_path(FOLDER / f"{name}-{width}.png") as temporary:
                        temporary.write_bytes(picture(driver, width, height))


if __name__ == "__main__":
    main(sys.argv[1:])
