"""A real browser: Chromium without a window, driven by selenium, or a skip with its reason."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

_BINARIES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--host-resolver-rules=MAP evil.example 127.0.0.1",
    "--autoplay-policy=no-user-gesture-required", "--mute-audio",
    # A microphone that beeps, and that every page may use.
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip
_A_HANG = 60  # seconds
_AXE = Path(__file__).parent / "axe" / "axe.min.js"
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


class Browser:
    """One tab, and what it has asked for and complained of since it was last emptied.

    Attributes
    ----------
    driver : selenium.webdriver.Chrome
        For everything else.
    """

    def __init__(self, driver: "Chrome") -> None:
        self.driver = driver

    def open(self, address: str) -> None:
        """Load a page and wait until it is there."""
        self.driver.get(address)

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a script returns; what it promises is awaited."""
        return self.driver.execute_script(script, *arguments)

    def size(self, width: int, height: int = 900) -> None:
        """Be as wide as that many CSS pixels, which a window cannot be below 500."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )

    def prefer(self, scheme: str) -> None:
        """Prefer "light" or "dark", as a system does."""
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the last call, data: and blob: too."""
        messages = (json.loads(entry["message"])["message"] for entry in self._log("performance"))
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """Return what was written to the console since the last call, of any level."""
        return [f"{entry['level']}: {entry['message']}" for entry in self._log("browser")]

    def obstacles(self) -> list[str]:
        """Return what axe-core finds against the page: WCAG 2.2 AA, and good practice."""
        if not _AXE.exists():
            pytest.skip("there is no axe-core here: python docs/engine.py")
        self.run(_AXE.read_text(encoding="utf-8"))
        passed, found = self.driver.execute_async_script(
            "const [rules, done] = arguments; axe.run(document, { runOnly: rules }).then("
            "({ passes, violations }) => done([passes.length, violations.flatMap((rule) => "
            "rule.nodes.map((node) => `${rule.help}: ${node.html}`))]))",
            _RULES,
        )
        assert passed > 10
        return list(found)

    def _log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.get_log(kind)
        return entries


@pytest.fixture(scope="session")
def _chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Chrome"]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary = next(filter(None, map(shutil.which, _BINARIES)), None)
    driver_binary = shutil.which("chromedriver")
    if binary is None or driver_binary is None:
        pytest.skip("there is no Chromium here with its chromedriver (Debian: chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(driver_binary))
    driver.set_page_load_timeout(_A_HANG)
    driver.set_script_timeout(_A_HANG)
    yield driver
    driver.quit()


@pytest.fixture
def browser(_chromium: "Chrome") -> Iterator[Browser]:
    """Return an empty tab of 1280 by 900 pixels."""
    found = Browser(_chromium)
    found.open("about:blank")
    found.size(1280)
    found.prefer("light")
    found.requests()
    found.complaints()
    yield found
    # What a page has kept is not for the next test.
    found.run("try { localStorage.clear() } catch { /* a page without a memory */ }")
