"""Our full node with a peer that behaves as existing nodes were observed to (existing_node.py)."""

from __future__ import annotations

import os
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from host.processes import NodeProcess, eventually, running
from interop.existing_node import ExistingNode, frame, read_message
from shimlet.identity import base58_encode, decode_key


@pytest.fixture(params=["spec", "goshimmer"])
def node(tmp_path: Path, request: pytest.FixtureRequest) -> NodeProcess:
    return NodeProcess(tmp_path / "node", {"profile": request.param})


def existing_node(ours: str, *, dials: bool) -> ExistingNode:
    """One whose key is smaller than ours (it dials), or larger."""
    while True:
        node = ExistingNode(os.urandom(32))
        if (node.public_key < decode_key(ours)) == dials:
            return node


def list_peer(node: NodeProcess, peer: ExistingNode, address: str) -> None:
    entry = {"publicKey": base58_encode(peer.public_key), "address": address}
    assert node.ask("POST", "/manualpeering/peers", [entry])[0] == 204


def payloads(node: NodeProcess) -> list[str]:
    return [message["payload"] for message in node.ask("GET", "/messages")[1]]


def test_an_existing_node_dials_us_and_messages_pass_both_ways(node: NodeProcess) -> None:
    with running(node):
        peer = existing_node(node.public_key, dials=True)
        list_peer(node, peer, "127.0.0.1:1")
        host, port = node.gossip.split(":")
        sock = peer.dial(host, int(port))
        assert peer.handshake_errors == []
        # It is up for them. At once comes a message of ours, which must not share a segment with
        # the response.
        node.ask("POST", "/messages", {"payload": "to them"})
        assert read_message(sock) == b"to them"
        # What it ignores we ignore too; what it may send split arrives whole.
        sock.sendall(bytes(4) + b"\0\0\0\1\x63" + b"\0\0\0\2\x14\xff")
        for byte in frame(b"to us"):
            sock.sendall(bytes([byte]))
        eventually(lambda: "to us" in payloads(node), "its message did not arrive")
        sock.close()


def test_a_message_queued_before_the_link_is_up_does_not_spoil_its_one_read(
    node: NodeProcess,
) -> None:
    with running(node), ThreadPoolExecutor() as pool:
        host, port = node.gossip.split(":")
        for number in range(5):
            peer = existing_node(node.public_key, dials=True)
            list_peer(node, peer, "127.0.0.1:1")
            sending = pool.submit(
                lambda n=number: [
                    node.ask("POST", "/messages", {"payload": f"{n} {i}"}) for i in range(20)
                ]
            )
            peer.dial(host, int(port)).close()
            sending.result()
            assert peer.handshake_errors == []


def test_we_dial_an_existing_node_with_one_write_and_take_its_early_frame(
    node: NodeProcess,
) -> None:
    with running(node), socket.create_server(("127.0.0.1", 0)) as listener:
        peer = existing_node(node.public_key, dials=False)
        list_peer(node, peer, f"127.0.0.1:{listener.getsockname()[1]}")
        sock = peer.accept(listener, decode_key(node.public_key))
        sock.sendall(frame(b"right behind the response"))
        eventually(
            lambda: "right behind the response" in payloads(node), "the early frame is lost"
        )
        node.ask("POST", "/messages", {"payload": "to them"})
        assert read_message(sock) == b"to them"
        assert peer.handshake_errors == []
        sock.close()


def test_the_link_to_an_existing_node_comes_back_after_it_was_cut(node: NodeProcess) -> None:
    with running(node), socket.create_server(("127.0.0.1", 0)) as listener:
        peer = existing_node(node.public_key, dials=False)
        list_peer(node, peer, f"127.0.0.1:{listener.getsockname()[1]}")
        for _ in range(3):
            peer.accept(listener, decode_key(node.public_key)).close()
        assert peer.handshake_errors == []


def test_its_largest_message_passes_and_a_larger_header_ends_the_link(node: NodeProcess) -> None:
    with running(node):
        peer = existing_node(node.public_key, dials=True)
        key = base58_encode(peer.public_key)
        list_peer(node, peer, "127.0.0.1:1")
        host, port = node.gossip.split(":")
        sock = peer.dial(host, int(port))
        sock.sendall(frame(bytes(66_555)))
        eventually(lambda: node.peer(key)["counters"].get("messagesIn") == 1, "it did not arrive")
        sock.sendall(struct.pack(">I", 66_561))
        eventually(lambda: node.peer(key)["lastError"] == "frame-too-large", "the link lives on")
        sock.close()
