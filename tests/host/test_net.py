"""The host's sockets behind the ports of the core."""

from __future__ import annotations

import asyncio
import socket

from shimlet import reasons
from shimlet.ticks import PERIOD_MS
from shimlet_host.net import EARLIEST_UNIX_TIME, HostNet, HostStream, Listener

OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


def test_both_ends_send_at_once_and_notice_dead_peers_within_half_a_minute() -> None:
    async def conversation() -> None:
        accepted: asyncio.Future[HostStream] = asyncio.get_running_loop().create_future()
        listener = Listener("127.0.0.1", 0, accepted.set_result)
        listener.start()
        dialled = await HostNet().connect("127.0.0.1", int(listener.address.split(":")[1]))
        for stream in (dialled, await accepted):
            for level, option, value in OPTIONS:
                assert stream._socket.getsockopt(level, option) == value, (level, option)
            await stream.close()
        assert (await accepted).local == listener.address.encode()
        listener.close()

    asyncio.run(conversation())


def test_a_clock_that_was_never_set_reads_as_0() -> None:
    assert HostNet(lambda: EARLIEST_UNIX_TIME - 1.0).unix_time() == 0
    assert HostNet(lambda: EARLIEST_UNIX_TIME + 0.5).unix_time() == EARLIEST_UNIX_TIME


def test_ticks_and_jitter_stay_in_their_ranges() -> None:
    net = HostNet()
    assert 0 <= net.now() < PERIOD_MS
    assert {net.random_byte() for _ in range(5000)} == set(range(256))


def test_errors_of_the_system_become_reasons() -> None:
    net = HostNet()
    lost = reasons.CONNECTION_LOST
    assert net.reason(ConnectionRefusedError(111, "refused"), lost) == reasons.CONNECTION_REFUSED
    assert net.reason(socket.gaierror(-2, "unknown"), lost) == reasons.NAME_NOT_FOUND
    assert net.reason(ConnectionResetError(104, "reset"), lost) == lost


def test_a_closed_listener_can_be_closed_again_and_frees_its_port() -> None:
    async def conversation() -> None:
        listener = Listener("127.0.0.1", 0, lambda stream: None)
        listener.start()
        port = int(listener.address.split(":")[1])
        listener.close()
        listener.close()
        Listener("127.0.0.1", port, lambda stream: None).close()

    asyncio.run(conversation())
