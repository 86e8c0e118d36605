"""A real browser for the tests of the dashboard: Debian's Chromium, without a window.

In: a folder for its profile. Out: a `Browser`: it opens pages, clicks and types as people do,
waits for what must appear, and tells which addresses it called. Without Chromium a test that asks
for it is skipped, and says how to get it; on continuous integration (CI is set) it fails.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

PATIENCE_S = 30.0
DESKTOP = (1280, 860)
PHONE = (390, 844)
# No first-run pages, and nothing that calls its maker.
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-extensions",
    "--hide-scrollbars",
)
HOW_TO_GET_IT = "the dashboard's browser tests need chromium and chromedriver: apt-get install"
HOW_TO_GET_IT += " chromium chromium-driver, or as root tests/rungs/install chromium"


def chromium() -> tuple[str, str]:
    """Browser and driver; a skip, or on CI a failure, where they are missing."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if browser and driver:
        return browser, driver
    if os.environ.get("CI"):
        pytest.fail(HOW_TO_GET_IT)
    pytest.skip(HOW_TO_GET_IT)


class Browser:
    """One window."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self._calls: list[str] = []

    # What people do

    def open(self, url: str) -> None:
        """Go there, and wait until the page is connected to the node."""
        self.driver.get(url)
        self.until(lambda: self.run("return window.did_handshake === true"), f"no page at {url}")

    def click(self, selector: str, within: str = "") -> None:
        """The first that is there, once nothing lies over it."""

        def clicked() -> bool:
            self.await_one(selector, within).click()
            return True

        self.until(clicked, f"{selector} cannot be clicked")

    def type(self, selector: str, text: str) -> None:
        """Into a field, in place of what it holds."""
        from selenium.webdriver.common.keys import Keys

        field = self.await_one(selector)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(Keys.DELETE)
        field.send_keys(text)

    def resize(self, width: int, height: int, *, phone: bool = False) -> None:
        """A window of this size; a phone has a finger and twice the pixels."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {
                "width": width,
                "height": height,
                "deviceScaleFactor": 2 if phone else 1,
                "mobile": phone,
            },
        )

    def prefer(self, scheme: str) -> None:
        """Light or dark, as the system says it."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    # What people see

    def run(self, script: str, *arguments: object) -> Any:
        """Of JavaScript."""
        return self.driver.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        """All the text of all that fit."""
        texts = "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)"
        return "\n".join(self.run(texts, selector))

    def await_one(self, selector: str, within: str = "") -> Any:
        """The first element that fits and is shown; `within`: in the row that has this id."""
        if within:
            selector = f'[data-id="{within}"] {selector}'

        def found() -> Any:
            elements = self.driver.find_elements("css selector", selector)
            return next((each for each in elements if each.is_displayed()), None)

        return self.until(found, f"no {selector}")

    def await_text(self, selector: str, text: str) -> None:
        """Until it is shown."""
        self.until(lambda: text in self.text(selector), f"no {text!r} in {selector}")

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """What the condition says once it is true."""
        from selenium.common.exceptions import WebDriverException

        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                result = condition()
            except WebDriverException:  # the page was just drawn anew
                result = None
            if result:
                return result
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: {self.run('return document.body.innerText')}")
            time.sleep(0.05)

    def calls(self) -> list[str]:
        """Every address that pages have called so far, sockets included."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self._calls.append(message["params"]["request"]["url"])
            elif message["method"] == "Network.webSocketCreated":
                self._calls.append(message["params"]["url"])
        return self._calls

    def forget(self) -> None:
        """Begin both of these lists anew, on an empty page."""
        self.driver.get("about:blank")
        self.driver.get_log("performance")
        self.driver.get_log("browser")
        self._calls.clear()

    def complaints(self) -> list[str]:
        """What the browser's console says in red."""
        found = self.driver.get_log("browser")
        return [entry["message"] for entry in found if entry["level"] == "SEVERE"]

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """As a PNG; `whole`: the page down to its end."""
        options = {"captureBeyondViewport": True} if whole else {}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", options | _clip(self, whole))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))


def _clip(browser: Browser, whole: bool) -> dict[str, Any]:
    if not whole:
        return {}
    size = browser.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}


def is_of(url: str, node: str) -> bool:
    """Whether a call stays in the browser, or goes to the node at this URL."""
    parts, ours = urlsplit(url), urlsplit(node)
    there = (parts.hostname, parts.port)
    return parts.scheme in ("data", "blob", "about") or there == (ours.hostname, ours.port)


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with a profile of its own, closed at the end."""
    program, driver_program = chromium()
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={DESKTOP[0]},{DESKTOP[1]}"):
        options.add_argument(flag)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses to be root's otherwise
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_program))
    try:
        driver.set_page_load_timeout(PATIENCE_S)
        window = Browser(driver)
        window.forget()  # its own first page
        yield window
    finally:
        driver.quit()
