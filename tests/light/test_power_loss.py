"""The power fails at each write and each erase of the flash, and in the middle of each.

Afterwards the file system mounts, each file of the board is wholly the old or wholly the new one,
and the node's loaders take it. The flash is LittleFS in RAM, with the blocks of a board.
"""

from helpers import MICROPYTHON, skip

if not MICROPYTHON:
    skip("needs MicroPython's LittleFS")

import gc

import vfs
from light.torn_flash import HALF_DONE, HALF_ERASED, NOT_BEGUN, TornFlash
from shimlet_light import config, credentials, files, identity

ROOT = "/torn"
CONFIG = ROOT + "/config.json"
KEPT = ROOT + "/config.good.json"
SEED = ROOT + "/identity.seed"
WIFI = ROOT + "/wifi.json"
FILES = (CONFIG, KEPT, SEED, WIFI)
# Bytes of a block, blocks, and how often all files change: so often that LittleFS also rewrites
# its list of files, in block 0 or 1. Small blocks, so that a file takes several; those of a board.
SMALL, OF_A_BOARD = (512, 20, 1), (4096, 7, 5)


class SameSeed:
    """An os for identity.py that is as random as it has to be here: the same after each cut."""

    @staticmethod
    def urandom(count):
        """`count` bytes."""
        return bytes(range(count))


class Flash:
    """`memory`, and room for two copies: they are made once, as large pieces are hard to find."""

    def __init__(self, block_bytes, blocks):
        self.block_bytes = block_bytes
        self.memory, self.before, self.done = [bytearray(block_bytes * blocks) for _ in range(3)]
        self.erased = set()
        vfs.VfsLfs2.mkfs(TornFlash(self.memory, block_bytes))

    def mount(self, last=None, tear=NOT_BEGUN):
        """Make it a file system at ROOT; the device."""
        device = TornFlash(self.memory, self.block_bytes, last, tear)
        vfs.mount(vfs.VfsLfs2(device), ROOT)
        return device

    def complete(self, change):
        """Do it with power: the contents before and after, and its steps."""
        device = self.mount()
        before = contents()
        change()
        after = contents()
        vfs.umount(ROOT)
        self.erased |= device.erased
        return before, after, device.steps

    def cut(self, change, last, tear):
        """Do it until the power fails."""
        self.mount(last, tear)
        try:
            change()
        except (OSError, identity.IdentityError):
            pass  # code that no longer runs on a board; nothing of it reaches the memory
        finally:
            vfs.umount(ROOT)

    def cut_everywhere(self, change):
        """Cut the power at each step of the change; how often. In the end the change is done."""
        self.before[:] = self.memory
        before, after, steps = self.complete(change)
        self.done[:] = self.memory
        for last in range(steps):
            for tear in (NOT_BEGUN, HALF_DONE, HALF_ERASED):
                self.memory[:] = self.before
                self.cut(change, last, tear)
                self.mount()
                check(before, after)
                vfs.umount(ROOT)
        self.memory[:] = self.done
        return steps * 3


def changes(number):
    """What a board writes, each time with other content."""
    peers = [(bytes([number, i]) * 16, "192.0.2.%d:14666" % number) for i in range(3)]
    seed = bytes([number]) + bytes(range(31))
    return (
        lambda: identity.load(SEED),
        lambda: config.save_peers(peers, CONFIG),
        lambda: config.load(CONFIG),
        lambda: credentials.save("home %d" % number, "password %d" % number, WIFI),
        lambda: config.save_value("network", "ntp", ["192.0.2.%d" % number], CONFIG),
        lambda: identity.replace(seed, SEED),
    )


def contents():
    """What the files hold; None: there is none."""
    return [files.read(path, 5000) for path in FILES]


def check(before, after):
    """What a cut left: each file is whole, the loaders take it, and it can be changed."""
    for path, old, now, new in zip(FILES, before, contents(), after):
        assert now in (old, new), (path, old, now, new)
    settings = config.load(CONFIG)
    for problem in settings.problems:
        assert "no such file" in problem, problem
    identity.load(SEED)
    credentials.load(nothing_is_wrong, WIFI)
    for change in changes(99):
        change()
    assert config.load(CONFIG).known_peers[0][1] == "192.0.2.99:14666"
    assert credentials.load(None, WIFI) == ("home 99", "password 99")


def nothing_is_wrong(sentence):
    """Takes what is said about a damaged file."""
    raise AssertionError(sentence)


def cut_all(block_bytes, blocks, rounds):
    """Cut the power at each step of all that a board writes, from the first start on."""
    real = identity.os, identity.public_key
    identity.os = SameSeed
    identity.public_key = bytes  # which takes no time
    try:
        flash = Flash(block_bytes, blocks)
        cuts = 0
        for number in range(rounds):
            cuts += sum(flash.cut_everywhere(change) for change in changes(number))
    finally:
        identity.os, identity.public_key = real
    assert cuts > 80 * rounds, cuts
    assert flash.erased & {0, 1}, flash.erased


def test_after_a_power_loss_at_any_moment_each_file_is_the_old_or_the_new_one():
    cut_all(*SMALL)


def test_so_it_is_with_the_blocks_of_a_board():
    if gc.mem_free() < 200_000:
        skip("the blocks of a board take more memory")
    cut_all(*OF_A_BOARD)


def fill():
    """Take what is free of the flash."""
    for number in range(3):
        try:
            with open(ROOT + "/data%d" % number, "wb") as file:
                while True:
                    file.write(bytes(64))
                    file.flush()
        except OSError:
            pass


def test_a_full_flash_is_said_and_the_old_files_stay():
    flash = Flash(*SMALL[:2])
    flash.mount()
    try:
        for change in changes(1):
            change()
        fill()
        before = contents()
        said = 0
        for change in changes(2):
            try:
                change()
            except OSError as error:
                assert str(error).startswith(ROOT), error
                assert str(error).endswith(" cannot be written: the flash is full"), error
                said += 1
        problems = config.load(CONFIG).problems
        assert said >= 2, said
        assert contents()[:2] == before[:2]
        assert not any(files.exists(path + ".new") for path in FILES)
        assert problems == []
        assert config.load(CONFIG).known_peers[0][1] == "192.0.2.1:14666"
    finally:
        vfs.umount(ROOT)


def test_a_flash_too_full_for_an_identity_is_said():
    real = identity.files.write

    def write(path, content):
        raise OSError(path + " cannot be written: the flash is full")

    identity.files.write = write
    try:
        identity.load("no-such-file.seed")
    except identity.IdentityError as error:
        assert str(error) == "no-such-file.seed cannot be written: the flash is full."
    else:
        raise AssertionError("an identity that is not kept")
    finally:
        identity.files.write = real
