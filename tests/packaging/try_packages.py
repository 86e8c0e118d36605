"""Builds the sdist and the wheel, installs them as users do, and tries what was installed.

In: the files that git tracks. Out: a line a step; exit status 0, or 1 with what went wrong. It
needs the package index, as `make setup` does. Called by `make test-packages` and `.ci/run`.

Everything happens in a folder of its own, in environments that hold nothing but pip: what the
project's own folder or .venv has would hide what is missing from the packages.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {"shimlet": ROOT / "common", "shimlet_host": ROOT / "cpython_host"}
HELP_S = 0.3  # that `shimlet --help` may take beside Python's own start
ROUNDS = 7
PATIENCE_S = 30.0


def run(*words: object, cwd: Path, **variables: str) -> str:
    """A command that must succeed; what it says."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), **variables}
    for name, value in os.environ.items():
        if name.startswith(("PIP_", "SSL_", "REQUESTS_")) or name.lower().endswith("_proxy"):
            environment[name] = value  # how this machine reaches the package index
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode:
        sys.exit(f"{words}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def copy_of_the_project(to: Path) -> None:
    """What git tracks, as a fresh clone would have it."""
    for name in run("git", "ls-files", "-z", cwd=ROOT).split("\0"):
        source = ROOT / name
        if name and source.is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, to / name)


def environment(folder: Path) -> Path:
    """An empty environment; its Python."""
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def install(python: Path, what: Path, *options: str) -> None:
    """By pip, from the folder, the sdist or the wheel."""
    words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options]
    run(python, *words, what, cwd=python.parents[1])


def build(project: Path, work: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is made of it."""
    python = environment(work / "builder")
    install(python, Path("build"))
    run(python, "-m", "build", "--outdir", work / "dist", project, cwd=work)
    (sdist,) = (work / "dist").glob("*.tar.gz")
    (wheel,) = (work / "dist").glob("*.whl")
    return sdist, wheel


def check_contents(project: Path, sdist: Path, wheel: Path) -> None:
    """Every module of the project is in both, and no module besides."""
    wanted = {
        str(path.relative_to(project / folder.name))
        for name, folder in PACKAGES.items()
        for path in (project / folder.name / name).rglob("*.py")
    }
    found = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    assert found == wanted, f"the wheel differs: {found ^ wanted}"
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    service = {"cpython_host/systemd/shimlet.service", "cpython_host/systemd/config.json"}
    missing = {"pyproject.toml", "README.md", "LICENSE", "Dockerfile", *service} - inside
    assert not missing, f"not in the sdist: {missing}"


@contextmanager
def running(shimlet: Path, folder: Path) -> Iterator[str]:
    """A node, and the URL of its web API."""
    ports = ["--set", "webapi.bindAddress=127.0.0.1:0", "--set", "gossip.bindAddress=127.0.0.1:0"]
    node = subprocess.Popen([shimlet, "run", *ports], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        url = folder / "shimletdb" / "webapi.url"
        deadline = time.monotonic() + PATIENCE_S
        while not url.exists():
            assert node.poll() is None and time.monotonic() < deadline, "the node did not start"
            time.sleep(0.05)
        yield url.read_text().strip()
    finally:
        node.terminate()
        status = node.wait(timeout=PATIENCE_S)
    assert status == 0, f"the node ended with {status}"


def ask(url: str) -> tuple[int, str]:
    """Status and text of an answer."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def check_command(shimlet: Path, folder: Path) -> None:
    """A new user's first minute."""
    run(shimlet, "--version", cwd=folder)
    key = json.loads(run(shimlet, "init", "--json", cwd=folder))["publicKey"]
    assert run(shimlet, "id", "--address", "192.0.2.7", cwd=folder).startswith(f"{key}@192.0.2.7:")
    run(shimlet, "config", "check", cwd=folder)
    with running(shimlet, folder) as url:
        assert json.loads(run(shimlet, "status", "--json", cwd=folder))["info"]["publicKey"] == key
        run(shimlet, "publish", "hello", cwd=folder)
        assert ask(f"{url}/readyz")[0] == 200
        status, text = ask(f"{url}/")
        assert status == 404 and "pip install 'shimlet[dashboard]'" in text, text


def check_dashboard(python: Path, shimlet: Path, wheel: Path, folder: Path) -> None:
    """The extra brings the page, and all that the page loads."""
    install(python, Path(f"{wheel}[dashboard]"))
    with running(shimlet, folder) as url:
        status, page = ask(f"{url}/")
        assert status == 200 and "<title>Shimlet " in page, page[:500]
        parts = set(re.findall(r'["(](/dashboard/_nicegui/[^"()]+\.(?:js|css))["?)]', page))
        assert any("row_list" in part for part in parts), parts
        for part in parts:
            assert ask(url + part)[0] == 200, part


def check_help(python: Path, shimlet: Path, folder: Path) -> None:
    """Both in turns; the fastest of each counts, as others use this machine, too."""
    times: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, words in (("python", [python, "-c", "pass"]), ("help", [shimlet, "--help"])):
            start = time.perf_counter()
            run(*words, cwd=folder)
            times[name] = min(times.get(name, 9.0), time.perf_counter() - start)
    more = times["help"] - times["python"]
    print(f"shimlet --help takes {more * 1000:.0f} ms more than Python itself (limit 300)")
    assert more < HELP_S


def main() -> None:
    """All of it, in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="shimlet-packages-") as name:
        work = Path(name)
        project, user = work / "project", work / "user"
        user.mkdir()
        copy_of_the_project(project)
        sdist, wheel = build(project, work)
        check_contents(project, sdist, wheel)
        print(f"built and complete: {sdist.name}, {wheel.name}")
        python = environment(work / "venv")
        # As pipx does it: an environment of its own, and a link to the command on the PATH.
        shimlet = work / "bin" / "shimlet"
        shimlet.parent.mkdir()
        shimlet.symlink_to(python.parent / "shimlet")
        for what in (project, wheel, sdist):
            again = ["--force-reinstall", "--no-deps"] if what != project else []
            install(python, what, *again)
            folder = user / what.name
            folder.mkdir()
            check_command(shimlet, folder)
            print(f"pip install {what.name if what != project else '.'}: shimlet works")
        check_help(python, shimlet, user)
        check_dashboard(python, shimlet, wheel, folder)
        print("pip install '.[dashboard]': there is a dashboard")


if __name__ == "__main__":
    main()
