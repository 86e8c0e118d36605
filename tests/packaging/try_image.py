"""Runs all steps of the Dockerfile, then its command and its health check, without an engine.

In: the files that git tracks, without those that .dockerignore keeps back. Out: a line a step;
exit status 0, or 1 with what went wrong. It needs what overlay.py needs, and the package index.

A stage is a copy of this machine (overlay.py). The node then runs as process 1 of namespaces of
its own, as in a container, with no network but its loopback, so that its ports collide with
nobody's. Called by `make test-packages`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import overlay
from overlay import BASE, PROJECT, WORK, Root, ask

sys.path[:0] = [str(PROJECT / "tests")]

import dockerfile  # noqa: E402

PATIENCE_S = 60.0


class Image(Root):
    """One stage on its way."""

    def __init__(self, stage: dockerfile.Stage, number: int) -> None:
        super().__init__(f"stage-{number}")
        self.stage = stage
        self.variables = dockerfile.environment(stage, BASE)


def build(stages: list[dockerfile.Stage], context: Path) -> Image:
    """All steps of all stages; the last image."""
    images: dict[str, Image] = {}
    for number, stage in enumerate(stages):
        image = images[stage.name] = Image(stage, number)
        for step in stage.steps:
            if step.word == "WORKDIR":
                image.folder = step.rest
                image.path("").mkdir(parents=True, exist_ok=True)
            elif step.word == "COPY":
                source = images[step.options["from"]].root if "from" in step.options else context
                copy(source, image, step.rest.split())
            elif step.word == "RUN":
                variables = image.variables | overlay.package_index()
                ask(*image.words(["sh", "-c", step.rest], variables))
            print(f"{step.word} {step.rest[:80]}")
    return image


def copy(source: Path, image: Image, names: list[str]) -> None:
    """As engines do it: the content of a folder, and a file under its name."""
    target = image.path(names[-1])
    for name in names[:-1]:
        here = source / name.lstrip("/")
        if here.is_dir():
            shutil.copytree(here, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(here, target)


def context_of_the_project(to: Path) -> Path:
    """What git tracks of that which .dockerignore lets through."""
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line[:1] == "!"}
    names = [name for name in overlay.tracked_files() if name.split("/")[0] in allowed]
    overlay.copy_files(names, to)
    return to


class Container:
    """The image's command as process 1, with a loopback of its own."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.user = image.stage.last("USER").rest
        command = [
            *image.stage.last("ENTRYPOINT").exec_form,
            *image.stage.last("CMD").exec_form,
        ]
        inside = image.words(command, image.variables, self.user)
        go = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", *inside]
        self.engine = subprocess.Popen(
            ["unshare", "--net", "--pid", "--fork", "--kill-child", *go],
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def process_1(self) -> int:
        """Its number out here."""
        number = self.engine.pid
        return int(Path(f"/proc/{number}/task/{number}/children").read_text().split()[0])

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """As `docker exec` does it, the health check too."""
        words = ["nsenter", f"--net=/proc/{self.engine.pid}/ns/net"]
        words += self.image.words(command, self.image.variables, self.user)
        return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S)

    def await_health(self) -> None:
        """Until its health check says so."""
        check = self.image.stage.last("HEALTHCHECK").exec_form
        deadline = time.monotonic() + PATIENCE_S
        while (answer := self.run(check)).returncode:
            if self.engine.poll() is not None or time.monotonic() > deadline:
                self.engine.kill()
                sys.exit(f"It is not healthy: {answer.stderr}\n{self.engine.communicate()}")
            time.sleep(0.1)

    def stop(self) -> int:
        """As `docker stop` does it; the exit status."""
        os.kill(self.process_1, 15)
        return self.engine.wait(PATIENCE_S)


def check(container: Container) -> str:
    """What a user does first; the node's key."""
    container.await_health()
    status = Path(f"/proc/{container.process_1}/status").read_text()
    assert f"\nUid:\t{container.user.split(':')[0]}\t" in status, "not its own user"
    assert "\nCapEff:\t0000000000000000\n" in status, "it has rights that it does not need"
    told = container.run(["shimlet", "status", "--json"])
    assert told.returncode == 0, told
    added = container.run(["shimlet", "peers", "add", f"{'1' * 31}2@192.0.2.7:14666"])
    assert added.returncode == 0, f"the folder's token lets the command in: {added}"
    data = container.image.root / "data"
    secrets = (data / "webapi.token", data / "identity.seed")
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in secrets)
    post = "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/messages', data=b'{}')"
    assert "401" in container.run(["python", "-c", post]).stderr, "a change without the token"
    assert container.stop() == 0, "process 1 does not end well at SIGTERM"
    return str(json.loads(told.stdout)["info"]["publicKey"])


def main() -> None:
    """Build, run, and run again with the same volume."""
    overlay.enter("the Dockerfile")
    context = WORK / "context"
    context.mkdir()
    stages = dockerfile.parse((PROJECT / "Dockerfile").read_text())
    image = build(stages, context_of_the_project(context))
    key = check(Container(image))
    assert check(Container(image)) == key, "the volume keeps who it is"
    print("The image's command runs as process 1, is healthy, and ends at SIGTERM.")


if __name__ == "__main__":
    main()
