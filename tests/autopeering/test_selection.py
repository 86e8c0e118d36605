"""Neighbor selection: whom we ask, what is checked of a request, who gives way to whom."""

from dataclasses import replace

import pytest
from autopeering_world import PARAMETERS, PORT, SERVICES, UNIX_START, World
from shimlet_host.autopeering import Reason, encoding
from shimlet_host.autopeering import messages as m
from shimlet_host.autopeering.events import NeighborAccepted, NeighborChosen, NeighborDropped
from shimlet_host.autopeering.peers import Peer
from shimlet_host.autopeering.requests import request_hash
from shimlet_host.autopeering.salt import hash_salt
from shimlet_host.autopeering.score import WHOLE, auto_theta, score

PLACES = 4


def met(count=2, seconds=5.0, **changes):
    """Nodes that have verified each other, and have no place for chosen neighbors."""
    world = World(parameters=replace(PARAMETERS, **changes))
    nodes = world.started(count)
    for node in nodes:
        node.core.selection.chosen.size = 0
    world.run(seconds)
    return world, nodes


def choose(node):
    """Let a node choose neighbors from now on."""
    node.core.selection.chosen.size = PLACES
    node.core.selection.choosing.pace.look_in(0.0)


def request_of(node, **changes):
    """Data and packet of a good PeeringRequest of `node`, but for the changes."""
    salt, expiration_time = node.core.selection.public_salt
    fields = {
        "timestamp": node.world.unix_time,
        "salt": salt,
        "expiration_time": expiration_time,
    }
    data = encoding.encode_peering_request(m.PeeringRequest(**{**fields, **changes}))
    return data, node.sign(data)


def ask(ours, theirs, **changes):
    """Hand in a PeeringRequest; the reason, and our answers to it as a list of booleans."""
    world = ours.world
    since = len(world.sent)
    data, packet = request_of(theirs, **changes)
    reason = ours.receive(packet, (theirs.ip, PORT))
    answers = world.messages(ours, m.PeeringResponse, since)
    assert all(answer.req_hash == request_hash(data) for answer in answers)
    return reason, [answer.status for answer in answers]


# ACCEPTING


def test_a_good_request_is_accepted():
    _, (ours, theirs) = met()
    assert ask(ours, theirs) == (None, [True])
    assert [peer.public_key for peer in ours.core.accepted()] == [theirs.key]
    assert isinstance(ours.events[-1], NeighborAccepted)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"timestamp": UNIX_START - 20}, Reason.EXPIRED),
        ({"timestamp": UNIX_START + 60}, Reason.IN_THE_FUTURE),
        ({"salt": None}, Reason.BAD_SALT),
        ({"salt": bytes(19)}, Reason.BAD_SALT),
        ({"salt": bytes(21)}, Reason.BAD_SALT),
        ({"expiration_time": 0}, Reason.BAD_SALT),
        ({"expiration_time": UNIX_START}, Reason.BAD_SALT),
        ({"expiration_time": (1 << 64) - 1}, Reason.BAD_SALT),
    ],
)
def test_a_bad_request_is_discarded_without_an_answer(changes, reason):
    _, (ours, theirs) = met()
    assert ask(ours, theirs, **changes) == (reason, [])
    assert not ours.core.accepted()


def test_a_request_of_an_unverified_sender_is_discarded():
    _, (ours, theirs) = met()
    _, packet = request_of(theirs)
    assert ours.receive(packet, ("20.9.9.9", PORT)) == Reason.UNVERIFIED
    stranger = ours.world.node()
    stranger.start()
    _, packet = request_of(stranger)
    assert ours.receive(packet, (stranger.ip, PORT)) == Reason.UNVERIFIED


def test_a_neighbor_is_answered_no():
    world, (ours, theirs) = met()
    assert ask(ours, theirs) == (None, [True])
    world.run(2)
    assert ask(ours, theirs) == (None, [False])
    assert len(ours.core.accepted()) == 1


def test_a_peer_without_gossip_service_is_answered_no():
    world, nodes = met(1)
    theirs = world.node()
    theirs.core.local.offer({"peering": m.Service("udp", PORT)})
    theirs.start()
    theirs.core.add_entry_node(nodes[0].key, nodes[0].ip, PORT)
    world.run(5)
    assert nodes[0].core.verified()
    assert ask(nodes[0], theirs) == (None, [False])


def test_a_peer_outside_our_mana_rank_is_answered_no():
    _world, (ours, near, far, *_) = met(8, 30.0, r=1)
    ours.core.set_mana({ours.key: 100, near.key: 101, far.key: 100_000})
    assert ask(ours, far) == (None, [False])
    assert ask(ours, near) == (None, [True])


def test_a_manual_peer_is_answered_no_and_never_asked():
    world, (ours, theirs) = met(seconds=0.0)
    for node, other in ((ours, theirs), (theirs, ours)):
        node.core.set_manual({other.key})
        choose(node)
    world.run(60)
    assert ours.core.verified()
    assert ask(ours, theirs) == (None, [False])
    assert not world.messages(ours, m.PeeringRequest)


def test_a_repeated_request_is_answered_as_before_and_changes_nothing():
    world, (ours, theirs) = met()
    _data, packet = request_of(theirs)
    since = len(world.sent)
    for _ in range(3):
        assert ours.receive(packet, (theirs.ip, PORT)) is None
    answers = world.messages(ours, m.PeeringResponse, since)
    assert [answer.status for answer in answers] == [True] * 3
    accepted = [event for event in ours.events if isinstance(event, NeighborAccepted)]
    assert len(accepted) == 1


def test_when_full_only_a_closer_requester_is_accepted_and_the_farthest_gets_a_drop():
    world, (ours, *others) = met(12, 30.0)
    private_salt = ours.core.selection.accepting.private_salt

    def far(node):
        return score(ours.core.local.node_id, node.core.local.node_id, private_salt)

    others.sort(key=far)
    for node in others[4:8]:
        assert ask(ours, node) == (None, [True])
    assert ask(ours, others[8]) == (None, [False])
    since = len(world.sent)
    assert ask(ours, others[0]) == (None, [True])
    assert len(world.messages(ours, m.PeeringDrop, since)) == 1
    assert world.sent[since][2] == (others[7].ip, PORT)
    keys = {peer.public_key for peer in ours.core.accepted()}
    assert keys == {node.key for node in (others[0], *others[4:7])}


def test_an_accepted_neighbor_that_does_not_dial_within_4_s_is_dropped():
    world, (ours, theirs) = met()
    ask(ours, theirs)
    world.run(3.9)
    assert ours.core.accepted()
    world.run(0.2)
    assert not ours.core.accepted()
    dropped = ours.events[-1]
    assert isinstance(dropped, NeighborDropped)
    assert dropped.why == "no-link"
    assert len(world.messages(ours, m.PeeringDrop)) == 1


def test_an_accepted_neighbor_that_dialled_stays():
    world, (ours, theirs) = met()
    ask(ours, theirs)
    ours.core.link_up(theirs.key)
    world.run(60)
    assert ours.core.accepted()


def met_three_of_one_subnet():
    """A world, our node, and three of one public subnet, all verified and none chosen."""
    world = World()
    ours = world.node("20.0.1.1")
    others = [world.node(f"20.7.7.{number}") for number in range(1, 4)]
    for node in (ours, *others):
        node.core.selection.chosen.size = 0
        node.start()
        if node is not ours:
            node.core.add_entry_node(ours.key, ours.ip, PORT)
    world.run(30)
    return world, ours, others


def test_two_neighbors_of_one_public_subnet_are_the_most():
    _, ours, others = met_three_of_one_subnet()
    assert [ask(ours, node)[1] for node in others] == [[True], [True], [False]]


def test_whoever_says_yes_too_late_to_be_one_of_two_of_its_subnet_gets_a_drop():
    world, ours, others = met_three_of_one_subnet()
    choose(ours)
    while ours.core.selection.choosing.asking is None:
        world.run(0.01)  # less than the answer takes
    late = world.by_key(ours.core.selection.choosing.asking)
    two = [node for node in others if node is not late]
    assert [ask(ours, node) for node in two] == [(None, [True])] * 2
    since = len(world.sent)
    world.run(1)
    assert {peer.public_key for peer in ours.core.accepted()} == {node.key for node in two}
    assert not ours.core.chosen() and not late.core.accepted()
    assert [to for _, _, to in world.sent[since:] if to[0] == late.ip]


# SALT CHAIN AND THETA


def test_a_salt_of_the_same_chain_is_accepted_after_an_update():
    world, (ours, theirs) = met(salt_update_interval_s=100.0)
    first = theirs.core.selection.public_salt
    ask(ours, theirs)
    world.run(200)
    second = theirs.core.selection.public_salt
    assert second.expiration_time - first.expiration_time == 200
    assert hash_salt(hash_salt(second.salt)) == first.salt
    assert ask(ours, theirs) == (None, [True])


def test_a_salt_that_is_not_of_the_chain_is_discarded_in_spec_and_accepted_in_goshimmer():
    for checked, answer in ((True, (Reason.SALT_CHAIN, [])), (False, (None, [True]))):
        world, (ours, theirs) = met(check_salt_chain=checked)
        ask(ours, theirs)
        world.run(5)
        assert not ours.core.accepted()
        assert ask(ours, theirs, salt=bytes(20)) == answer


def test_the_salt_of_an_earlier_interval_is_discarded_once_a_later_one_was_seen():
    world, (ours, theirs) = met(salt_update_interval_s=100.0)
    salt, _expiration_time = theirs.core.selection.public_salt
    ask(ours, theirs)
    world.run(200)
    ask(ours, theirs)
    world.run(5)
    late = {"salt": salt, "expiration_time": theirs.core.selection.public_salt.expiration_time}
    assert ask(ours, theirs, **late) == (Reason.SALT_CHAIN, [])


def test_a_first_salt_is_recorded_whatever_the_answer():
    _, (ours, theirs, third) = met(3, 10.0, r=1)
    ours.core.set_mana({ours.key: 100, third.key: 101, theirs.key: 100_000})
    assert ask(ours, theirs) == (None, [False])
    assert theirs.key in ours.core.selection.accepting.chains.records


def test_an_expiration_time_further_away_than_one_interval_is_discarded():
    _, (ours, theirs) = met()
    expiration_time = theirs.core.selection.public_salt.expiration_time + 2 * 7200
    assert ask(ours, theirs, expiration_time=expiration_time) == (Reason.SALT_CHAIN, [])


def test_a_score_above_theta_is_discarded_in_spec_and_accepted_in_goshimmer():
    outcomes = {True: set(), False: set()}
    for checked in (True, False):
        _, (ours, *others) = met(12, 30.0, theta=0.5, check_theta=checked, k=40)
        for node in others:
            salt = node.core.selection.public_salt.salt
            passes = score(node.core.local.node_id, ours.core.local.node_id, salt) < WHOLE // 2
            reason, _ = ask(ours, node)
            outcomes[checked].add((passes, reason))
    assert outcomes[True] == {(True, None), (False, Reason.THETA)}
    assert outcomes[False] == {(True, None), (False, None)}


def test_theta_auto_leaves_each_node_about_4k_others_to_ask():
    assert auto_theta(8, 0) == auto_theta(8, 10) == auto_theta(8, 32) == 1.0
    assert auto_theta(8, 64) == 0.5
    assert auto_theta(8, 100_000) == 0.01


# CHOOSING


def test_two_nodes_become_one_link_chosen_on_one_side_and_accepted_on_the_other():
    for seed in range(20):
        world = World(seed)
        first, second = world.started(2)
        world.run(30)
        halves = [(len(node.core.chosen()), len(node.core.accepted())) for node in (first, second)]
        assert sorted(halves) == [(0, 1), (1, 0)], seed
        assert first.links == {second.key}
        assert second.links == {first.key}


def test_candidates_are_asked_in_ascending_order_of_their_score():
    world, (ours, *others) = met(12, 30.0)
    refusing = [node.key for node in others]
    for node in others:
        node.core.set_manual({ours.key})
    since = len(world.sent)
    choose(ours)
    world.run(20)
    asked = []
    for _, sender, address in world.sent[since:]:
        node = world.nodes[address[0]]
        if sender[0] == ours.ip and node.key not in asked and node.key in refusing:
            asked.append(node.key)
    salt = ours.core.selection.public_salt.salt
    by_score = sorted(
        others, key=lambda node: score(ours.core.local.node_id, node.core.local.node_id, salt)
    )
    assert asked == [node.key for node in by_score]


def test_retries_of_a_peering_request_are_byte_identical_and_three():
    world, (ours, _theirs) = met()
    world.drop = lambda packet: True
    since = len(world.sent)
    choose(ours)
    world.run(4)
    requests = [
        encoding.encode_peering_request(request)
        for request in world.messages(ours, m.PeeringRequest, since)
    ]
    assert len(requests) == 3
    assert len(set(requests)) == 1


def test_a_positive_answer_makes_a_chosen_neighbor():
    world, (ours, theirs) = met()
    choose(ours)
    world.run(1)
    assert [peer.public_key for peer in ours.core.chosen()] == [theirs.key]
    assert any(isinstance(event, NeighborChosen) for event in ours.events)
    assert ours.links == {theirs.key}


def test_an_answer_of_the_wrong_kind_answers_nothing():
    world, (ours, theirs) = met()
    world.drop = lambda packet: True
    since = len(world.sent)
    ours.core.handle_timer(world.now, world.unix_time)
    ours.core.discovery._ask_for_peers(ours.core.peers.verified[theirs.key])
    choose(ours)
    world.run(0.4)
    assert len(world.messages(ours, m.PeeringRequest, since)) == 1
    (query,) = world.messages(ours, m.DiscoveryRequest, since)
    req_hash = request_hash(encoding.encode_discovery_request(query))
    packet = theirs.sign(encoding.encode_peering_response(m.PeeringResponse(req_hash, True)))
    assert ours.receive(packet, (theirs.ip, PORT)) == Reason.UNSOLICITED
    assert not ours.core.chosen()


def test_a_lost_link_leads_to_a_drop_and_another_neighbor():
    world = World()
    ours, *_ = world.started(20)
    world.run(120)
    lost = ours.core.chosen()[0]
    since = len(world.sent)
    ours.links.discard(lost.public_key)
    ours.core.link_lost(lost.public_key, world.now, world.unix_time)
    world.settle(ours)
    (drop,) = world.messages(ours, m.PeeringDrop, since)
    assert drop.timestamp == world.unix_time
    world.run(30)
    keys = {peer.public_key for peer in ours.core.chosen()}
    assert len(keys) == 4
    assert lost.public_key not in keys


def test_a_drop_counts_only_fresh_and_from_the_neighbors_address():
    world, (ours, theirs) = met()
    ask(ours, theirs)
    ours.core.link_up(theirs.key)

    def drop(timestamp, ip):
        data = encoding.encode_peering_drop(m.PeeringDrop(timestamp))
        return ours.receive(theirs.sign(data), (ip, PORT))

    assert drop(world.unix_time - 20, theirs.ip) == Reason.EXPIRED
    assert drop(world.unix_time, "20.9.9.9") == Reason.NOT_A_NEIGHBOR
    assert ours.core.accepted()
    assert drop(world.unix_time, theirs.ip) is None
    assert not ours.core.accepted()
    assert drop(world.unix_time, theirs.ip) == Reason.NOT_A_NEIGHBOR


def test_neighbors_stay_when_the_salts_are_updated():
    world = World(parameters=replace(PARAMETERS, salt_update_interval_s=100.0))
    nodes = world.started(3)
    world.run(60)
    before = [set(node.links) for node in nodes]
    salts = [node.core.selection.public_salt for node in nodes]
    world.run(110)
    assert all(
        node.core.selection.public_salt != salt for node, salt in zip(nodes, salts, strict=True)
    )
    assert [set(node.links) for node in nodes] == before


def test_the_public_salt_is_that_of_the_moment_after_any_jump_of_the_clock():
    world, (ours, _) = met(salt_update_interval_s=100.0)
    selection = ours.core.selection
    for jump in (0, 5000, -5000, 150, -150, 0):
        moment = ours.core.local.unix_time = world.unix_time + jump
        found = selection._current_salt()
        assert found.expiration_time - 100 <= moment < found.expiration_time, jump
        assert selection.public_salt == found


def test_a_neighbor_that_is_no_longer_verified_is_dropped():
    world = World(parameters=replace(PARAMETERS, verification_lifetime_s=60.0))
    ours, theirs = world.started(2)
    world.run(20)
    assert ours.core.chosen() or ours.core.accepted()
    del world.nodes[theirs.ip]
    world.run(120)
    assert not ours.core.chosen()
    assert not ours.core.accepted()
    assert not ours.core.verified()


def test_whoever_is_lost_leaves_nothing_behind():
    """The node is content with one neighbor, and closer peers that say no come and go."""
    hasty = {"verification_lifetime_s": 20.0, "full_outbound_update_interval_s": 0.5}
    world = World(parameters=replace(PARAMETERS, **hasty))
    ours, *others = [world.node(k=1 if number == 0 else 8) for number in range(6)]
    ours.start()
    others.sort(key=lambda node: ours.core.selection.candidates.score(peer_at(node)))
    neighbor = others.pop()  # the farthest
    neighbor.start()
    meet(world, neighbor, ours)
    world.run(5)
    assert ours.links == {neighbor.key}
    choosing, refused = ours.core.selection.choosing, set()
    for node in others:
        node.core.set_manual({ours.key})  # it says no
        node.start()
        meet(world, node, ours)
        for _ in range(40):
            world.run(1)
            refused |= choosing._filtered
        del world.nodes[node.ip]
    assert refused == {node.key for node in others}
    world.run(30)
    assert ours.links == {neighbor.key}
    assert not choosing._filtered and not choosing.refusals


def test_a_closer_peer_that_is_back_is_asked_soon_however_long_the_rest_would_be():
    world = World(parameters=replace(PARAMETERS, verification_lifetime_s=60.0))
    ours, *others = [world.node(k=1 if number == 0 else 8) for number in range(3)]
    ours.start()
    closer, farther = sorted(
        others, key=lambda node: ours.core.selection.candidates.score(peer_at(node))
    )
    for node in (closer, farther):
        node.start()
        meet(world, node, ours)
    world.run(30)
    for one, other in ((ours, closer), (closer, ours)):
        one.core.link_lost(other.key, world.now, world.unix_time)
    del world.nodes[closer.ip]
    world.run(3600)  # it rests for an hour or more now
    assert {peer.public_key for peer in ours.core.chosen()} == {farther.key}
    world.nodes[closer.ip] = closer
    meet(world, closer, ours)
    world.run(120)
    assert {peer.public_key for peer in ours.core.chosen()} == {closer.key}


def peer_at(node):
    """What others know of a node."""
    return Peer(node.key, node.ip, SERVICES)


def meet(world, node, other):
    """One gets to know the other."""
    node.core.add_known(other.key, other.ip, PORT)
    world.settle(node)


def test_an_entry_node_without_gossip_is_asked_by_nobody():
    world = World()
    entry = world.node()
    entry.core.local.offer({"peering": m.Service("udp", PORT)})
    entry.start()
    others = [world.node() for _ in range(3)]
    for node in others:
        node.start()
        node.core.add_entry_node(entry.key, entry.ip, PORT)
        world.settle(node)
    world.run(60)
    assert len(entry.core.verified()) == 3
    assert not entry.core.chosen()
    assert not entry.core.accepted()
    assert all(len(node.links) == 2 for node in others)
