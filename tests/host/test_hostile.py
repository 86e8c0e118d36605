"""Bytes from anybody on real sockets: the node answers as it should, and goes on."""

from __future__ import annotations

import json
import socket
import time
from itertools import count, islice
from pathlib import Path

import pytest
from host.processes import NodeProcess, eventually, running
from shimlet.handshake import Rules
from shimlet.identity import base58_encode, decode_key
from shimlet.link import Link
from shimlet_host.identity import HostIdentity

VECTORS = Path(__file__).parents[1] / "vectors" / "tcp_handshake.json"


@pytest.fixture
def node(tmp_path: Path) -> NodeProcess:
    return NodeProcess(tmp_path / "node")


def smaller_identity(node: NodeProcess) -> HostIdentity:
    """An identity that dials this node."""
    identities = (HostIdentity(number.to_bytes(32, "big")) for number in count())
    return next(i for i in identities if i.public_key < decode_key(node.public_key))


def connect(node: NodeProcess) -> socket.socket:
    host, port = node.gossip.split(":")
    sock = socket.create_connection((host, int(port)))
    sock.settimeout(20)
    return sock


def shake_hands(node: NodeProcess, dialler: HostIdentity, ahead_s: int = 0) -> bytes:
    """A good handshake of a listed peer: the response, b"" if it was refused."""
    link = Link(dialler, Rules("spec", [], 1), 0)
    timestamp = int(time.time()) + ahead_s
    with connect(node) as sock:
        key = decode_key(node.public_key)
        sock.sendall(link.request(key, node.gossip.encode(), timestamp, 0))
        return sock.recv(256)


def list_dialler(node: NodeProcess) -> HostIdentity:
    dialler = smaller_identity(node)
    entry = {"publicKey": base58_encode(dialler.public_key), "address": "127.0.0.1:1"}
    assert node.ask("POST", "/manualpeering/peers", [entry])[0] == 204
    return dialler


def test_every_truncation_and_a_change_of_every_byte_of_a_golden_packet_is_survived(
    node: NodeProcess,
) -> None:
    packet = bytes.fromhex(json.loads(VECTORS.read_text())[0]["packet"])
    hostile = [packet[:length] for length in range(len(packet) + 1)]
    hostile += [
        packet[:place] + bytes([packet[place] ^ 1 << place % 8]) + packet[place + 1 :]
        for place in range(len(packet))
    ]
    with running(node):
        dialler = list_dialler(node)
        for content in hostile:
            with connect(node) as sock:
                sock.sendall(content)
                sock.shutdown(socket.SHUT_WR)
                assert sock.recv(1) == b"", content.hex()  # closed without an answer
        assert len(shake_hands(node, dialler)) == 136
        assert node.stop() == 0
        assert not [r for r in node.log if r.get("level") in ("error", "warning")], node.log


def test_200_silent_connections_do_not_stop_a_valid_handshake(node: NodeProcess) -> None:
    with running(node):
        dialler = list_dialler(node)
        silent = [connect(node) for _ in range(200)]
        assert len(shake_hands(node, dialler)) == 136
        # At most 64 are held half open: the others were closed, the oldest first.
        silent[0].settimeout(20)
        assert silent[0].recv(1) == b""
        silent[-1].setblocking(False)
        with pytest.raises(BlockingIOError):
            silent[-1].recv(1)
        for sock in silent:
            sock.close()


def test_a_captured_request_does_not_work_twice(node: NodeProcess) -> None:
    with running(node):
        dialler = list_dialler(node)
        link = Link(dialler, Rules("spec", [], 1), 0)
        key = decode_key(node.public_key)
        request = link.request(key, node.gossip.encode(), int(time.time()), 0)
        with connect(node) as first, connect(node) as second:
            first.sendall(request)
            assert len(first.recv(256)) == 136
            second.sendall(request)
            assert second.recv(256) == b""


def test_two_peers_that_dial_in_the_same_second_are_both_answered(node: NodeProcess) -> None:
    with running(node):
        key = decode_key(node.public_key)
        identities = (HostIdentity(number.to_bytes(32, "big")) for number in count(256))
        diallers = list(islice((i for i in identities if i.public_key < key), 2))
        for dialler in diallers:
            entry = {"publicKey": base58_encode(dialler.public_key), "address": "127.0.0.1:1"}
            node.ask("POST", "/manualpeering/peers", [entry])
        assert [len(shake_hands(node, dialler)) for dialler in diallers] == [136, 136]


def test_a_newer_connection_of_a_peer_replaces_the_older_one(node: NodeProcess) -> None:
    with running(node):
        dialler = list_dialler(node)
        key = base58_encode(dialler.public_key)
        target = decode_key(node.public_key)
        socks = []
        for ahead_s in range(3):
            link = Link(dialler, Rules("spec", [], 1), 0)
            sock = connect(node)
            timestamp = int(time.time()) + ahead_s
            sock.sendall(link.request(target, node.gossip.encode(), timestamp, 0))
            assert len(sock.recv(136)) == 136
            socks.append(sock)
        assert socks[0].recv(1) == socks[1].recv(1) == b""
        assert node.peer(key)["state"] == "connected"
        socks[0].close()
        socks[1].close()
        socks[2].sendall(b"\0\0\0\0")
        eventually(lambda: node.peer(key)["counters"]["bytesIn"] >= 4, "the newest link is dead")
        socks[2].close()
        eventually(lambda: node.peer(key)["state"] == "waiting", "its end went unnoticed")
