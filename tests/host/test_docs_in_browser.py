"""/docs in a real browser: it shows every operation, a request can be tried there, also with the
token, and nothing comes from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dashboard.browser import Browser, browser, is_of
from host.processes import NodeProcess, running


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as window:
        yield window


def open_operation(chrome: Browser, url: str, name: str) -> str:
    """Shows one operation, ready to be tried; the selector of its block."""
    chrome.driver.get(f"{url}/docs")
    block = f"[id$='-{name}']"
    chrome.click(f"{block} .opblock-summary-control")
    chrome.click(f"{block} .try-out__btn")
    return block


def test_a_request_is_tried_and_nothing_comes_from_elsewhere(
    chrome: Browser, tmp_path: Path
) -> None:
    node = NodeProcess(tmp_path / "node")
    with running(node):
        block = open_operation(chrome, node.url, "publish")
        chrome.click(f"{block} .execute")
        chrome.await_text(f"{block} .live-responses-table .response-col_status", "201")
        assert node.ask("GET", "/messages")[1][0]["payload"] == "hello", "the example was sent"
        operations = chrome.run("return document.querySelectorAll('.opblock').length")
        paths = node.ask("GET", "/openapi.json")[1]["paths"]
        assert operations == sum(map(len, paths.values()))
        calls = chrome.calls()
        assert any(call.endswith("/docs/swagger-ui-bundle.js") for call in calls)
        assert [call for call in calls if not is_of(call, node.url)] == []
        assert chrome.complaints() == []


def test_the_token_is_given_once(chrome: Browser, tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "node", {"webapi.bindAddress": "0.0.0.0:0"})
    with running(node):
        token = (node.folder / "shimletdb" / "webapi.token").read_text().strip()
        block = open_operation(chrome, node.url, "publish")
        chrome.click(".auth-wrapper .authorize")
        chrome.type(".auth-container input[type=text]", token)
        chrome.click(".auth-container .authorize")
        chrome.click(".auth-container .btn-done")
        chrome.click(f"{block} .execute")
        chrome.await_text(f"{block} .live-responses-table .response-col_status", "201")
