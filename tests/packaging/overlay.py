"""Copies of this machine in which tests may install and write what they want.

In: nothing. Out: a `Root`, an overlay over this machine's root in a mount namespace that ends with
this process: what is written there is seen by nobody else, and gone at the end. This machine's
Python stands at /usr/local/bin/python, as in the image of a container; the project's own folder is
empty. Needs Linux and root, or sudo without a password.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

PROJECT = Path(__file__).parents[2]
INSIDE = "SHIMLET_TEST_INSIDE"  # set once this runs in a mount namespace of its own
CLONE_NEWNET = 0x40000000
TOOLS = ("chroot", "ip", "mount", "nsenter", "unshare")
WORK = Path("/run/shimlet-roots")
BASE = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root"}


def enter(what: str) -> None:
    """Start this script again where mounts are nobody else's business; where that cannot be, say
    that `what` was not tried, and exit with status 0.
    """
    if INSIDE not in os.environ:
        words = ["unshare", "--mount", "--propagation=private", sys.executable, sys.argv[0]]
        if os.geteuid():
            words = ["sudo", "--non-interactive", "--preserve-env", *words]
        missing = [tool for tool in TOOLS if shutil.which(tool, path=BASE["PATH"]) is None]
        if missing:
            skip(what, f"there is no {missing[0]}")
        able = subprocess.run([*words[:-2], "true"], capture_output=True, text=True)
        if able.returncode:
            skip(what, able.stderr.strip())
        os.execvpe(words[0], words, {**os.environ, INSIDE: "1"})
    WORK.mkdir(parents=True, exist_ok=True)
    ask("mount", "-t", "tmpfs", "tmpfs", WORK)


def skip(what: str, why: str) -> NoReturn:
    """Say so, and end."""
    print(f"SKIPPED: {what} was not tried: {why}")
    sys.exit(0)


def leave_the_network() -> None:
    """From now on this process and its children have a loopback of their own, and nothing else."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    ask("ip", "link", "set", "lo", "up")


def ask(*words: object) -> str:
    """A command that must succeed; what it says."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{words}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def package_index() -> dict[str, str]:
    """The variables by which pip reaches the package index from this machine."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_")) or name.lower().endswith("_proxy")
    }


def tracked_files() -> list[str]:
    """The paths of the project that git tracks and that are there."""
    git = ("git", "-c", f"safe.directory={PROJECT}", "-C", PROJECT)
    names = ask(*git, "ls-files", "-z").split("\0")
    return [name for name in names if name and (PROJECT / name).is_file()]


def copy_files(names: list[str], to: Path) -> None:
    """Files of the project, under the same names."""
    for name in names:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, to / name)


class Root:
    """One copy, in which `folder` is where commands run."""

    def __init__(self, name: str) -> None:
        self.root = WORK / name / "root"
        self.folder = "/"
        upper, work = WORK / name / "upper", WORK / name / "work"
        for each in (self.root, upper, work):
            each.mkdir(parents=True)
        layers = f"lowerdir=/,upperdir={upper},workdir={work}"
        ask("mount", "-t", "overlay", "overlay", "-o", layers, self.root)
        ask("mount", "--bind", "/dev", self.root / "dev")
        ask("mount", "-t", "proc", "proc", self.root / "proc")
        ask("mount", "-t", "tmpfs", "tmpfs", self.path(str(PROJECT)))
        self._bring_python()

    def _bring_python(self) -> None:
        local = self.path("/usr/local")
        if sys.base_prefix not in ("/usr", "/usr/local"):
            ask("mount", "--bind", sys.base_prefix, local)
            for folder in Path(sys.base_prefix).parents:  # its libraries are found there
                self.path(str(folder)).chmod(0o755)
        elif not (local / "bin/python").exists():
            (local / "bin/python").symlink_to(shutil.which("python3", path=BASE["PATH"]) or "")

    def path(self, inside: str) -> Path:
        """A path of the copy, seen from here."""
        return self.root / os.path.join(self.folder, inside).lstrip("/")

    def words(self, command: list[str], variables: Mapping[str, str], user: str = "") -> list[str]:
        """A command inside, with these variables and nothing else. `user`: "10001:10001"."""
        pairs = [f"{name}={value}" for name, value in variables.items()]
        as_user = [f"--userspec={user}"] if user else []
        go = ["sh", "-c", 'cd "$0" && exec "$@"', self.folder, *command]
        return ["chroot", *as_user, str(self.root), "/usr/bin/env", "-i", *pairs, *go]
