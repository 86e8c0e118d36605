"""Guests: who calls a node whose list of known peers is full is verified and answered, and pushes
nobody off the list.
"""

import pytest
from autopeering_world import PORT, World
from shimlet_host.autopeering import Reason, encoding, peers
from shimlet_host.autopeering import messages as m
from shimlet_host.autopeering.envelope import open_envelope
from shimlet_host.autopeering.events import PeerLost
from shimlet_host.autopeering.parameters import MAX_CALLERS

FULL = 5  # peers on a list
GUESTS = 10  # in these tests
NO_SEARCH = {"k": 0, "query_interval_s": 1e6}


@pytest.fixture(autouse=True)
def _few_guests(monkeypatch):
    """Hundreds of them would take a minute."""
    monkeypatch.setattr(peers, "MAX_GUESTS", GUESTS)


def crowd(count, seconds=3.0, **others):
    """A world, an entry node whose list is full with the first five, and those who came later."""
    world = World()
    hub = world.node(max_managed=FULL, **others)
    hub.start()
    nodes = []
    for number in range(count):
        nodes.append(world.node(**others))
        nodes[-1].start()
        nodes[-1].core.add_entry_node(hub.key, hub.ip, PORT)
        world.settle(nodes[-1])
        world.run(0.2 if number < FULL else 0.0)
    world.run(seconds)
    return world, hub, nodes


def test_a_newcomer_finds_the_network_through_an_entry_node_whose_list_is_full():
    _world, hub, nodes = crowd(30, k=0)
    assert len(hub.core.peers.guests) == GUESTS
    assert all(len(node.core.peers.verified) > 6 for node in nodes)


def test_a_newcomer_that_was_not_answered_asks_again_soon():
    world, hub, _ = crowd(20, k=0)
    newcomer = world.node("30.0.0.1", k=0)
    newcomer.start()
    newcomer.core.add_entry_node(hub.key, hub.ip, PORT)
    world.drop = lambda packet: open_envelope(packet[0]).data[0] == m.DISCOVERY_REQUEST
    world.settle(newcomer)
    world.run(5.0)
    assert newcomer.core.peers.verified.keys() == {hub.key}, "nobody answered"
    world.drop = lambda packet: False
    world.run(10.0)
    assert len(newcomer.core.peers.verified) > 6


def test_guests_push_nobody_off_the_list():
    _world, hub, nodes = crowd(FULL + GUESTS + 2, **NO_SEARCH)
    listed = hub.core.peers.known.keys() - hub.core.peers.guests.keys()
    assert listed == {(node.key, node.ip) for node in nodes[:FULL]}


def test_the_next_guest_replaces_the_oldest():
    world, hub, nodes = crowd(FULL + GUESTS + 8, **NO_SEARCH)
    assert len(hub.core.peers.guests) == GUESTS
    assert len(hub.core.peers.known) == FULL + GUESTS
    lost = {event.peer.public_key for event in hub.events if isinstance(event, PeerLost)}
    assert lost == {node.key for node in nodes[FULL : FULL + 8]}
    assert hub.core.peers.verified.keys() == {node.key for node in nodes} - lost
    gone = next(node for node in nodes if node.key in lost)
    asked = gone.sign(encoding.encode_discovery_request(m.DiscoveryRequest(world.unix_time)))
    assert hub.receive(asked, (gone.ip, PORT)) == Reason.UNVERIFIED


def test_a_guest_that_is_a_neighbor_stays():
    world, hub, nodes = crowd(FULL + GUESTS, seconds=30.0)
    selection = hub.core.selection
    neighbors = {*selection.chosen.neighbors, *selection.accepted.neighbors}
    later = neighbors & {node.key for node in nodes[FULL:]}
    later &= {key for key, _ in hub.core.peers.guests}
    assert later, "a neighbor is a guest"
    more_callers(world, hub)
    assert later <= hub.core.peers.verified.keys()
    assert len(hub.core.peers.guests) == GUESTS


def more_callers(world, hub):
    """So many that every guest might have to go."""
    for number in range(GUESTS + 5):
        node = world.node(f"30.{number}.0.1", **NO_SEARCH)
        node.start()
        node.core.add_entry_node(hub.key, hub.ip, PORT)
        world.settle(node)
        world.run(0.05)


def test_a_guest_that_turns_out_to_be_an_entry_node_stays():
    """Its name was resolved late, or it has moved while the list was full."""
    world, hub, nodes = crowd(FULL + 2, **NO_SEARCH)
    named, moved = nodes[FULL:]
    assert hub.core.peers.guests.keys() == {(named.key, named.ip), (moved.key, moved.ip)}
    hub.core.add_entry_node(named.key, named.ip, PORT)
    hub.core.add_entry_node(moved.key, "40.0.0.1", PORT)
    world.settle(hub)
    more_callers(world, hub)
    assert named.key in hub.core.peers.verified
    assert (moved.key, "40.0.0.1") in hub.core.peers.known
    assert len(hub.core.peers.guests) == GUESTS


def test_a_place_that_becomes_free_goes_to_the_newest_guest():
    world, hub, nodes = crowd(FULL + 3, **NO_SEARCH)
    gone = nodes[0]
    world.drop = lambda packet: gone.ip in (packet[1][0], packet[2][0])
    hub.core.verification.doubt(hub.core.peers.verified[gone.key])
    world.run(5.0)
    assert gone.key not in hub.core.peers.verified
    assert {key for key, _ in hub.core.peers.guests} == {nodes[-3].key, nodes[-2].key}
    assert len(hub.core.peers.known) == FULL + 2


def test_callers_that_do_not_answer_are_few_and_leave_no_guests():
    world = World()
    hub = world.node(max_managed=FULL)
    hub.start()
    world.drop = lambda packet: True
    reasons = []
    for number in range(FULL + MAX_CALLERS + 50):
        stranger = world.node(f"40.{number}.0.1")
        ping = m.Ping(0, 40, world.unix_time, "0.0.0.0", PORT, hub.ip)
        packet = stranger.sign(encoding.encode_ping(ping))
        reasons.append(hub.receive(packet, (stranger.ip, PORT)))
    assert reasons.count(Reason.FULL) == 50
    assert len(hub.core.peers.known) == FULL + MAX_CALLERS
    world.run(2.0)
    assert not hub.core.peers.known and not hub.core.peers.guests
