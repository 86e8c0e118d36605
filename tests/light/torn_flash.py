"""A flash memory in RAM that loses power after a number of writes and erases, for tests.

As NOR flash: an erase sets all bytes of a block to 255, and a byte is written once after it. The
write or erase at which the power fails is not begun, or half done, or it leaves its second half
erased. Imported by test_power_loss.py.
"""

NOT_BEGUN, HALF_DONE, HALF_ERASED = range(3)
_EIO = 5


class TornFlash:
    """A block device for vfs.VfsLfs2 on `memory`, which outlives it. `steps`: writes and erases
    so far; `last`: how many of them the power allows, None for all. `erased`: numbers of blocks.
    """

    def __init__(self, memory, block_bytes, last=None, tear=NOT_BEGUN):
        self.memory = memory
        self.block_bytes = block_bytes
        self.erased = set()
        self.last = last
        self.tear = tear
        self.steps = 0

    def readblocks(self, block, buf, offset=0):
        """Fill buf."""
        at = block * self.block_bytes + offset
        buf[:] = self.memory[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        """Write buf; 0 or an error."""
        at = block * self.block_bytes + offset
        used = self.memory[at : at + len(buf)] != b"\xff" * len(buf)
        if used and (self.last is None or self.steps < self.last):
            raise AssertionError("a byte is written twice without being erased")
        return self._put(at, buf)

    def ioctl(self, operation, argument):
        """4: number of blocks; 5: bytes of one; 6: erase it."""
        if operation == 4:
            return len(self.memory) // self.block_bytes
        if operation == 5:
            return self.block_bytes
        if operation == 6:
            self.erased.add(argument)
            return self._put(argument * self.block_bytes, b"\xff" * self.block_bytes)
        return 0

    def _put(self, at, new):
        """One step, as far as the power allows. After its failure nothing reaches the memory."""
        self.steps += 1
        if self.last is None or self.steps <= self.last:
            self.memory[at : at + len(new)] = new
            return 0
        half = len(new) // 2
        if self.steps == self.last + 1 and self.tear != NOT_BEGUN:
            self.memory[at : at + half] = new[:half]
            if self.tear == HALF_ERASED:
                self.memory[at + half : at + len(new)] = b"\xff" * (len(new) - half)
        return -_EIO
