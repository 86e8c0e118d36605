"""Light nodes over real sockets on loopback, two of them in one process.

Their signatures are those of helpers.NotEd25519: what a signature is worth, other tests hold.
"""

from helpers import MICROPYTHON, skip

if not MICROPYTHON:
    skip("needs MicroPython's asyncio")

import asyncio
import os
import sys

from helpers import NotEd25519
from light.board_parts import Scratch, random_port, run, until
from shimlet import link, reasons, sentences
from shimlet.identity import base58_encode
from shimlet_light import files, status
from shimlet_light.node import MAX_MESSAGE, LightNode
from shimlet_light.settings import Settings


def light_node(name, peers=(), port=0):
    """A node on loopback that knows these peers, pairs of key and port."""
    settings = Settings()
    settings.name = name
    settings.bind_host = "127.0.0.1"
    settings.bind_port = port or random_port()
    settings.buffer_size = 512  # there may be three nodes in the memory of one board
    settings.reconnect_interval_ms = settings.max_backoff_ms = 200
    settings.known_peers = [(key, "127.0.0.1:%d" % port) for key, port in peers]
    node = LightNode(settings, NotEd25519(name.encode()))
    node.say = node.log.add  # tests print nothing
    node.stdin = None
    return node


def key_of(name):
    """The public key of the node with this name."""
    return NotEd25519(name.encode()).public_key


async def stop(*tasks):
    """Cancel running nodes and let them close."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        try:
            await task
        except asyncio.CancelledError:
            pass


class Two:
    """Nodes `a` and `b` that list each other, running and connected."""

    async def open(self):
        """Wait for the link."""
        port_a, port_b = random_port(), random_port()
        self.a = light_node("a", [(key_of("b"), port_b)], port_a)
        self.b = light_node("b", [(key_of("a"), port_a)], port_b)
        self.tasks = [asyncio.create_task(node.run()) for node in (self.a, self.b)]
        await until(lambda: len(self.a.streams.links) == len(self.b.streams.links) == 1)
        return self

    async def close(self):
        """End both."""
        await stop(*self.tasks)
        assert self.a.net.streams == self.b.net.streams == []


def test_two_boards_peer_and_their_messages_arrive():
    async def main():
        two = await Two().open()
        got = []
        two.b.on_message = lambda data, key: got.append((data, key))
        message_id = two.a.publish(b"a reading")
        await until(lambda: got)
        assert got == [(b"a reading", key_of("a"))]
        assert len(message_id) == 32
        peer = two.b.peers()[0]
        assert peer["state"] == "connected" and peer["in"] == 1 and peer["lastError"] == ""
        assert peer["outbound"] == (key_of("b") < key_of("a"))
        shown = two.a.status()
        assert (shown["links"], shown["published"], shown["listening"]) == (1, 1, True)
        await two.close()

    run(main())


def test_a_mistake_in_on_message_costs_no_link():
    async def main():
        two = await Two().open()
        two.b.on_message = lambda data, key: data.nothing
        two.a.publish(b"1")
        two.a.publish(b"2")
        await until(lambda: two.b.received == 2)
        assert len(two.b.streams.links) == 1
        assert any(line[1].startswith("on_message: Attr") for line in two.b.log.lines())
        await two.close()

    run(main())


def test_a_node_that_was_away_is_found_again():
    async def main():
        two = await Two().open()
        await stop(two.tasks.pop())
        await until(lambda: not two.a.streams.links)
        again = light_node(
            "b", [(key_of("a"), two.a.settings.bind_port)], two.b.settings.bind_port
        )
        two.tasks.append(asyncio.create_task(again.run()))
        await until(lambda: again.streams.links)
        two.b = again
        await two.close()

    run(main())


def dialled(port, reason):
    """Wait until a peer that we dial at `port` shows this error."""

    async def main():
        name = "low" if key_of("low") < key_of("high") else "high"
        other = "high" if name == "low" else "low"
        node = light_node(name, [(key_of(other), port)])
        task = asyncio.create_task(node.run())
        wanted = status.reason_name(reason)
        await until(lambda: node.peers()[0]["lastError"] == wanted)
        assert node.peers()[0]["state"] in ("backing-off", "dialling")
        await until(lambda: any(wanted in line[1] for line in node.log.lines()))
        await stop(task)

    run(main())


def test_a_refused_port_is_shown_with_its_reason():
    dialled(random_port(), reasons.CONNECTION_REFUSED)


def test_a_silent_port_is_shown_with_its_reason():
    import socket

    port = random_port()
    silent = socket.socket()
    silent.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    silent.listen(5)
    real = link.RESPONSE_TIMEOUT_MS
    link.RESPONSE_TIMEOUT_MS = 200
    try:
        dialled(port, reasons.RESPONSE_TIMEOUT)
    finally:
        link.RESPONSE_TIMEOUT_MS = real
        silent.close()


def test_a_node_without_a_name_server_says_so_for_a_named_peer():
    node = light_node("a")
    node.add_peer(base58_encode(b"\xff" * 32), "board.example:14666")

    async def main():
        task = asyncio.create_task(node.run())
        await until(lambda: node.peers()[0]["lastError"] == "no-name-server")
        await stop(task)

    run(main())


def test_a_stranger_becomes_a_pending_peer_and_can_be_listed():
    async def main():
        host = "a" if key_of("a") > key_of("b") else "b"
        caller = "b" if host == "a" else "a"
        ours = light_node(host)
        theirs = light_node(caller, [(key_of(host), ours.settings.bind_port)])
        tasks = [asyncio.create_task(node.run()) for node in (ours, theirs)]
        await until(lambda: status.peers(ours)["pending"])
        found = status.peers(ours)["pending"][0]
        assert found["publicKey"] == base58_encode(key_of(caller))
        assert found["source"] == "127.0.0.1"
        assert ours.add_peer(found["publicKey"], "127.0.0.1:1") == 0
        await until(lambda: ours.streams.links)
        assert ours.remove_peer(found["publicKey"])
        await until(lambda: not ours.streams.links and not ours.peers())
        await stop(*tasks)

    run(main())


def test_a_taken_port_is_said_and_the_node_goes_on():
    async def main():
        first = light_node("a")
        second = light_node("b", port=first.settings.bind_port)
        tasks = [asyncio.create_task(node.run()) for node in (first, second)]
        await until(lambda: any("port is in use" in line[1] for line in second.log.lines()))
        assert second.status()["listening"] is False
        await stop(*tasks)

    run(main())


def test_an_app_that_fails_is_logged_and_the_node_goes_on():
    node = light_node("a")
    here = os.getcwd()
    with Scratch() as folder:
        files.write(folder + "/app.py", b"async def run(node):\n    node.started = 1\n    1 / 0\n")
        os.chdir(folder)
        sys.path.insert(0, folder)
        try:

            async def main():
                task = asyncio.create_task(node.run())
                await until(lambda: any("line 3" in line[1] for line in node.log.lines()))
                assert not task.done() and node.net.listener is not None
                await stop(task)

            run(main())
        finally:
            sys.path.remove(folder)
            os.chdir(here)
    lines = [line[1] for line in node.log.lines()]
    assert "app: ZeroDivisionError: divide by zero" in lines
    assert any("app.py" in line and "line 3" in line for line in lines)
    assert node.started == 1


def test_our_own_key_in_the_list_is_a_problem_and_not_a_peer():
    node = light_node("a", [(key_of("a"), 1), (key_of("b"), 1)])
    assert len(node.peers()) == 1
    assert "own-key" in node.status()["problems"][0]


def test_messages_that_can_never_be_sent_are_refused():
    node = light_node("a")
    for data in (b"", bytes(MAX_MESSAGE + 1)):
        try:
            node.publish(data)
        except ValueError as error:
            assert str(MAX_MESSAGE) in str(error)
        else:
            raise AssertionError("published %d bytes" % len(data))
    assert len(node.publish(bytearray(b"x"))) == 32


def test_every_reason_has_the_same_name_as_in_the_sentences():
    codes = [getattr(reasons, name) for name in dir(reasons) if name.upper() == name]
    codes = [code for code in codes if isinstance(code, int)]
    assert len(codes) > 30
    for code in codes:
        assert status.reason_name(code) == sentences.name(code)
    assert status.reason_name(0) == ""
