"""What common/threats.md says is not protected, is not: each attack is made here.

When one of these tests fails, the protocol protects more than the page says.
"""

from __future__ import annotations

import random

from autopeering_world import PORT, World
from docs.documents import document
from pretend import frame
from shimlet.handshake import Rules
from shimlet.link import ESTABLISHED, FRAME, REQUESTED, Link
from shimlet_host.autopeering import Autopeering, Parameters, encoding, messages
from shimlet_host.autopeering.decoding import decode
from shimlet_host.autopeering.envelope import open_envelope, seal
from shimlet_host.autopeering.messages import Service
from shimlet_host.identity import HostIdentity

THREATS = document("common/threats.md")
NOW = 1_800_000_000
HERE, ELSEWHERE = b"192.0.2.1:14666", b"192.0.2.2:14666"
A, B, M = (HostIdentity(bytes([number]) * 32) for number in (1, 2, 3))


def link_of(identity: HostIdentity, profile: str = "spec", address: bytes = HERE) -> Link:
    """A link that waits for a request or is about to send one."""
    link = Link(identity, Rules(profile, [address], 16), 0)
    link.source = "198.51.100.9"
    return link


def show(link: Link, data: bytes, unix_time: int = NOW) -> int:
    """What a link makes of some bytes."""
    link.view[link.end : link.end + len(data)] = data
    link.received(len(data), 0)
    return link.next_event(0, unix_time)


def test_gossip_is_plain_text_and_whoever_is_on_the_way_may_change_it() -> None:
    assert "Gossip is plain text" in THREATS.text
    dialler, acceptor = link_of(A), link_of(B)
    assert show(acceptor, dialler.request(B.public_key, HERE, NOW, 0)) == REQUESTED
    assert show(dialler, acceptor.accept(0)) == ESTABLISHED
    on_the_wire = frame(b"switch: off")
    assert b"switch: off" in on_the_wire
    assert show(acceptor, on_the_wire.replace(b"off", b"0n!")) == FRAME
    at, length = acceptor.frame_at, acceptor.frame_length
    assert bytes(acceptor.buf[at : at + length]).endswith(b"switch: 0n!")


def test_a_response_to_one_caller_fits_the_request_of_another() -> None:
    assert "A response does not name who is answered" in THREATS.text
    victim, on_the_way = link_of(A), link_of(M)
    victim.request(B.public_key, HERE, NOW, 0)
    peer = link_of(B)
    assert show(peer, on_the_way.request(B.public_key, HERE, NOW, 0)) == REQUESTED
    assert peer.peer_key == M.public_key
    assert show(victim, peer.accept(0)) == ESTABLISHED  # and B has never heard of A


def test_a_copied_request_fits_another_node_in_profile_goshimmer_alone() -> None:
    assert "a copied request may be shown to another node" in " ".join(THREATS.text.split())
    copied = link_of(A).request(B.public_key, HERE, NOW, 0)
    other = HostIdentity(b"\x09" * 32)
    assert show(link_of(other, "goshimmer", ELSEWHERE), copied, NOW + 19) == REQUESTED
    assert show(link_of(other, "spec", ELSEWHERE), copied, NOW + 19) < 0
    assert show(link_of(other, "goshimmer", ELSEWHERE), copied, NOW + 20) < 0


def test_a_young_drop_from_a_forged_address_ends_a_neighborhood_and_an_old_one_does_not() -> None:
    assert "a PeeringDrop less than 20 s old can be sent again" in " ".join(THREATS.text.split())
    for age_s, ends in ((19, True), (20, False)):
        world = World()
        one, other = world.started(2)
        world.run(30)
        assert [peer.public_key for peer in one.core.chosen() + one.core.accepted()] == [other.key]
        drop = messages.PeeringDrop(world.unix_time - age_s)
        packet = other.sign(encoding.encode_peering_drop(drop))
        reason = one.core.receive(packet, (other.ip, 9), world.now, world.unix_time)
        assert (one.core.chosen() + one.core.accepted() == []) is ends, (age_s, reason)


def test_a_forged_ping_costs_its_victim_one_pong_and_one_ping() -> None:
    assert "sends its victim one Pong and one Ping" in THREATS.text
    services = {"peering": Service("udp", PORT), "gossip": Service("tcp", 14666)}
    core = Autopeering(B, B.seed, Parameters(), services, random.Random(1), ["192.0.2.1"])
    core.start(0.0, NOW)
    core.take_outbox()
    ping = messages.Ping(0, 40, NOW, "0.0.0.0", PORT, "192.0.2.1")
    packet = seal(A, encoding.encode_ping(ping))
    victim = "198.51.100.7"
    core.receive(packet, (victim, PORT), 0.0, NOW)
    sent = core.take_outbox()
    for second in range(1, 20):
        core.handle_timer(float(second), NOW + second)
        sent += core.take_outbox()
    kinds = [type(decode(open_envelope(data).data)) for data, _ in sent]  # type: ignore[union-attr]
    assert kinds == [messages.Pong, messages.Ping]
    assert {address for _, address in sent} == {(victim, PORT)}
    assert sum(len(data) for data, _ in sent) < 4 * len(packet)
