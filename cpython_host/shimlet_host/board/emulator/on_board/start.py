# mypy: ignore-errors
# ruff: noqa: SIM115 - MicroPython: execfile is built in; both files stay open for good
"""The first thing that runs on the virtual board, as a port's own start-up code would.

In: the image file, the control pipe, why the board started, whether main.py may run.
Out: a LittleFS root, a `machine` with resets, boot.py and main.py executed; the REPL follows.
Called by: the command line that `interpreter.py` builds. Runs on MicroPython.
"""

import os
import sys

import machine_shim
import vfs

import __main__

_BLOCK_BYTES = 4096
_READY = b"+"


class ImageFile:
    """A file as a block device. It writes at once and in order, so a kill tears no block order."""

    def __init__(self, path):
        self.file = open(path, "r+b")
        self.blocks = self.file.seek(0, 2) // _BLOCK_BYTES

    def readblocks(self, block, buf, offset=0):
        self.file.seek(block * _BLOCK_BYTES + offset)
        self.file.readinto(buf)

    def writeblocks(self, block, buf, offset=0):
        self.file.seek(block * _BLOCK_BYTES + offset)
        self.file.write(buf)

    def ioctl(self, operation, _argument):
        if operation == 4:
            return self.blocks
        if operation == 5:
            return _BLOCK_BYTES
        return 0  # nothing to initialise, to write back or to erase


def make_file_system(path, config):
    """Write a LittleFS into the file, whose size says how large it is, with this config.json if
    it is not empty.
    """
    image = ImageFile(path)
    vfs.VfsLfs2.mkfs(image)
    if config:
        vfs.mount(vfs.VfsLfs2(image), "/flash")
        with open("/flash/config.json", "w") as file:
            file.write(config)


def _mount(path):
    image = ImageFile(path)
    vfs.umount("/")
    try:
        vfs.mount(vfs.VfsLfs2(image), "/")
    except OSError as error:
        print("The flash holds no file system that can be mounted:", error)
        return
    os.chdir("/")


def _execute(name):
    """Run a file of the root folder in the namespace of the REPL; False if it raised."""
    try:
        os.stat(name)
    except OSError:
        return True
    try:
        execfile(name, __main__.__dict__)
        return True
    except SystemExit:
        raise
    except BaseException as error:
        sys.print_exception(error)
        return False


def run(path, control_fd, cause, with_main, clock):
    """Mount the image, then run boot.py and, if it ended well and `with_main`, main.py. `clock`:
    "" for the right one, else see time_shim.
    """
    control = open(control_fd, "wb")
    if clock:  # before the mount, after which this machine's files are out of reach
        __import__("time_shim").setup(clock)
        del sys.modules["time_shim"]
    _mount(path)
    sys.path[:] = ["", ".frozen", "/lib"]
    sys.argv[:] = []
    machine_shim.setup(control, cause)
    for name in ("start", "machine_shim"):
        del sys.modules[name]
    try:
        control.write(_READY)  # from here on, the host's bytes (a ^C too) reach this process
        if _execute("boot.py") and with_main:
            _execute("main.py")
    except KeyboardInterrupt:
        print("KeyboardInterrupt")
