"""Names to IPs over real UDP on loopback: retries, hostile answers, the cache, time limits."""

from helpers import MICROPYTHON, skip

if not MICROPYTHON:
    skip("needs MicroPython's asyncio")

import asyncio
import socket
import time

from light.board_parts import Datagrams, random_port, run
from shimlet import reasons
from shimlet_light import clock, dns, net, resolver
from shimlet_light.numeric import is_ip


def response(question, kind, data, flags=b"\x81\x80"):
    """A response to `question` with one record, or none if it asks for another kind."""
    records = 1 if data and question[-3] == kind else 0
    counts = b"\x00\x01" + bytes([0, records]) + bytes(4)
    message = question[:2] + flags + counts + question[12:]
    if records:
        message += b"\xc0\x0c" + bytes([0, kind, 0, 1, 0, 0, 0, 60, 0, len(data)]) + data
    return message


def asked(reply, *names):
    """What resolve() says for each name, and what the server got."""

    async def main():
        server = Datagrams(reply)
        task = asyncio.create_task(server.serve())
        asking = resolver.Resolver("127.0.0.1:%d" % server.port)
        outcomes = []
        for name in names:
            try:
                outcomes.append(await asking.resolve(name))
            except OSError as error:
                outcomes.append(error.errno)
        task.cancel()
        return outcomes, server.received

    return run(main())


def hurried(test):
    """Run a test with short time limits."""
    real = resolver._TRY_MS
    resolver._TRY_MS = 150
    try:
        test()
    finally:
        resolver._TRY_MS = real


def test_a_name_is_asked_for_once_and_then_remembered():
    outcomes, received = asked(
        lambda q: [response(q, dns.A, b"\x7f\x00\x00\x05")], "board.example", "board.example"
    )
    assert outcomes == ["127.0.0.5", "127.0.0.5"]
    assert len(received) == 1


def test_a_name_without_an_ipv4_address_is_asked_for_ipv6():
    raw = b"\xfd" + bytes(14) + b"\x01"
    outcomes, received = asked(lambda q: [response(q, dns.AAAA, raw)], "six.example")
    assert outcomes == ["fd00::1"]
    assert [question[-3] for question in received] == [dns.A, dns.AAAA]


def test_a_name_that_does_not_exist_is_given_up_at_once():
    outcomes, received = asked(
        lambda q: [response(q, dns.A, b"", b"\x81\x83")], "no.example", "a..b"
    )
    assert outcomes == [reasons.NAME_NOT_FOUND] * 2
    assert len(received) == 1


def test_a_lost_question_is_asked_again():
    def test():
        lost = []

        def reply(question):
            lost.append(question)
            return [] if len(lost) < 3 else [response(question, dns.A, b"\x01\x02\x03\x04")]

        assert asked(reply, "lossy.example")[0] == ["1.2.3.4"]

    hurried(test)


def test_forged_and_broken_answers_are_passed_over():
    def reply(question):
        good = response(question, dns.A, b"\x01\x02\x03\x04")
        forged = bytes([question[0] ^ 1]) + response(question, dns.A, b"\x06\x06\x06\x06")[1:]
        return [b"", b"\x00", forged, good[:20], good]

    assert asked(reply, "attacked.example")[0] == ["1.2.3.4"]


def test_a_silent_server_and_one_that_fails_are_a_timeout():
    def test():
        assert asked(lambda q: [], "quiet.example")[0] == [reasons.NAME_TIMEOUT]
        failing = asked(lambda q: [response(q, dns.A, b"", b"\x81\x82")], "ill.example")
        assert failing[0] == [reasons.NAME_TIMEOUT]
        assert len(failing[1]) == 3

    hurried(test)


def test_others_run_while_a_name_is_awaited():
    def test():
        turns = []

        async def count():
            while True:
                turns.append(1)
                await asyncio.sleep_ms(10)

        async def main():
            task = asyncio.create_task(count())
            try:
                await resolver.Resolver("127.0.0.1:%d" % random_port()).resolve("x.example")
            except OSError as error:
                assert error.errno == reasons.NAME_TIMEOUT
            task.cancel()

        run(main())
        assert len(turns) > 20

    hurried(test)


class SlowNames:
    """A socket module whose getaddrinfo() takes 5 s for a name, as MicroPython's may."""

    def __init__(self):
        self.asked = []

    def __getattr__(self, name):
        return getattr(socket, name)

    def getaddrinfo(self, host, *more):
        """See socket."""
        self.asked.append(host)
        if not is_ip(host):
            time.sleep(5)
        return socket.getaddrinfo(host, *more)


def test_no_name_is_ever_given_to_getaddrinfo_which_blocks():
    slow = SlowNames()
    resolver.socket = net.socket = slow
    longest_ms = 0
    try:

        async def main():
            nonlocal longest_ms
            server = Datagrams(lambda q: [response(q, dns.A, b"\x7f\x00\x00\x01")])
            board = net.BoardNet("127.0.0.1:%d" % server.port)
            port = random_port()
            tasks = [asyncio.create_task(server.serve())]
            tasks.append(asyncio.create_task(board.serve("127.0.0.1", port, id)))
            tasks.append(asyncio.create_task(dial(board, port)))
            last = time.ticks_ms()
            while not tasks[2].done():
                await asyncio.sleep_ms(1)
                moment = time.ticks_ms()
                longest_ms = max(longest_ms, time.ticks_diff(moment, last))
                last = moment
            for task in tasks:
                task.cancel()
            board.close()

        async def dial(board, port):
            ip = await board.resolve("desktop.example")
            await board.connect(ip, port)

        run(main())
    finally:
        resolver.socket = net.socket = socket
    assert len(slow.asked) >= 3 and all(is_ip(host) for host in slow.asked), slow.asked
    assert longest_ms < 1000


def test_without_a_network_a_name_and_an_ip_fail_at_once():
    async def main():
        board = net.BoardNet("127.0.0.1:1")
        board.offline = True
        for host in ("desktop.example", "192.0.2.1"):
            try:
                await board.resolve(host)
            except OSError as error:
                assert error.errno == reasons.UNREACHABLE
            else:
                raise AssertionError(host)

    run(main())


def test_the_networks_name_server_is_asked_unless_the_config_names_one():
    async def main():
        served = []
        for own in (True, False):
            server = Datagrams(lambda q: [response(q, dns.A, b"\x01\x02\x03\x04")])
            task = asyncio.create_task(server.serve())
            there, dead = "127.0.0.1:%d" % server.port, "127.0.0.1:%d" % random_port()
            board = net.BoardNet(there if own else "")
            board.use_dns(dead if own else there)
            served.append(await board.resolve("desktop.example"))
            board.use_dns(there)
            assert await board.resolve("desktop.example") == "1.2.3.4"
            assert len(server.received) == 2, "a name of the last network was remembered"
            task.cancel()
        assert served == ["1.2.3.4"] * 2

    run(main())


def test_without_a_name_server_the_reason_says_so():
    async def main():
        try:
            await resolver.Resolver().resolve("board.example")
        except OSError as error:
            return error.errno

    assert run(main()) == reasons.NO_NAME_SERVER


def test_the_cache_forgets_after_the_time_to_live_and_stays_small():
    asking = resolver.Resolver()
    for i in range(20):
        asking._remember("name%d" % i, dns.Answer(0, "1.1.1.1", 10_000))
        assert len(asking._cache) <= 4
    start = clock.now()
    real = clock.now
    try:
        for passed_s, ip in ((0, "1.1.1.1"), (299, "1.1.1.1"), (302, ""), (9 * 86400, "")):
            clock.now = lambda: (start + passed_s * 1000) & (1 << 30) - 1  # noqa: B023
            assert asking._cached("name19") == ip, passed_s
    finally:
        clock.now = real
