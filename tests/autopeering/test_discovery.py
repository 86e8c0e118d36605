"""Peer discovery: who is pinged when, who becomes verified, and who is told of others."""

import pytest
from autopeering_world import PORT, UNIX_START, World
from shimlet_host.autopeering import Reason, encoding
from shimlet_host.autopeering import messages as m
from shimlet_host.autopeering.events import EntryNodeSilent, PeerLost, PeerVerified
from shimlet_host.autopeering.requests import request_hash


def ping_of(node, **changes):
    """A good Ping of `node` to the one at 20.0.0.1, but for the changes."""
    fields = {
        "network_id": 40,
        "timestamp": node.world.unix_time,
        "src_addr": "0.0.0.0",
        "src_port": PORT,
        "dst_addr": "20.0.0.1",
    }
    return node.sign(encoding.encode_ping(m.Ping(**{**fields, **changes})))


def pair(**changes):
    """A world with two nodes that have not met; what they send is held back."""
    world = World()
    world.drop = lambda packet: True
    ours, theirs = world.node(**changes), world.node()
    ours.start()
    return world, ours, theirs


def met(count=2, seconds=5.0, **changes):
    """Nodes that know each other."""
    world = World()
    nodes = world.started(count, **changes)
    world.run(seconds)
    return world, nodes


# PING


def test_a_valid_ping_is_answered_by_a_pong_and_pinged_back_at_once():
    world, ours, theirs = pair()
    packet = ping_of(theirs, src_port=4711)
    assert ours.receive(packet, (theirs.ip, 999)) is None
    pongs, pings = world.messages(ours, m.Pong), world.messages(ours, m.Ping)
    assert len(pongs) == len(pings) == 1
    data = encoding.encode_ping(m.Ping(0, 40, world.unix_time, "0.0.0.0", 4711, "20.0.0.1"))
    assert pongs[0].req_hash == request_hash(data)
    assert pongs[0].dst_addr == theirs.ip
    assert dict(pongs[0].services) == dict(ours.core.local.services)
    assert [address for _, _, address in world.sent] == [(theirs.ip, 4711)] * 2
    assert world.now == 0.0


def test_a_verified_peer_that_calls_from_another_port_is_verified_there():
    world, (ours, theirs) = met()
    moved = PORT + 1
    local = theirs.core.local
    local.services = {**local.services, "peering": m.Service("udp", moved)}
    local.encoded_services = encoding.encode_services(local.services)
    before = len(world.sent)
    ours.receive(ping_of(theirs, src_port=moved), (theirs.ip, moved))
    assert {to for _, source, to in world.sent[before:] if source[0] == ours.ip} == {
        (theirs.ip, moved)
    }
    world.run(1.0)
    assert ours.core.peers.verified[theirs.key].peer.address == (theirs.ip, moved)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 1}, Reason.WRONG_VERSION),
        ({"network_id": 41}, Reason.WRONG_NETWORK),
        ({"timestamp": UNIX_START - 20}, Reason.EXPIRED),
        ({"timestamp": UNIX_START + 21}, Reason.IN_THE_FUTURE),
        ({"timestamp": -1}, Reason.EXPIRED),
        ({"src_addr": "20.0.1.1"}, Reason.BAD_SOURCE),
        ({"src_addr": ""}, Reason.BAD_SOURCE),
        ({"src_port": 0}, Reason.BAD_SOURCE),
        ({"src_port": 65536}, Reason.BAD_SOURCE),
        ({"dst_addr": "0.0.0.0"}, Reason.WRONG_DESTINATION),
        ({"dst_addr": "224.0.0.1"}, Reason.WRONG_DESTINATION),
        ({"dst_addr": "not an address"}, Reason.WRONG_DESTINATION),
    ],
)
def test_a_bad_ping_gets_no_answer_and_a_named_reason(changes, reason):
    world, ours, theirs = pair()
    assert ours.receive(ping_of(theirs, **changes), (theirs.ip, PORT)) == reason
    assert world.sent == []
    assert ours.core.local.counters == {reason: 1}
    assert not ours.core.peers.known


@pytest.mark.parametrize(
    "changes",
    [
        {"timestamp": UNIX_START - 19},
        {"timestamp": UNIX_START + 20},
        {"src_addr": "::"},
        {"src_addr": "::ffff:0.0.0.0"},
        {"src_port": 1},
        {"src_port": 65535},
        {"dst_addr": "::ffff:20.0.0.1"},
    ],
)
def test_a_ping_at_the_limits_is_answered(changes):
    world, ours, theirs = pair()
    assert ours.receive(ping_of(theirs, **changes), (theirs.ip, PORT)) is None
    assert len(world.messages(ours, m.Pong)) == 1


def test_profile_goshimmer_takes_a_ping_to_any_address():
    world, ours, theirs = pair(check_destination=False)
    assert ours.receive(ping_of(theirs, dst_addr="anything"), (theirs.ip, PORT)) is None
    assert len(world.messages(ours, m.Pong)) == 1


def test_a_ping_with_a_broken_signature_is_dropped():
    world, ours, theirs = pair()
    packet = bytearray(ping_of(theirs))
    packet[-1] ^= 1
    assert ours.receive(bytes(packet), (theirs.ip, PORT)) == Reason.BAD_SIGNATURE
    assert world.sent == []


def test_our_own_ping_is_dropped():
    _world, ours, _ = pair()
    assert ours.receive(ping_of(ours), (ours.ip, PORT)) == Reason.OWN_PACKET


def test_a_stranger_gets_one_pong_and_one_ping_for_each_ping_and_nothing_else():
    world, ours, theirs = pair()
    for count in range(1, 6):
        ours.receive(ping_of(theirs), (theirs.ip, PORT))
        world.run(10)
        assert len(world.messages(ours, m.Pong)) == count
        assert len(world.messages(ours, m.Ping)) == count
    assert len(world.sent) == 10
    assert not ours.core.peers.known


def test_an_address_that_somebody_told_of_gets_one_ping_for_its_own_too():
    """Else whoever tells of others could make two Pings more of each one that it forges."""
    world, ours, theirs = pair()
    for number in range(10):  # they take all the places of the queue
        ours.core.add_known(bytes([number]) * 32, f"20.1.{number}.1", PORT)
    ours.core.add_known(theirs.key, theirs.ip, PORT)
    world.run(0.01)
    ours.receive(ping_of(theirs), (theirs.ip, PORT))
    world.run(10)
    to_them = [packet for packet in world.sent if packet[2][0] == theirs.ip]
    assert len(to_them) == 2
    assert not ours.core.peers.known


# PONG AND VERIFICATION


def test_two_nodes_verify_each_other_through_one_that_knows_the_other():
    _, (first, second) = met()
    assert [peer.public_key for peer in first.core.verified()] == [second.key]
    assert [peer.public_key for peer in second.core.verified()] == [first.key]
    assert any(isinstance(event, PeerVerified) for event in first.events)


def open_ping(**changes):
    """A node that has just pinged another; the world, both, and the data of that Ping."""
    world, ours, theirs = pair(**changes)
    ours.core.add_known(theirs.key, theirs.ip, PORT)
    world.run(0.01)
    (ping,) = world.messages(ours, m.Ping)
    return world, ours, theirs, encoding.encode_ping(ping)


def pong_of(node, data, **changes):
    """A good Pong of `node` to a Ping's data, but for the changes."""
    fields = {
        "req_hash": request_hash(data),
        "services": node.core.local.services,
        "dst_addr": "20.0.0.1",
    }
    return node.sign(encoding.encode_pong(m.Pong(**{**fields, **changes})))


def test_a_pong_to_our_ping_verifies_its_sender():
    _world, ours, theirs, data = open_ping()
    assert ours.receive(pong_of(theirs, data), (theirs.ip, 999)) is None
    (peer,) = ours.core.verified()
    assert (peer.public_key, peer.ip, peer.gossip_port) == (theirs.key, theirs.ip, 14666)


UDP, TCP = m.Service("udp", PORT), m.Service("tcp", 1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"req_hash": bytes(32)}, Reason.UNSOLICITED),
        ({"services": None}, Reason.BAD_SERVICES),
        ({"services": {}}, Reason.BAD_SERVICES),
        ({"services": {"gossip": TCP}}, Reason.BAD_SERVICES),
        ({"services": {"peering": m.Service("udp", PORT + 1)}}, Reason.BAD_SERVICES),
        ({"services": {"peering": UDP} | {str(i): TCP for i in range(5)}}, Reason.BAD_SERVICES),
        ({"dst_addr": "224.0.0.1"}, Reason.WRONG_DESTINATION),
        ({"dst_addr": ""}, Reason.WRONG_DESTINATION),
    ],
)
def test_a_bad_pong_verifies_nobody(changes, reason):
    _world, ours, theirs, data = open_ping()
    assert ours.receive(pong_of(theirs, data, **changes), (theirs.ip, PORT)) == reason
    assert not ours.core.verified()


def test_five_services_are_the_most_that_a_pong_may_have():
    _world, ours, theirs, data = open_ping()
    services = {"peering": UDP} | {str(i): TCP for i in range(4)}
    assert ours.receive(pong_of(theirs, data, services=services), (theirs.ip, PORT)) is None
    assert ours.core.verified()


def test_a_pong_counts_only_from_the_pinged_ip_and_identity():
    world, ours, theirs, data = open_ping()
    third = world.node()
    assert ours.receive(pong_of(theirs, data), ("20.9.9.9", PORT)) == Reason.UNSOLICITED
    assert ours.receive(pong_of(third, data), (theirs.ip, PORT)) == Reason.UNSOLICITED
    assert not ours.core.verified()


def test_a_pong_counts_once():
    world, ours, theirs, data = open_ping()
    packet = pong_of(theirs, data)
    assert ours.receive(packet, (theirs.ip, PORT)) is None
    world.run(5)
    assert ours.receive(packet, (theirs.ip, PORT)) == Reason.UNSOLICITED


def test_a_pong_to_the_first_attempt_counts_while_the_second_one_runs():
    world, ours, theirs, data = open_ping()
    world.run(1.2)
    assert len(world.messages(ours, m.Ping)) == 2
    assert ours.receive(pong_of(theirs, data), (theirs.ip, PORT)) is None
    assert ours.core.verified()


def test_a_new_peer_is_pinged_three_times_with_growing_pauses_and_then_forgotten():
    world, ours, _theirs, _ = open_ping()
    times = []
    world.drop = lambda packet: times.append(world.now) or True
    world.run(5)
    first, second = times[0], times[1] - times[0]
    assert 0.75 <= first <= 1.0  # the time-out, and 0.25 to 0.5 s
    assert 0.875 <= second <= 1.25  # the time-out, and 0.375 to 0.75 s
    assert len(times) == 2
    assert not ours.core.peers.known
    assert ours.core.local.timers.next() is not None  # queries and salts go on


def test_a_verified_peer_is_pinged_again_after_its_lifetime_and_leaves_both_lists_when_silent():
    world, (first, second) = met(verification_lifetime_s=100.0, query_interval_s=900.0)
    del world.nodes[second.ip]
    world.run(90)
    assert first.core.verified()
    world.run(20)
    assert not first.core.verified()
    assert not first.core.peers.known
    assert any(isinstance(event, PeerLost) for event in first.events)


def test_an_entry_node_is_never_forgotten_and_tried_again_every_60_s():
    world = World()
    world.drop = lambda packet: True
    ours, entry = world.node(), world.node()
    ours.start()
    ours.core.add_entry_node(entry.key, entry.ip, PORT)
    world.run(3600)
    rounds = sum(isinstance(event, EntryNodeSilent) for event in ours.events)
    assert 55 <= rounds <= 60
    assert len(ours.core.peers.known) == 1
    world.drop = lambda packet: False
    entry.start()
    world.run(70)
    assert ours.core.verified()


def test_an_entry_node_with_a_new_address_is_pinged_there():
    world = World()
    ours, entry = world.node(), world.node("20.0.7.7")
    entry.start()
    ours.start()
    ours.core.add_entry_node(entry.key, "20.0.6.6", PORT)
    world.run(10)
    assert not ours.core.verified()
    ours.core.add_entry_node(entry.key, entry.ip, PORT)
    world.run(10)
    assert ours.core.verified()
    assert len(ours.core.peers.known) == 1


def test_at_most_ten_known_peers_are_verified_at_once():
    world, ours, _ = pair()
    for index in range(50):
        ours.core.add_known(bytes([index]) * 32, f"20.1.{index}.1", PORT)
    world.run(0.4)
    assert len(world.messages(ours, m.Ping)) == 10
    world.run(60)
    assert not ours.core.peers.known


def test_an_identity_that_answers_from_another_ip_is_verified_there_alone():
    world, (first, second) = met()
    moved = world.nodes.pop(second.ip)
    moved.ip = "20.0.77.1"
    moved.core.local.addresses.add(moved.ip)
    world.nodes[moved.ip] = moved
    first.receive(ping_of(moved), (moved.ip, PORT))
    world.run(1)
    (peer,) = first.core.verified()
    assert peer.ip == moved.ip
    assert len(first.core.peers.known) == 1


# DISCOVERY REQUEST AND RESPONSE


def discovery_request(node, timestamp=None):
    """Data and packet."""
    timestamp = node.world.unix_time if timestamp is None else timestamp
    data = encoding.encode_discovery_request(m.DiscoveryRequest(timestamp))
    return data, node.sign(data)


def test_a_discovery_request_of_a_stranger_is_not_answered_and_nobody_is_pinged_for_it():
    world, ours, theirs = pair()
    _, packet = discovery_request(theirs)
    assert ours.receive(packet, (theirs.ip, PORT)) == Reason.UNVERIFIED
    assert world.sent == []


def test_a_verified_peer_is_told_of_at_most_six_others_and_not_of_itself():
    world, nodes = met(12, 60.0)
    ours, asking = nodes[0], nodes[1]
    since = len(world.sent)
    data, packet = discovery_request(asking)
    assert ours.receive(packet, (asking.ip, 999)) is None
    (response,) = world.messages(ours, m.DiscoveryResponse, since)
    told = {entry.public_key for entry in response.peers}
    assert len(told) == len(response.peers) == 6
    assert asking.key not in told
    assert ours.key not in told
    assert all(entry.services for entry in response.peers)
    assert response.req_hash == request_hash(data)
    assert world.sent[since][2] == (asking.ip, PORT)  # the verified address, not the source


def test_an_expired_discovery_request_is_not_answered():
    world, (ours, theirs) = met()
    _, packet = discovery_request(theirs, world.unix_time - 20)
    assert ours.receive(packet, (theirs.ip, PORT)) == Reason.EXPIRED


def test_a_discovery_request_counts_only_from_the_verified_ip():
    _world, (ours, theirs) = met()
    _, packet = discovery_request(theirs)
    assert ours.receive(packet, ("20.5.5.5", PORT)) == Reason.UNVERIFIED


def test_a_response_never_exceeds_a_datagram():
    world, (ours, theirs) = met()
    long = {f"a-service-with-a-long-name-{i}": m.Service("tcp", 65535) for i in range(4)} | {
        "peering": UDP
    }
    for index in range(8):
        known = ours.core.peers.verified[theirs.key]
        peer = type(known.peer)(bytes([index]) * 32, f"2001:db8:ffff:ffff::{index:x}", long)
        extra = type(known)(peer.public_key, peer.ip, PORT)
        ours.core.peers.add(extra)
        ours.core.peers.verify(extra, peer)
    since = len(world.sent)
    _, packet = discovery_request(theirs)
    ours.receive(packet, (theirs.ip, PORT))
    (response,) = world.messages(ours, m.DiscoveryResponse, since)
    assert 1 <= len(response.peers) < 6
    assert len(world.sent[since][0]) <= 1280


def open_query():
    """A node that has just sent a DiscoveryRequest; the world, both, and its data."""
    world, (ours, theirs) = met(query_interval_s=10.0)
    world.drop = lambda packet: True
    since = len(world.sent)
    while not world.messages(ours, m.DiscoveryRequest, since):
        world.run(0.05)
    (request,) = world.messages(ours, m.DiscoveryRequest, since)
    return world, ours, theirs, encoding.encode_discovery_request(request)


def peers_of(*entries):
    """Entries of a response: (ip, port) each, with keys of their own."""
    return [
        m.PeerEntry(bytes([i + 1]) * 32, ip, {"peering": m.Service("udp", port)})
        for i, (ip, port) in enumerate(entries)
    ]


def respond(ours, theirs, data, peers):
    """Answer the open query; the reason."""
    response = m.DiscoveryResponse(request_hash(data), peers)
    packet = theirs.sign(encoding.encode_discovery_response(response))
    return ours.receive(packet, (theirs.ip, PORT))


def test_the_first_six_peers_of_a_response_become_known():
    _, ours, theirs, data = open_query()
    peers = peers_of(*((f"20.1.{i}.1", PORT) for i in range(9)))
    assert respond(ours, theirs, data, peers) is None
    known = {ip for _, ip in ours.core.peers.known} - {theirs.ip}
    assert known == {f"20.1.{i}.1" for i in range(6)}


@pytest.mark.parametrize(
    ("ip", "port"),
    [
        ("not an ip", PORT),
        ("127.0.0.1", PORT),
        ("192.168.1.1", PORT),
        ("10.0.0.1", PORT),
        ("169.254.1.1", PORT),
        ("224.0.0.1", PORT),
        ("0.0.0.0", PORT),
        ("255.255.255.255", PORT),
        ("::1", PORT),
        ("fe80::1", PORT),
        ("2001:db8::1%7", PORT),
        ("20.1.1.1", 0),
        ("20.1.1.1", 65536),
    ],
)
def test_a_peer_at_an_impossible_address_is_not_known(ip, port):
    _, ours, theirs, data = open_query()
    assert respond(ours, theirs, data, peers_of((ip, port))) is None
    assert {ip for _, ip in ours.core.peers.known} == {theirs.ip}


def test_private_addresses_are_known_to_a_node_in_a_private_network():
    world = World()
    ours = world.node("192.168.1.5")
    ours.start()
    ours.core.add_known(b"k" * 32, "192.168.1.6", PORT)
    ours.core.add_known(b"l" * 32, "127.0.0.1", PORT)
    assert {ip for _, ip in ours.core.peers.known} == {"192.168.1.6"}


def test_a_stranger_cannot_send_a_node_to_its_own_loopback_but_a_node_there_can():
    world, ours, theirs, data = open_query()
    ours.core.set_interfaces(["127.0.0.1", "::1", ours.ip])  # as one that is bound to 0.0.0.0
    entries = peers_of(("127.0.0.1", 22), ("::ffff:127.0.0.2", 53), ("::1", 80))
    assert respond(ours, theirs, data, entries) is None
    assert {ip for _, ip in ours.core.peers.known} == {theirs.ip}

    world = World()
    ours, theirs, other = (world.node(f"127.0.0.{number}") for number in (1, 2, 3))
    for node, next_one in ((ours, theirs), (theirs, other), (other, None)):
        node.start()
        if next_one is not None:
            node.core.add_known(next_one.key, next_one.ip, PORT)
    world.run(5)
    assert other.key in ours.core.peers.verified


@pytest.mark.parametrize("ip", ["127.0.0.9", "10.0.0.9", "fd00::9", "224.0.0.1", "0.0.0.0"])
def test_a_stranger_in_a_private_network_is_heard_by_nodes_that_are_in_one_alone(ip):
    world, ours, theirs = pair()
    assert ours.receive(ping_of(theirs), (ip, PORT)) == Reason.FOREIGN_NETWORK
    assert not world.sent and not ours.core.peers.known
    ours.core.set_interfaces([ours.ip, "10.0.0.1", "127.0.0.1", "fd00::1"])
    usable = ip not in ("224.0.0.1", "0.0.0.0")
    reason = None if usable else Reason.FOREIGN_NETWORK
    assert ours.receive(ping_of(theirs), (ip, PORT)) == reason
    assert bool(world.sent) == usable


def test_an_entry_node_in_a_private_network_is_heard_wherever_we_are():
    world, ours, theirs = pair()
    ours.core.add_entry_node(theirs.key, "10.0.0.9", PORT)
    world.run(0.01)
    (ping,) = world.messages(ours, m.Ping)
    pong = pong_of(theirs, encoding.encode_ping(ping))
    assert ours.receive(pong, ("10.0.0.9", PORT)) is None
    assert theirs.key in ours.core.peers.verified


def test_a_response_without_an_open_request_counts_nothing():
    _world, (ours, theirs) = met()
    response = m.DiscoveryResponse(bytes(32), peers_of(("20.1.1.1", PORT)))
    packet = theirs.sign(encoding.encode_discovery_response(response))
    assert ours.receive(packet, (theirs.ip, PORT)) == Reason.UNSOLICITED
    assert len(ours.core.peers.known) == 1


def test_retries_of_a_discovery_request_are_byte_identical():
    world, (ours, _theirs) = met(query_interval_s=10.0)
    world.drop = lambda packet: True
    since = len(world.sent)
    world.run(16)
    data = [
        encoding.encode_discovery_request(r)
        for r in world.messages(ours, m.DiscoveryRequest, since)
    ]
    assert 3 <= len(data) <= 6
    assert any(data.count(each) == 3 for each in data)


def test_a_peer_that_never_pinged_us_is_pinged_half_a_second_before_it_is_asked():
    world, ours, theirs, data = open_ping()
    times = []

    def note(packet):
        times.append((world.now, packet[0]))
        return True

    world.drop = note
    ours.receive(pong_of(theirs, data), (theirs.ip, PORT))
    world.run(0.4)
    assert len(world.messages(ours, m.DiscoveryRequest)) == 0
    assert len(world.messages(ours, m.Ping)) == 2
    world.run(0.2)
    assert len(world.messages(ours, m.DiscoveryRequest)) == 1


# BOUNDS


def test_known_peers_of_one_public_subnet_are_ten_at_most():
    _world, ours, _ = pair()
    for index in range(30):
        ours.core.add_known(bytes([index]) * 32, f"20.1.1.{index + 1}", PORT)
    assert len(ours.core.peers.known) == 10
    assert ours.core.local.counters[Reason.SUBNET_FULL] == 20


def test_a_private_subnet_has_no_such_limit_unless_it_is_switched_on():
    for limited, count in ((False, 30), (True, 10)):
        world = World()
        ours = world.node("192.168.1.200", limit_private_networks=limited)
        ours.start()
        for index in range(30):
            ours.core.add_known(bytes([index]) * 32, f"192.168.1.{index + 1}", PORT)
        assert len(ours.core.peers.known) == count


def test_identities_of_one_ip_are_ten_where_the_subnet_counts_too():
    _world, ours, _ = pair()
    for index in range(20):
        ours.core.add_known(bytes([index]) * 32, "20.1.1.1", PORT)
    assert len(ours.core.peers.known) == 10


def test_a_full_list_keeps_some_replacements_that_move_up():
    world, ours, _ = pair(max_managed=5, max_replacements=2)
    for index in range(9):
        ours.core.add_known(bytes([index]) * 32, f"20.1.{index}.1", PORT)
    assert len(ours.core.peers.known) == 5
    world.run(4)
    pinged = {address[0] for _, _, address in world.sent}
    assert pinged == {f"20.1.{index}.1" for index in (0, 1, 2, 3, 4, 7, 8)}


def test_a_public_ip_has_a_token_bucket_of_100_packets_and_20_a_second():
    world, ours, theirs = pair()
    packet = ping_of(theirs)
    reasons = [ours.receive(packet, (theirs.ip, PORT)) for _ in range(150)]
    assert reasons.count(Reason.RATE_LIMITED) == 50
    world.run(1.0)
    reasons = [ours.receive(packet, (theirs.ip, PORT)) for _ in range(30)]
    assert reasons.count(None) == 20


def test_private_and_loopback_networks_have_no_token_bucket():
    world = World()
    world.drop = lambda packet: True
    ours, theirs = world.node("127.0.0.1"), world.node("127.0.0.2")
    ours.start()
    packet = ping_of(theirs, dst_addr="127.0.0.1")
    assert all(ours.receive(packet, ("127.0.0.2", PORT)) is None for _ in range(500))
