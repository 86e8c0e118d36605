"""Installs the systemd service as the README says, and runs what its unit runs, without systemd.

In: the commands of the README's section and the unit. Out: a line a step; exit status 0, or 1 with
what went wrong. It needs what overlay.py needs, and the package index. systemctl and journalctl
need a running systemd and are passed over; what they would start is started here, as the unit's
user and with the unit's folders. Called by `make test-packages`.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import overlay
from overlay import BASE, PROJECT, Root, ask

README = PROJECT / "cpython_host" / "README.md"
OTHERS = ("systemctl", "journalctl")
PATIENCE_S = 60.0


def commands() -> list[str]:
    """Those of the section, as they stand."""
    section = README.read_text().partition("\n### As a service of systemd\n")[2]
    section = section.partition("\n### ")[0]
    blocks = re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def unit_of(root: Root) -> dict[str, str]:
    """The keys of the unit where it was installed."""
    text = root.path("/etc/systemd/system/shimlet.service").read_text()
    pairs = [line.partition("=") for line in text.splitlines() if line[:1] not in ("#", "[", "")]
    return {key: value for key, _, value in pairs}


class Service:
    """What systemd does for the unit, as far as it matters here."""

    def __init__(self, root: Root, unit: dict[str, str]) -> None:
        self.user = f"{unit['User']}:{unit['Group']}"
        state = f"/var/lib/{unit['StateDirectory']}"
        root.path(state).mkdir(mode=int(unit["StateDirectoryMode"], 8))
        run(root, f"chown {self.user} {state}")
        root.folder = unit["WorkingDirectory"]
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0shimlet-test-service")
        self._socket.settimeout(PATIENCE_S)
        tell = {"NOTIFY_SOCKET": "@shimlet-test-service", "WATCHDOG_USEC": "2000000"}
        words = root.words(shlex.split(unit["ExecStart"]), BASE | tell, self.user)
        umask = ["sh", "-c", f'umask {unit["UMask"]} && exec "$@"', "sh"]
        self.node = subprocess.Popen([*umask, *words], stderr=subprocess.PIPE, text=True)

    def await_line(self, line: str) -> None:
        """What the node tells systemd."""
        while line not in self._socket.recv(4096).decode().split("\n"):
            pass


def run(root: Root, command: str) -> str:
    """A line of the README; sudo is not needed here, but whom it names counts."""
    words = shlex.split(command)
    user = ""
    if words[0] == "sudo":
        words = words[1:]
        if words[0] == "-u":
            user, words = f"{words[1]}:{words[1]}", words[2:]
    return ask(*root.words(words, BASE | overlay.package_index(), user))


def main() -> None:
    """The steps of the section, one after the other."""
    overlay.enter("the installation as a service")
    root = Root("service")
    overlay.copy_files(overlay.tracked_files(), root.path("/src"))
    root.folder = "/src"
    service: Service | None = None
    tried = 0
    for command in commands():
        if any(word in command for word in OTHERS):
            if "enable --now" in command:
                judge(root)
                overlay.leave_the_network()  # so that its ports collide with nobody's
                service = Service(root, unit_of(root))
                service.await_line("READY=1")
            elif "reload shimlet" in command and service is not None:
                subprocess.run(["kill", "-HUP", str(service.node.pid)], check=True)
                service.await_line("READY=1")
            continue
        said = run(root, command)
        tried += 1
        print(command)
    assert service is not None and tried >= 6, tried
    assert "0 of 0 peers connected" in said, said
    check(root, service)
    print("The service runs as its own user, tells systemd how it is, and ends well.")


def judge(root: Root) -> None:
    """Every path and command of the unit is there."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        print("SKIPPED: systemd-analyze is not installed, so it does not judge the unit")
        return
    said = ask(*root.words([tool, "verify", "/etc/systemd/system/shimlet.service"], BASE))
    assert not said, said


def check(root: Root, service: Service) -> None:
    """Whose it is, where it writes, and how it ends."""
    status = Path(f"/proc/{service.node.pid}/status").read_text()
    uid = root.path("/var/lib/shimlet").stat().st_uid
    assert uid != 0 and f"\nUid:\t{uid}\t" in status, status
    kept = {file.name: file.stat() for file in root.path("/var/lib/shimlet").iterdir()}
    assert {"identity.seed", "peers.db", "webapi.token"} <= kept.keys(), kept
    assert all(facts.st_mode & 0o077 == 0 for facts in kept.values()), "open to others"
    config = root.path("/etc/shimlet/config.json")
    assert config.stat().st_mode & 0o777 == 0o640
    assert json.loads(config.read_text())["node"]["dataDirectory"] == "/var/lib/shimlet"
    service.await_line("WATCHDOG=1")
    service.node.terminate()
    service.await_line("STOPPING=1")
    if service.node.wait(PATIENCE_S):
        sys.exit(f"The node ended badly: {service.node.communicate()}")


if __name__ == "__main__":
    main()
