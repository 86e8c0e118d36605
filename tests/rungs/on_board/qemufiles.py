"""Files for an emulated board: read from memory that QEMU fills before the machine starts.

In: the address of an archive as tests/rungs/bare_metal.py writes it: the size of a table (4 bytes,
little-endian), the table (a line `offset size path` a file; offsets count from its end), the
files. Out: a read-only file system at /. Frozen into the firmwares of rung 3.
"""

import errno
import io
import os

import uctypes

try:
    from vfs import mount
except ImportError:
    from os import mount

_FILE = 0x8000
_FOLDER = 0x4000


class File(io.IOBase):
    """An open file. It reads through a buffer of the importer, as from the flash of a board."""

    def __init__(self, content):
        self._content = content
        self._at = 0

    def readinto(self, buffer):
        """Copy the next bytes; answer how many."""
        size = min(len(buffer), len(self._content) - self._at)
        buffer[:size] = self._content[self._at : self._at + size]
        self._at += size
        return size

    def read(self, size=-1):
        """The next bytes, or all that are left."""
        end = len(self._content) if size < 0 else self._at + size
        data = bytes(self._content[self._at : end])
        self._at += len(data)
        return data

    def ioctl(self, request, argument):
        """Nothing to flush or close; the importer chooses its buffer."""
        return 0

    def close(self):
        """Nothing to do."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class Text(File):
    """An open text file, which keeps no copy of its content."""

    def read(self, size=-1):
        """The text that is left, or so many bytes of it."""
        return str(super().read(size), "utf-8")

    def readline(self):
        """The next line, with its end; "" after the last."""
        end = self._at
        while end < len(self._content):
            end += 1
            if self._content[end - 1] == 10:
                break
        return self.read(end - self._at)

    def __iter__(self):
        return self

    def __next__(self):
        line = self.readline()
        if not line:
            raise StopIteration
        return line


class Files:
    """The file system: `table` is {path: (address, size)}."""

    def __init__(self, table):
        self._table = table
        self._folders = {""}
        for path in table:
            while "/" in path:
                path = path.rsplit("/", 1)[0]
                self._folders.add(path)

    def mount(self, readonly, mkfs):
        """Nothing to do."""

    def umount(self):
        """Nothing to do."""

    def chdir(self, path):
        """There is only the root folder to go to."""

    def getcwd(self):
        """The root folder."""
        return "/"

    def stat(self, path):
        """Say whether it is a file or a folder, and its size."""
        path = path.strip("/")
        if path in self._table:
            return (_FILE, 0, 0, 0, 0, 0, self._table[path][1], 0, 0, 0)
        if path in self._folders:
            return (_FOLDER, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        raise OSError(errno.ENOENT)

    def ilistdir(self, path):
        """Names in a folder, with their kind."""
        path = path.strip("/")
        below = path + "/" if path else ""
        rests = [name[len(below) :] for name in self._table if name.startswith(below)]
        for name in sorted({rest.split("/")[0] for rest in rests}):
            yield (name, self.stat(below + name)[0], 0)

    def open(self, path, mode):
        """Open for reading, as bytes or as text."""
        path = path.strip("/")
        if path not in self._table:
            raise OSError(errno.ENOENT)
        return (File if "b" in mode else Text)(self.view(path))

    def view(self, path):
        """A file's content where it is."""
        return memoryview(uctypes.bytearray_at(*self._table[path]))


def table_at(address):
    """Read the archive's table."""
    size = int.from_bytes(uctypes.bytearray_at(address, 4), "little")
    first = address + 4 + size
    table = {}
    for line in bytes(uctypes.bytearray_at(address + 4, size)).decode().split("\n")[:-1]:
        offset, length, path = line.split(" ", 2)
        table[path] = (first + int(offset), int(length))
    return table


def use(address):
    """Mount the archive at /; answer the file system."""
    files = Files(table_at(address))
    mount(files, "/")
    os.chdir("/")
    return files
