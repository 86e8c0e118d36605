"""What the tests of the light node share: a scratch folder, free ports, a loop with a time limit.

For MicroPython and, except for run() and until(), for CPython too. Imported by tests/light.
"""

import asyncio
import os
from binascii import hexlify

from shimlet_light import files


class Scratch:
    """An empty folder for one test: `with Scratch() as path`."""

    def __init__(self):
        base = "/tmp/" if files.exists("/tmp") else ""
        self.path = base + "shimlet-" + hexlify(os.urandom(6)).decode()

    def __enter__(self):
        os.mkdir(self.path)
        return self.path

    def __exit__(self, kind, error, trace):
        for name in os.listdir(self.path):
            os.remove(self.path + "/" + name)
        os.rmdir(self.path)


def random_port():
    """A free port below those of outgoing connections; MicroPython cannot ask which one it got."""
    while True:
        low, high = os.urandom(2)
        port = 15000 + (high << 8 | low) % 15000
        if _is_free(port):
            return port


def _is_free(port):
    import socket

    probe = socket.socket()
    try:
        probe.bind(socket.getaddrinfo("0.0.0.0", port)[0][-1])
        return True
    except OSError:
        return False
    finally:
        probe.close()


def run(coroutine, limit_s=30):
    """Run it in a fresh loop; asyncio.TimeoutError after `limit_s`."""
    asyncio.new_event_loop()
    try:
        return asyncio.run(asyncio.wait_for(coroutine, limit_s))
    finally:
        asyncio.new_event_loop()


async def until(condition, limit_ms=15000):
    """Wait until condition() holds; AssertionError if it does not within the limit."""
    for _ in range(limit_ms // 10):
        if condition():
            return
        await asyncio.sleep_ms(10)
    raise AssertionError("this did not happen in time")


class Datagrams:
    """A UDP server for tests: answers each datagram by reply(data) -> list of datagrams."""

    def __init__(self, reply):
        import socket

        self.reply = reply
        self.received = []
        self.port = random_port()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(socket.getaddrinfo("127.0.0.1", self.port)[0][-1])

    async def serve(self):
        """Until cancelled."""
        from shimlet_light.waiting import readable

        try:
            while True:
                await readable(self.socket)
                data, sender = self.socket.recvfrom(600)
                self.received.append(data)
                for answer in self.reply(data):
                    self.socket.sendto(answer, sender)
        finally:
            self.socket.close()
