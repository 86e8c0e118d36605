"""Waits until a socket is ready, under MicroPython's asyncio.

asyncio has streams for this, but its open_connection() loses the socket when a dial is cancelled,
and a stream that cannot write at once copies what is left. So net.py and resolver.py wait here and
read and write by themselves. Several tasks may wait for one socket, if each waits for something
else. (The queue is looked up at each call: a test may have put another in its place.)
"""

from asyncio import core


def readable(sock):
    """To be awaited: there is something to read or to accept, or the connection broke."""
    yield core._io_queue.queue_read(sock)


def writable(sock):
    """To be awaited: the connection stands, or broke, or there is room to write."""
    yield core._io_queue.queue_write(sock)
