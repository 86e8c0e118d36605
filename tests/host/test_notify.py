"""sd_notify: what systemd hears from a node, over real sockets and from a real process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from host.processes import NodeProcess, eventually, running
from shimlet_host import service
from shimlet_host.notify import Notifier

PATIENCE_S = 30.0


class Systemd:
    """The socket that systemd listens on, at a path or, with @, at an abstract name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + name[1:] if name[0] == "@" else name)
        self._socket.settimeout(PATIENCE_S)

    def hear(self) -> list[str]:
        """The lines of the next datagram."""
        return self._socket.recv(4096).decode().split("\n")

    def until(self, line: str) -> list[str]:
        """All lines up to and with this one."""
        heard: list[str] = []
        while line not in heard:
            heard += self.hear()
        return heard

    def is_silent_for(self, duration_s: float) -> bool:
        self._socket.settimeout(duration_s)
        try:
            self._socket.recv(4096)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(PATIENCE_S)
        return False

    def drain(self) -> None:
        """Forget what has come so far."""
        self._socket.setblocking(False)
        try:
            while self._socket.recv(4096):
                pass
        except BlockingIOError:
            self._socket.settimeout(PATIENCE_S)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def systemd(name: str) -> Iterator[Systemd]:
    one = Systemd(name)
    try:
        yield one
    finally:
        one.close()


def test_both_kinds_of_sockets_hear_every_message(tmp_path: Path) -> None:
    for name in (str(tmp_path / "notify"), f"@shimlet-test-{os.getpid()}"):
        with systemd(name) as listener:
            notifier = Notifier({"NOTIFY_SOCKET": name})
            assert notifier.wanted and notifier.watchdog_s is None
            notifier.ready()
            notifier.status("Fine.")
            notifier.alive()
            notifier.stopping()
            heard = [listener.hear() for _ in range(4)]
            assert heard == [
                ["READY=1"],
                ["STATUS=Fine."],
                ["WATCHDOG=1"],
                ["STOPPING=1", heard[3][1]],
            ]
            notifier.reloading()
            reloading, moment = listener.hear()
            assert reloading == "RELOADING=1"
            assert moment.startswith("MONOTONIC_USEC=") and int(moment[15:]) > 0


def test_without_systemd_nothing_is_said_and_a_dead_socket_stops_nobody(tmp_path: Path) -> None:
    Notifier({}).ready()
    assert not Notifier({"NOTIFY_SOCKET": "vsock:2:1"}).wanted
    name = str(tmp_path / "gone")
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready()
    with systemd(name) as listener:
        notifier.ready()
        assert listener.hear() == ["READY=1"], "it is there again"


@pytest.mark.parametrize(
    ("span", "process", "watchdog_s"),
    [
        ("30000000", "", 30.0),
        pytest.param("2500000", str(os.getpid()), 2.5, id="ours"),
        ("30000000", "1", None),
        ("0", "", None),
        ("soon", "", None),
        ("", "", None),
    ],
)
def test_the_watchdogs_time_counts_if_it_is_meant_for_this_process(
    span: str, process: str, watchdog_s: float | None
) -> None:
    environment = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": span, "WATCHDOG_PID": process}
    assert Notifier(environment).watchdog_s == watchdog_s
    del environment["NOTIFY_SOCKET"]
    assert Notifier(environment).watchdog_s is None


def test_a_node_says_when_it_is_ready_reloads_and_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with systemd(str(tmp_path / "notify")) as listener:
        monkeypatch.setenv("NOTIFY_SOCKET", listener.name)
        node = NodeProcess(tmp_path / "node")
        with running(node):
            assert listener.hear() == ["READY=1"], "the first thing"
            assert node.ask("GET", "/readyz")[0] == 200
            assert listener.hear() == ["STATUS=0 of 0 known peers connected."]
            node.process.send_signal(signal.SIGHUP)
            heard = listener.until("READY=1")
            assert heard[0] == "RELOADING=1" and heard[1].startswith("MONOTONIC_USEC="), heard
            node.await_log("the config was read again")
            assert node.stop() == 0
            assert "STOPPING=1" in listener.until("STOPPING=1")


def test_a_node_that_cannot_start_is_never_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with systemd(str(tmp_path / "notify")) as listener, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("NOTIFY_SOCKET", listener.name)
        port = taken.getsockname()[1]
        node = NodeProcess(tmp_path / "node", {"webapi.bindAddress": f"127.0.0.1:{port}"})
        with pytest.raises(AssertionError):
            node.start()
        assert node.process.wait(PATIENCE_S) == 1
        assert not any("READY" in line for line in listener.hear())
        assert listener.is_silent_for(0.1)


HANG = """
import pathlib, signal, time

def hang(number, frame):
    pathlib.Path({mark!r}).touch()
    time.sleep(6)

signal.signal(signal.SIGUSR1, hang)
"""


def test_the_watchdog_is_fed_by_the_loop_and_starves_when_the_loop_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python runs a signal's handler in the main thread, which is the loop's: others go on."""
    mark = tmp_path / "it-hangs"
    (tmp_path / "sitecustomize.py").write_text(HANG.format(mark=str(mark)))
    with systemd(str(tmp_path / "notify")) as listener:
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setenv("NOTIFY_SOCKET", listener.name)
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        node = NodeProcess(tmp_path / "node")
        with running(node):
            for _ in range(4):
                listener.until("WATCHDOG=1")
            node.process.send_signal(signal.SIGUSR1)
            eventually(mark.exists, "it does not hang")
            listener.drain()
            assert listener.is_silent_for(2)
            listener.until("WATCHDOG=1")
            assert node.stop() == 0


def test_nothing_is_said_of_a_node_that_only_a_restart_mends() -> None:
    class Broken:
        def is_broken(self) -> bool:
            return True

    said: list[str] = []
    notifier = Notifier({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1000000"})
    notifier._send = lambda *lines: said.extend(lines)  # type: ignore[method-assign]
    asyncio.run(service._keep_told(notifier, Broken()))  # type: ignore[arg-type]
    assert said == []
