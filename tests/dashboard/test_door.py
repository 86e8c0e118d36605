"""Who gets in at the dashboard's door, and what stands there without a dashboard."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from dashboard.pages import SOCKET, upgrade
from fastapi import FastAPI
from host.processes import NodeProcess, running
from host.test_web import RecordingNode
from shimlet_host.dashboard import add_dashboard, door
from shimlet_host.dashboard.door import CONTENT_POLICY, NOT_INSTALLED, SWITCHED_OFF
from shimlet_host.web import create_app

NAME, PASSWORD = "anna", "correct horse"
POLLING = f"{SOCKET}?EIO=4&transport=polling"


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class LockedNode(NodeProcess):
    """A node that answers nobody without the password."""

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": basic(NAME, PASSWORD)}
        answer = httpx.request(method, self.url + path, headers=headers, timeout=30)
        return answer.status_code, answer.json()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node on loopback, as it is by default."""
    node = NodeProcess(tmp_path_factory.mktemp("node"))
    with running(node):
        yield node


def get(url: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return httpx.get(url, headers=named, timeout=30)


def loaded(node: NodeProcess) -> bool:
    """Whether NiceGUI is in the process: it brings aiohttp, part of which is no Python."""
    return "/aiohttp/" in Path(f"/proc/{node.process.pid}/maps").read_text()


def test_nicegui_is_loaded_when_the_first_page_is_asked_for(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path)
    with running(node):
        assert node.ask("GET", "/manualpeering/peers") == (200, [])
        assert not loaded(node)
        assert get(f"{node.url}/dashboard/").status_code == 200
        assert loaded(node)


def test_the_root_leads_to_the_dashboard(node: NodeProcess) -> None:
    for path in ("/", "/dashboard"):
        answer = get(node.url + path)
        assert answer.is_redirect
        assert answer.next_request is not None
        assert answer.next_request.url == f"{node.url}/dashboard/"


def test_a_page_may_load_nothing_from_elsewhere_and_stand_in_no_frame(node: NodeProcess) -> None:
    answer = get(f"{node.url}/dashboard/")
    assert answer.headers["content-security-policy"] == CONTENT_POLICY
    assert "frame-ancestors 'none'" in CONTENT_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


def test_there_is_nothing_beside_the_page_its_assets_and_its_socket(node: NodeProcess) -> None:
    for path in ("/dashboard/x", "/dashboard/_nicegui/x", "/_nicegui/", "/_nicegui_ws/socket.io/"):
        answer = get(node.url + path)
        assert answer.status_code == 404, path
        assert answer.json().keys() == {"error"}


def test_a_socket_of_a_page_of_the_node_itself_is_opened(node: NodeProcess) -> None:
    assert upgrade(node.url, Origin=node.url) == 101
    assert upgrade(node.url) == 101  # no browser


def test_a_socket_of_a_page_of_another_site_is_refused(node: NodeProcess) -> None:
    for origin in ("http://evil.example", "null", node.url.replace("127.0.0.1", "localhost")):
        assert upgrade(node.url, Origin=origin) == 403, origin
        assert get(node.url + POLLING, Origin=origin).status_code == 403, origin


def test_a_strangers_name_for_our_address_is_refused(node: NodeProcess) -> None:
    port = node.url.rpartition(":")[2]
    assert upgrade(node.url, Host=f"evil.example:{port}") == 403
    assert get(node.url + POLLING, Host=f"evil.example:{port}").status_code == 403


def test_frames_pictures_and_scripts_of_other_sites_are_refused_and_links_are_not(
    node: NodeProcess,
) -> None:
    url = f"{node.url}/dashboard/"
    for site in ("cross-site", "same-site"):
        for kind in ("iframe", "image", "script", "empty"):
            answer = get(url, Sec_Fetch_Site=site, Sec_Fetch_Dest=kind)
            assert answer.status_code == 403, (site, kind)
        assert get(url, Sec_Fetch_Site=site, Sec_Fetch_Dest="document").status_code == 200
    assert get(url, Sec_Fetch_Site="none", Sec_Fetch_Dest="document").status_code == 200


def test_with_basic_auth_page_assets_and_socket_need_the_password(tmp_path: Path) -> None:
    settings = {
        "webapi.basicAuth.enabled": True,
        "webapi.basicAuth.username": NAME,
        "webapi.basicAuth.password": PASSWORD,
    }
    node = LockedNode(tmp_path, settings)
    with running(node):
        _check_guard(node.url, basic(NAME, PASSWORD))


def test_beyond_loopback_page_assets_and_socket_need_the_token(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path, {"webapi.bindAddress": "0.0.0.0:0"})
    with running(node):
        token = (tmp_path / "shimletdb" / "webapi.token").read_text().strip()
        _check_guard(node.url, basic("", token))
        assert upgrade(node.url, Authorization=f"Bearer {token}") == 101
        assert (
            upgrade(node.url, Authorization=basic("", token), Origin="http://evil.example") == 403
        )


def _check_guard(url: str, right: str) -> None:
    """Everything below /dashboard is shut without the right secret, and open with it."""
    for given in ("", basic(NAME, "wrong"), "Bearer wrong"):
        headers = {"Authorization": given} if given else {}
        page = get(f"{url}/dashboard/", **headers)
        assert page.status_code == 401
        assert page.headers["www-authenticate"].startswith("Basic ")  # so a browser asks
        for path in ("/dashboard/_nicegui/3/static/nicegui.js", POLLING):
            assert get(url + path, **headers).status_code == 401, path
        assert upgrade(url, **headers) == 401
    assert get(f"{url}/dashboard/", Authorization=right).status_code == 200
    assert get(url + POLLING, Authorization=right).status_code == 200
    assert upgrade(url, Authorization=right) == 101


def test_a_node_without_the_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nicegui", None)
    assert "pip install 'shimlet[dashboard]'" in NOT_INSTALLED
    _check_sentence(enabled=True, sentence=NOT_INSTALLED)


def test_a_dashboard_that_is_switched_off_says_so() -> None:
    _check_sentence(enabled=False, sentence=SWITCHED_OFF)


def test_a_dashboard_that_cannot_be_loaded_leaves_the_node_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> None:
        raise ImportError("half an installation")

    monkeypatch.setattr(door, "_site_module", broken)
    app = create_app(RecordingNode())
    assert add_dashboard(app, RecordingNode(), enabled=True) is not None
    for _ in range(2):
        answer = asyncio.run(asked(app, "/dashboard/"))
        assert (answer.status_code, answer.json()) == (503, {"error": door.NOT_LOADED})
        assert asyncio.run(asked(app, "/livez")).status_code == 200


async def asked(app: FastAPI, path: str) -> httpx.Response:
    """An answer without a socket."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.get(path)


def _check_sentence(*, enabled: bool, sentence: str) -> None:
    app = FastAPI()
    assert add_dashboard(app, RecordingNode(), enabled=enabled) is None

    for path in ("/", "/dashboard", "/dashboard/"):
        answer = asyncio.run(asked(app, path))
        assert (answer.status_code, answer.json()) == (404, {"error": sentence})


def test_without_a_dashboard_the_node_runs_and_takes_no_sockets(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path, {"dashboard.enabled": False})
    with running(node):
        assert get(f"{node.url}/").json() == {"error": SWITCHED_OFF}
        assert node.ask("GET", "/readyz")[0] == 200
        assert upgrade(node.url) == 404
