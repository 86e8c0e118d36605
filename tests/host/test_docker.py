"""The Dockerfile: what it says is right, and its command and its health check work here.

No container engine is needed. tests/packaging/try_image.py goes further and runs all its steps.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from fnmatch import fnmatch
from pathlib import Path

import dockerfile
from shimlet_host.config import load_config
from shimlet_host.config.sources import ENVIRONMENT_PREFIX

ROOT = Path(__file__).parents[2]
STAGES = dockerfile.parse((ROOT / "Dockerfile").read_text())
BUILD, IMAGE = STAGES
ENVIRONMENT = dockerfile.environment(IMAGE, {"PATH": "/usr/bin"})
SETTINGS = {key: ENVIRONMENT[key] for key in ENVIRONMENT if key.startswith(ENVIRONMENT_PREFIX)}
DATA = ENVIRONMENT["SHIMLET_NODE_DATADIRECTORY"]
PATIENCE_S = 30.0


def sent_to_the_engine(path: str) -> bool:
    """Whether .dockerignore lets a path of the project through: the last line that fits counts."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.lstrip("!").removeprefix("**/")
        parts = [path, *path.split("/")] if line.startswith("**/") else [path, path.split("/")[0]]
        if line and line[0] != "#" and any(fnmatch(part, pattern) for part in parts):
            sent = line[0] == "!"
    return sent


def test_only_what_the_package_is_built_of_goes_into_the_image() -> None:
    for step in BUILD.steps:
        if step.word == "COPY":
            for source in step.rest.split()[:-1]:
                assert (ROOT / source).exists() and sent_to_the_engine(source), source
    for path in (".venv/bin/python", ".git/config", "tests/conftest.py", "shimletdb/peers.db"):
        assert not sent_to_the_engine(path), path
    assert not sent_to_the_engine("cpython_host/shimletdb/identity.seed")
    assert not sent_to_the_engine("common/shimlet/__pycache__/wire.pyc")
    assert sent_to_the_engine("cpython_host/shimlet_host/node.py")


def test_the_second_stage_takes_the_installed_program_alone() -> None:
    copies = [step for step in IMAGE.steps if step.word == "COPY"]
    assert [(step.options, step.rest) for step in copies] == [
        ({"from": BUILD.name}, "/opt/shimlet /opt/shimlet")
    ]
    assert BUILD.base == IMAGE.base, "the environment's Python is that of both"
    installs = [step.rest for step in BUILD.steps if "pip install" in step.rest]
    assert installs and all("--no-cache-dir" in text for text in installs)


def test_its_variables_are_settings_and_its_ports_are_those_that_the_node_takes() -> None:
    config = load_config(None, environment=SETTINGS)
    assert len(SETTINGS) >= 2 and config.warnings == ()
    ports = {
        f"{config.gossip.bind_address.port}/tcp",
        f"{config.auto_peering.bind_address.port}/udp",
        f"{config.webapi.bind_address.port}/tcp",
    }
    assert set(IMAGE.last("EXPOSE").rest.split()) == ports
    assert config.webapi.bind_address.host == "0.0.0.0", "loopback is the container's own"
    assert IMAGE.last("VOLUME").rest == IMAGE.last("WORKDIR").rest == DATA


def test_it_runs_as_nobody_in_particular_and_ends_at_sigterm() -> None:
    user = IMAGE.last("USER").rest
    assert all(int(number) >= 1000 for number in user.split(":"))
    assert any(f"chown {user} {DATA}" in step.rest for step in IMAGE.steps)
    assert IMAGE.steps.index(IMAGE.last("USER")) > IMAGE.steps.index(IMAGE.last("RUN"))
    assert IMAGE.last("STOPSIGNAL").rest == "SIGTERM"


def test_its_command_runs_and_its_health_check_tells_when_it_does(tmp_path: Path) -> None:
    bin_folder = str(Path(sys.executable).parent)
    variables = {name: text.replace(DATA, str(tmp_path)) for name, text in SETTINGS.items()}
    ports = {
        "SHIMLET_WEBAPI_BINDADDRESS": variables["SHIMLET_WEBAPI_BINDADDRESS"][:-4] + "0",
        "SHIMLET_GOSSIP_BINDADDRESS": "0.0.0.0:0",
    }
    ours = {"PATH": f"{bin_folder}:/usr/bin:/bin", "HOME": str(tmp_path), **variables, **ports}
    command = [*IMAGE.last("ENTRYPOINT").exec_form, *IMAGE.last("CMD").exec_form]
    check = [word.replace(DATA, str(tmp_path)) for word in IMAGE.last("HEALTHCHECK").exec_form]
    assert "/readyz" in check[-1]

    def healthy() -> bool:
        return subprocess.run(check, env=ours, capture_output=True, timeout=30).returncode == 0

    assert not healthy(), "nothing runs yet"
    node = subprocess.Popen(command, env=ours, cwd=tmp_path, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not healthy():
            assert node.poll() is None and time.monotonic() < deadline
        assert (tmp_path / "webapi.token").stat().st_mode & 0o777 == 0o600
        node.send_signal(signal.SIGTERM)
        assert node.wait(PATIENCE_S) == 0
    finally:
        node.kill()
        node.communicate()
    assert not healthy(), "it has ended"
    assert os.listdir(tmp_path), "what it keeps is in the volume"
