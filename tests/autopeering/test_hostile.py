"""Any bytes in any state: a named reason each time, counted, and never an exception."""

import json
import random
import tracemalloc
from dataclasses import replace
from pathlib import Path

from autopeering_world import PARAMETERS, PORT, SERVICES, UNIX_START, World
from hypothesis import given, settings
from hypothesis import strategies as st
from shimlet_host.autopeering import Autopeering, Reason, encoding
from shimlet_host.autopeering import messages as m
from shimlet_host.autopeering.envelope import open_envelope, seal
from shimlet_host.autopeering.parameters import MAX_CALLERS, MAX_GUESTS
from shimlet_host.autopeering.requests import request_hash
from shimlet_host.identity import HostIdentity
from shimlet_host.simulation.identity import UnsignedIdentity

VECTORS = Path(__file__).parents[1] / "vectors"
PACKETS = [
    bytes.fromhex(case["packet"])
    for case in json.loads((VECTORS / "udp_messages.json").read_text())
]

CHANGES = [1 << bit for bit in range(8)] + [0xFF]  # of each byte, by exclusive or


def receiver():
    """A node whose clock is that of the recorded packets."""
    world = World()
    node = world.node("127.0.0.1", check_destination=False)
    node.core.start(0.0, 1_637_000_000)
    return node.core


def hand_in(core, packet):
    """The reason; a reason is counted exactly once."""
    before = sum(core.local.counters.values())
    reason = core.receive(packet, ("127.0.0.9", PORT), 0.0, 1_637_000_000)
    assert reason is None or isinstance(reason, Reason)
    assert sum(core.local.counters.values()) - before == (reason is not None)
    core.take_outbox()
    core.take_events()
    return reason


def test_every_truncation_of_every_golden_packet_is_refused():
    core = receiver()
    for packet in PACKETS:
        for length in range(len(packet)):
            assert hand_in(core, packet[:length]) is not None, (packet.hex(), length)


def test_every_one_byte_change_of_every_golden_packet_is_refused_or_changes_nothing_signed():
    core = receiver()
    for packet in PACKETS:
        for at, octet in enumerate(packet):
            for other in CHANGES:
                changed = packet[:at] + bytes([octet ^ other]) + packet[at + 1 :]
                assert hand_in(core, changed) is not None, (packet.hex(), at, other)


def test_a_byte_behind_a_packet_spoils_it():
    core = receiver()
    for packet in PACKETS:
        assert hand_in(core, packet + b"\x00") is not None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=1400))
def test_random_bytes_are_refused(data):
    assert hand_in(receiver(), data) is not None


IDENTITY = HostIdentity(bytes(32))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*range(30), 255]), st.binary(max_size=300))
def test_random_messages_with_a_good_signature_have_a_defined_answer(kind, content):
    hand_in(receiver(), seal(IDENTITY, bytes([kind]) + content))


# VALID PACKETS IN EVERY STATE, IN ANY ORDER


class Crowd:
    """Three identities that send valid messages to one node, as a drawn list of steps says."""

    def __init__(self):
        self.world = World(parameters=replace(PARAMETERS, check_destination=False))
        self.ours = self.world.node("20.0.0.1")
        self.ours.start()
        self.others = [self.world.node(f"20.0.{i}.1") for i in range(1, 4)]
        for other in self.others:
            other.core.start(0.0, UNIX_START)
        self.world.nodes = {self.ours.ip: self.ours}
        self.hashes = [bytes(32)]

    def step(self, who, action, wait_s, which):
        """One identity does one thing; afterwards all bounds hold."""
        other = self.others[who]
        data = self.data(other, action, which)
        self.ours.receive(other.sign(data), (other.ip, PORT))
        self.world.run(wait_s)
        self.note_hashes()
        self.check()

    def data(self, other, action, which):
        """The data of a valid message; responses answer what we have sent, or anything."""
        now = self.world.unix_time
        req_hash = self.hashes[which % len(self.hashes)]
        if action == 0:
            return encoding.encode_ping(m.Ping(0, 40, now, "0.0.0.0", PORT, "20.0.0.1"))
        if action == 1:
            return encoding.encode_pong(m.Pong(req_hash, SERVICES, "20.0.0.1"))
        if action == 2:
            return encoding.encode_discovery_request(m.DiscoveryRequest(now))
        if action == 3:
            peer = m.PeerEntry(bytes([which]) * 32, f"20.7.{which}.1", SERVICES)
            return encoding.encode_discovery_response(m.DiscoveryResponse(req_hash, [peer]))
        if action == 4:
            salt, expiration_time = other.core.selection._chain.at(now)
            return encoding.encode_peering_request(m.PeeringRequest(now, salt, expiration_time))
        if action == 5:
            return encoding.encode_peering_response(m.PeeringResponse(req_hash, which % 2 == 0))
        return encoding.encode_peering_drop(m.PeeringDrop(now))

    def note_hashes(self):
        """What a receiver of our packets would answer."""
        for packet, _, _ in self.world.sent[-8:]:
            self.hashes.append(request_hash(open_envelope(packet).data))
        del self.hashes[:-16]

    def check(self):
        """The invariants of a node."""
        core = self.ours.core
        chosen, accepted = core.selection.chosen, core.selection.accepted
        assert len(chosen) <= 4
        assert len(accepted) <= 4
        assert not chosen.neighbors.keys() & accepted.neighbors.keys()
        assert self.ours.key not in chosen.neighbors.keys() | accepted.neighbors.keys()
        verified = core.peers.verified
        assert chosen.neighbors.keys() | accepted.neighbors.keys() <= verified.keys()
        room = core.local.parameters.max_managed + MAX_CALLERS + MAX_GUESTS
        assert len(core.peers.known) <= room
        assert len(core.peers._order) == len(verified)
        assert all(
            core.peers._order[at].public_key == key for key, at in core.peers._place.items()
        )
        ranked = [key for _, key in core.selection.candidates._ranking]
        assert sorted(ranked) == sorted(verified)
        assert sum(core.selection.candidates.mana._holders.values()) == len(verified)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 6),
        st.sampled_from([0.0, 0.1, 1.0, 30.0]),
        st.integers(0, 15),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_valid_packets_in_any_order_keep_every_invariant(steps):
    crowd = Crowd()
    for step in steps:
        crowd.step(*step)


# FLOODS


def flood(core, count, start=0):
    """Valid Pings, each from a new identity and a new public IP."""
    ping = m.Ping(0, 40, UNIX_START, "0.0.0.0", PORT, "127.0.0.1")
    data = encoding.encode_ping(ping)
    for number in range(start, start + count):
        identity = UnsignedIdentity(number.to_bytes(32, "little"))
        ip = f"20.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        now = number / 1000
        core.handle_timer(now, UNIX_START)
        core.receive(seal(identity, data), (ip, PORT), now, UNIX_START)
        core.take_outbox()
        core.take_events()


def sizes(core):
    """The length of everything that grows."""
    return {
        "known": len(core.peers.known),
        "requests": len(core.requests),
        "buckets": len(core._buckets),
        "timers": len(core.local.timers._heap),
        "per_ip": len(core.peers._per_ip),
        "per_subnet": len(core.peers._per_subnet),
        "in_flight": len(core.verification._pings._in_flight),
    }


def test_memory_is_flat_under_a_flood_of_100_000_pings_from_new_identities():
    entropy = random.Random(1)
    parameters = replace(PARAMETERS, check_destination=False)
    core = Autopeering(UnsignedIdentity(b"o" * 32), bytes(32), parameters, SERVICES, entropy)
    core.start(0.0, UNIX_START)
    flood(core, 10_000)
    tracemalloc.start()
    flood(core, 2000, 10_000)
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    flood(core, 86_000, 12_000)
    tracemalloc.start()
    flood(core, 2000, 98_000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all(size <= 8192 for size in sizes(core).values()), sizes(core)
    assert 0 < len(core.peers.known) <= 1000
    assert after < before * 1.2 + 100_000
