"""Our full node finds a peer that behaves as existing nodes were observed to, and is found by it
(existing_autopeering.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from host.auto_nodes import AutoProcess
from host.processes import eventually, running
from interop.existing_autopeering import ExistingPeer
from interop.existing_node import frame, in_background, read_message
from shimlet.identity import base58_encode, decode_key


@contextmanager
def existing(**settings: Any) -> Iterator[ExistingPeer]:
    """An existing node; whatever happens must not have crashed it."""
    peer = ExistingPeer(**settings)
    try:
        yield peer
        assert peer.crashed is None
    finally:
        peer.close()


def process(folder: Path, *entries: ExistingPeer, **settings: object) -> AutoProcess:
    """Our node in profile `goshimmer`, with their time-outs, starting from existing ones."""
    entry_nodes = [f"{base58_encode(peer.key)}@127.0.0.1:{peer.port}" for peer in entries]
    settings = {"profile": "goshimmer", "responseTimeout": "500ms", **settings}
    return AutoProcess(folder, entryNodes=entry_nodes, **settings)  # type: ignore[arg-type]


def where(node: AutoProcess) -> tuple[bytes, tuple[str, int]]:
    """Key and UDP address."""
    host, _, port = node.udp.rpartition(":")
    return decode_key(node.public_key), (host, int(port))


def dial(peer: ExistingPeer, node: AutoProcess) -> Any:
    """The TCP connection that follows a positive answer; its handshake is through."""
    host, _, port = node.gossip.rpartition(":")
    sock = peer.gossip_node.dial(host, int(port))
    assert peer.gossip_node.handshake_errors == []
    return sock


def exchange(node: AutoProcess, sock: Any) -> None:
    """One message each way."""
    node.ask("POST", "/messages", {"payload": "to them"})
    assert read_message(sock) == b"to them"
    sock.sendall(frame(b"to us"))
    eventually(
        lambda: "to us" in [each["payload"] for each in node.ask("GET", "/messages")[1]],
        "its message did not arrive",
    )


def test_an_existing_node_verifies_asks_and_dials_us(tmp_path: Path) -> None:
    # Ours learns of it by its Ping alone, and takes no neighbors of its own choice meanwhile.
    node = process(tmp_path, outboundUpdateInterval="1h")
    with running(node), existing() as peer:
        key, address = where(node)
        assert peer.ping(key, address)
        eventually(lambda: (key, "127.0.0.1") in peer.has_verified, "we did not ping back")
        assert set(peer.verified[(key, "127.0.0.1")].map) == {"peering", "gossip"}
        response = peer.discover(key, address)
        assert response is not None and len(response.peers) <= 6
        answer = peer.ask_to_peer(key, address)
        assert answer is not None and answer.status
        sock = dial(peer, node)
        exchange(node, sock)
        assert node.neighbors()["accepted"] == {base58_encode(peer.key)}
        sock.close()
        eventually(lambda: not node.linked(), "its closed link stays a neighbor")
        eventually(lambda: peer.count("PeeringDrop") == 1, "it is not told")


def test_our_ping_back_comes_within_the_half_second_that_an_existing_node_waits(
    tmp_path: Path,
) -> None:
    node = process(tmp_path, outboundUpdateInterval="1h")
    with running(node):
        for _ in range(3):
            with existing() as peer:
                # It asks at once after its fixed wait, whether or not we have pinged it by then.
                answer = peer.ask_to_peer(*where(node))
                assert answer is not None and answer.status
                peer.drop(*where(node))
                eventually(lambda: not node.linked(), "the drop was not heard")


def test_we_find_an_existing_entry_node_ask_and_dial_it(tmp_path: Path) -> None:
    with existing() as peer:
        node = process(tmp_path, peer)
        with running(node):
            key, _ = where(node)
            sock = peer.gossip_node.accept(peer.tcp, key)
            exchange(node, sock)
            assert node.neighbors()["chosen"] == {base58_encode(peer.key)}
            assert peer.neighbors == {key}
            eventually(lambda: peer.count("DiscoveryRequest") >= 1, "it is not asked for others")
            assert peer.gossip_node.handshake_errors == []
            sock.close()


def test_we_hear_of_others_from_an_existing_entry_node_without_gossip(tmp_path: Path) -> None:
    with existing(gossip=False) as entry, existing() as other:
        assert other.ping(entry.key, ("127.0.0.1", entry.port))
        eventually(lambda: (other.key, "127.0.0.1") in entry.verified, "they do not know of it")
        node = process(tmp_path, entry)
        with running(node):
            sock = other.gossip_node.accept(other.tcp, where(node)[0])
            exchange(node, sock)
            assert node.linked() == {base58_encode(other.key)}, "the entry node takes no gossip"
            # It asks everybody to peer all the same, and is answered false.
            answer = entry.ask_to_peer(*where(node))
            assert answer is not None and not answer.status
            sock.close()


def test_an_existing_node_that_refuses_is_left_alone_and_its_drop_ends_the_link(
    tmp_path: Path,
) -> None:
    with existing(answers=False) as peer:
        node = process(tmp_path, peer)
        with running(node):
            eventually(lambda: peer.count("PeeringRequest") == 1, "it was not asked")
            assert not node.linked()
            peer.answers = True
            # After a pause it is asked again.
            sock = peer.gossip_node.accept(peer.tcp, where(node)[0])
            eventually(lambda: bool(node.linked()), "its yes was not heard")
            peer.answers = False
            peer.drop(*where(node))
            eventually(lambda: not node.linked(), "the drop was not heard")
            sock.settimeout(10)
            while sock.recv(4096):
                pass  # until we have hung up


def test_an_existing_node_that_never_dials_gets_a_drop_after_four_seconds(tmp_path: Path) -> None:
    node = process(tmp_path, outboundUpdateInterval="1h")
    with running(node), existing() as peer:
        answer = peer.ask_to_peer(*where(node))
        assert answer is not None and answer.status
        assert node.linked()
        eventually(lambda: peer.count("PeeringDrop") == 1, "it is not told")
        assert not node.linked()


def test_an_existing_node_that_does_not_take_our_call_gets_a_drop(tmp_path: Path) -> None:
    with existing() as peer:
        peer.tcp.close()
        node = process(tmp_path, peer)
        with running(node):
            eventually(lambda: peer.count("PeeringDrop") >= 1, "it is not told")


@pytest.mark.parametrize(("profile", "accepted"), [("goshimmer", True), ("spec", None)])
def test_a_new_random_salt_is_taken_in_profile_goshimmer_alone(
    tmp_path: Path, profile: str, accepted: bool | None
) -> None:
    node = process(tmp_path, outboundUpdateInterval="1h", profile=profile)
    with running(node), existing() as peer:
        first = peer.ask_to_peer(*where(node), os.urandom(20))
        assert first is not None and first.status, "the first salt of a chain may be any"
        peer.drop(*where(node))
        eventually(lambda: not node.linked(), "the drop was not heard")
        second = peer.ask_to_peer(*where(node), os.urandom(20))
        assert (second and second.status) == accepted
        refusals = node.ask("GET", "/info")[1]["autoPeering"]["refusals"]
        assert ("salt-chain" in refusals) == (accepted is None)


def test_a_known_peer_is_no_neighbor_for_an_existing_node_either(tmp_path: Path) -> None:
    node = process(tmp_path, outboundUpdateInterval="1h")
    with running(node), existing() as peer:
        entry = {"publicKey": base58_encode(peer.key), "address": "127.0.0.1:9"}
        assert node.ask("POST", "/manualpeering/peers", [entry])[0] == 204
        answer = peer.ask_to_peer(*where(node))
        assert answer is not None and not answer.status
        assert not node.linked()


def test_two_existing_nodes_and_ours_are_one_network(tmp_path: Path) -> None:
    with existing() as a, existing() as b:
        node = process(tmp_path, a, b)
        with running(node):
            socks: list[Any] = []
            key = where(node)[0]
            for peer in (a, b):
                in_background(lambda p=peer: socks.append(p.gossip_node.accept(p.tcp, key)))
            eventually(lambda: len(socks) == 2, "not both were dialled")
            socks[0].sendall(frame(b"from one to the other"))
            assert read_message(socks[1]) == b"from one to the other"
            for sock in socks:
                sock.close()
