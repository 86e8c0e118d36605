"""The board's sockets on loopback: every byte arrives, errors have reasons, nothing stays open."""

from helpers import MICROPYTHON, skip

if not MICROPYTHON:
    skip("needs MicroPython's asyncio")

import asyncio
import errno
import socket

from light.board_parts import random_port, run, until
from shimlet import reasons
from shimlet_light.net import BoardNet

SO_SNDBUF = 7
SO_RCVBUF = 8


class Pair:
    """A connected pair of streams: `ours` dialled, `theirs` was accepted."""

    async def open(self):
        """Connect on a port of its own."""
        self.net = BoardNet()
        self.port = random_port()
        self.accepted = []
        self.task = asyncio.create_task(
            self.net.serve("127.0.0.1", self.port, self.accepted.append)
        )
        await asyncio.sleep_ms(0)
        self.ours = await self.net.connect("127.0.0.1", self.port)
        await until(lambda: self.accepted)
        self.theirs = self.accepted[0]
        return self

    async def close(self):
        """Close all of it."""
        self.task.cancel()
        await asyncio.sleep_ms(0)
        self.net.close()


async def read(stream, count):
    """Exactly `count` bytes, or what came before the end."""
    data = bytearray(count)
    at = 0
    while at < count:
        got = await stream.readinto(memoryview(data)[at:])
        if got == 0:
            break
        at += got or 0
    return bytes(data[:at])


def test_bytes_go_both_ways_and_the_end_is_seen():
    async def main():
        pair = await Pair().open()
        await pair.ours.send(b"hello")
        assert await read(pair.theirs, 5) == b"hello"
        await pair.theirs.send_frame(bytearray(b"head....."), 4, b"body")
        assert await read(pair.ours, 8) == b"headbody"
        await pair.theirs.send(b"last words")
        await pair.theirs.close()
        assert await read(pair.ours, 100) == b"last words"
        await pair.close()

    run(main())


def test_the_source_of_an_accepted_stream_is_its_ip():
    async def main():
        pair = await Pair().open()
        assert pair.theirs.source == "127.0.0.1"
        assert pair.theirs.local == b""
        await pair.close()

    run(main())


def test_a_large_frame_arrives_whole_through_small_socket_buffers():
    async def main():
        pair = await Pair().open()
        pair.ours.socket.setsockopt(socket.SOL_SOCKET, SO_SNDBUF, 2048)
        pair.theirs.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUF, 2048)
        content = bytes(range(250)) * 32
        frames = 6

        async def send():
            for _ in range(frames):
                await pair.ours.send_frame(bytearray(b"\x00\x00\x1f\x40"), 4, content)

        sender = asyncio.create_task(send())
        await asyncio.sleep_ms(50)
        for _ in range(frames):
            assert await read(pair.theirs, 4) == b"\x00\x00\x1f\x40"
            assert await read(pair.theirs, len(content)) == content
        await sender
        await pair.close()

    run(main())


def test_a_closed_stream_is_forgotten_and_may_be_closed_again():
    async def main():
        pair = await Pair().open()
        assert len(pair.net.streams) == 2
        await pair.ours.close()
        await pair.ours.close()
        assert len(pair.net.streams) == 1
        await pair.close()
        assert pair.net.streams == [] and pair.net.listener is None

    run(main())


def test_a_cancelled_read_loses_no_byte():
    async def main():
        pair = await Pair().open()
        reading = asyncio.create_task(read(pair.theirs, 4))
        await asyncio.sleep_ms(0)
        reading.cancel()
        await asyncio.sleep_ms(0)
        await pair.ours.send(b"kept")
        assert await read(pair.theirs, 4) == b"kept"
        await pair.close()

    run(main())


def test_a_taken_port_is_an_error_and_free_again_after_close():
    async def main():
        pair = await Pair().open()
        try:
            await BoardNet().serve("127.0.0.1", pair.port, None)
        except OSError as error:
            assert error.errno == errno.EADDRINUSE
        else:
            raise AssertionError("one port was taken twice")
        await pair.close()
        again = asyncio.create_task(BoardNet().serve("127.0.0.1", pair.port, None))
        await asyncio.sleep_ms(10)
        assert not again.done()
        again.cancel()

    run(main())


def test_nobody_at_the_port_is_connection_refused():
    async def main():
        net = BoardNet()
        try:
            stream = await net.connect("127.0.0.1", random_port())
            await stream.send(b"x")
            await stream.readinto(memoryview(bytearray(1)))
        except OSError as error:
            return net.reason(error, reasons.CLOSED_BEFORE_RESPONSE)

    assert run(main()) == reasons.CONNECTION_REFUSED


def test_errors_have_the_reasons_that_fit_the_moment():
    net = BoardNet()
    lost = reasons.CONNECTION_LOST
    assert net.reason(OSError(errno.EHOSTUNREACH), lost) == reasons.UNREACHABLE
    assert net.reason(OSError(101), lost) == reasons.UNREACHABLE
    assert net.reason(OSError(errno.ETIMEDOUT), lost) == lost
    assert net.reason(OSError(errno.ETIMEDOUT), -26) == reasons.CONNECT_TIMEOUT
    assert net.reason(OSError(errno.ECONNRESET), lost) == lost
    assert net.reason(OSError(reasons.NAME_TIMEOUT), -23) == reasons.NAME_TIMEOUT
    assert net.reason(OSError(-202), -23) == -23
    assert net.reason(OSError(), lost) == lost


def test_numeric_hosts_need_no_name_server():
    async def main():
        return await BoardNet().resolve("192.0.2.1"), await BoardNet().resolve("::1")

    assert run(main()) == ("192.0.2.1", "::1")


def test_a_connection_for_which_there_is_no_memory_is_closed_and_the_next_one_is_served():
    async def test():
        net = BoardNet()
        port = random_port()
        served = []

        def on_stream(stream):
            served.append(stream)
            if len(served) == 1:
                raise MemoryError

        task = asyncio.create_task(net.serve("127.0.0.1", port, on_stream))
        await asyncio.sleep_ms(0)
        first = await net.connect("127.0.0.1", port)
        assert await first.readinto(memoryview(bytearray(1))) == 0
        second = await net.connect("127.0.0.1", port)
        await until(lambda: len(served) == 2)
        assert served[1] in net.streams and served[0] not in net.streams
        task.cancel()
        for stream in (first, second, served[1]):
            await stream.close()

    run(test())
