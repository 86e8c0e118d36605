"""What the browser's tests share: a window, a node, and its dashboard in the window."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from dashboard.browser import DESKTOP, Browser, browser, is_of
from dashboard.friends import MIDDLE
from host.auto_nodes import AutoProcess
from host.processes import running
from shimlet_host.config.seeds import format_seed


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One window for all tests."""
    with browser(tmp_path_factory.mktemp("profile")) as window:
        window.resize(*DESKTOP)
        yield window


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AutoProcess]:
    """The node whose dashboard is looked at."""
    node = AutoProcess(tmp_path_factory.mktemp("node"))
    content = json.loads(node.config.read_text()) | {"node.seed": str(format_seed(MIDDLE))}
    node.config.write_text(json.dumps(content))
    with running(node):
        yield node


@pytest.fixture
def page(chrome: Browser, node: AutoProcess) -> Iterator[Browser]:
    """Its dashboard; at the end nothing of it came from elsewhere, and nothing went wrong."""
    chrome.open(f"{node.url}/dashboard/")
    yield chrome
    assert [url for url in chrome.calls() if not is_of(url, node.url)] == []
    assert chrome.complaints() == []
    assert chrome.run("return window.hacked") is None
