"""Which IPs are ours, and learning the outer one from what verified peers say."""

import random

import pytest
from autopeering_world import PARAMETERS, PORT, SERVICES, World
from shimlet_host.autopeering import Autopeering
from shimlet_host.autopeering.decoding import decode
from shimlet_host.autopeering.encoding import encode_pong
from shimlet_host.autopeering.envelope import open_envelope
from shimlet_host.autopeering.events import AddressLearnt
from shimlet_host.autopeering.messages import PING, Pong
from shimlet_host.autopeering.own_address import OwnAddress
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.requests import request_hash
from shimlet_host.identity import HostIdentity


def ours(interfaces=(), external=None):
    """What a node with these interfaces thinks of itself, and the node's Local."""
    core = Autopeering(HostIdentity(bytes(32)), bytes(32), PARAMETERS, SERVICES, random.Random(1))
    return OwnAddress(core.local, interfaces, external), core.local


def test_interfaces_and_the_configured_address_are_ours_and_nothing_else():
    own, _ = ours(["10.0.0.5", "2001:db8::5"], "20.1.1.1")
    for text in ("10.0.0.5", "::ffff:10.0.0.5", "2001:db8:0::5", "20.1.1.1"):
        assert own.is_ours(text), text
    for text in ("10.0.0.6", "20.1.1.2", "", "name", "0.0.0.0", "224.0.0.1"):
        assert not own.is_ours(text), text


def test_while_nothing_is_learnt_any_unicast_address_passes():
    own, _ = ours()
    assert own.is_ours("20.1.1.1")
    for text in ("", "name", "0.0.0.0", "::", "224.0.0.1", "ff02::1"):
        assert not own.is_ours(text), text


def test_three_voters_of_different_subnets_teach_our_address():
    own, local = ours(["10.0.0.5"])
    own.vote("20.1.1.1", "30.1.1.1", 50)
    own.vote("20.1.1.2", "30.1.1.1", 50)
    own.vote("20.2.1.1", "30.1.1.1", 50)
    assert own.is_ours("30.9.9.9")
    own.vote("20.3.1.1", "::ffff:30.1.1.1", 50)
    assert own.learnt == "30.1.1.1"
    assert local.events == [AddressLearnt("30.1.1.1")]
    assert own.is_ours("30.1.1.1")
    assert own.is_ours("10.0.0.5")
    assert not own.is_ours("30.9.9.9")


def test_all_voters_suffice_if_fewer_than_three_peers_are_verified():
    own, _ = ours()
    own.vote("20.1.1.1", "30.1.1.1", 1)
    assert own.learnt == "30.1.1.1"


def test_a_liar_does_not_outvote_the_others():
    own, _ = ours()
    for number in range(1, 4):
        own.vote(f"20.{number}.1.1", "30.1.1.1", 10)
    for number in range(200):
        own.vote(f"20.9.9.{number}", "66.6.6.6", 10)
    assert own.learnt == "30.1.1.1"


def test_a_new_address_is_learnt_when_most_voters_agree_on_it():
    own, _ = ours()
    for number in range(1, 6):
        own.vote(f"20.{number}.1.1", "30.1.1.1", 10)
    for number in range(1, 4):
        own.vote(f"20.{number}.1.1", "30.2.2.2", 10)
    assert own.learnt == "30.2.2.2"


@pytest.mark.parametrize("dst_addr", ["", "name", "0.0.0.0", "224.0.0.1"])
def test_nonsense_is_no_vote(dst_addr):
    own, local = ours()
    own.vote("20.1.1.1", dst_addr, 1)
    assert own.learnt == ""
    assert not local.events


@pytest.mark.parametrize("dst_addr", ["127.0.0.1", "10.0.0.5", "fe80::5", "2001:db8::5%x\n"])
def test_what_nobody_can_see_from_outside_is_no_vote(dst_addr):
    own, local = ours(["20.7.7.7"])
    own.vote("20.1.1.1", dst_addr, 1)
    assert own.learnt == ""
    assert not local.may_know("127.0.0.1") and not local.may_know("10.0.0.9")


def test_a_private_voter_teaches_a_private_address():
    own, _ = ours()
    own.vote("10.0.0.1", "10.0.0.5", 1)
    assert own.learnt == "10.0.0.5"


def test_a_configured_address_is_never_outvoted():
    own, _ = ours(external="20.1.1.1")
    for number in range(1, 6):
        own.vote(f"20.{number}.1.1", "30.1.1.1", 10)
    assert own.is_ours("20.1.1.1")
    assert not own.is_ours("30.1.1.1")


def test_new_addresses_of_the_machine_replace_its_old_ones_and_what_was_learnt_stays():
    own, local = ours(["10.0.0.5"])
    own.vote("20.1.1.1", "30.1.1.1", 1)
    own.set_interfaces(["10.0.0.9"])
    assert own.is_ours("10.0.0.9")
    assert own.is_ours("30.1.1.1")
    assert not own.is_ours("10.0.0.5")
    assert local.addresses == {"10.0.0.9", "30.1.1.1"}


def is_ping(packet):
    """Whether this is a Ping."""
    return open_envelope(packet).data[0] == PING


def lie(world, node, liar, told):
    """Make all that `liar` sends to `node` say that it reached the node under another address."""
    real = world.settle

    def settle(sender):
        if sender is liar:
            for index, (data, address) in enumerate(sender.core.local.outbox):
                message = decode(data)
                if isinstance(message, Pong) and address[0] == node.ip:
                    message.dst_addr = told
                    sender.core.local.outbox[index] = (encode_pong(message), address)
        real(sender)

    world.settle = settle


def test_a_first_peer_that_lies_about_our_address_does_not_cut_us_off():
    world = World()
    liar, *honest = world.started(5)
    node = world.node()
    lie(world, node, liar, "66.6.6.6")
    node.core.add_known(liar.key, liar.ip, PORT)
    node.start()
    world.run(0.05)
    assert node.core.own_address.learnt == "66.6.6.6"
    for other in honest:
        node.core.add_known(other.key, other.ip, PORT)
    world.run(20)
    assert node.core.own_address.learnt == node.ip
    assert len(node.core.verified()) >= len(honest) - 1


def behind_routers(count):
    """Nodes that know their own addresses from others alone, and those of the others for long."""
    world = World()
    nodes = world.started(count)
    for node in nodes:
        node.core.set_interfaces(["192.168.1.5"])
    world.run(120)
    return world, nodes


def test_a_router_that_gets_another_address_cuts_its_node_off_for_a_minute_and_no_longer():
    """The others are not due to be verified again for half a day."""
    world, nodes = behind_routers(20)
    node = nodes[-1]
    assert node.core.own_address.learnt == node.ip
    del world.nodes[node.ip]
    node.ip = "30.1.1.1"
    world.nodes[node.ip] = node
    world.run(70)  # queryInterval, until it asks anybody anything, and some seconds
    assert node.core.own_address.learnt == node.ip
    world.run(60)
    assert len(node.core.verified()) >= 15


def test_a_liar_does_not_make_a_node_ping_all_others_again_and_again():
    world, nodes = behind_routers(20)
    liar, *_, node = nodes
    del world.nodes[liar.ip]  # it answers by what follows
    node.core.handle_timer(world.now, world.unix_time)
    node.core.verification.doubt(node.core.peers.verified[liar.key])
    since = len(world.sent)
    world.run(0.01)
    ((ping, _, _),) = world.sent[since:]
    req_hash = request_hash(open_envelope(ping).data)
    lie_of_it = liar.sign(encode_pong(Pong(req_hash, SERVICES, "66.6.6.6")))
    for _ in range(100):
        assert node.receive(lie_of_it, (liar.ip, PORT)) == Reason.WRONG_DESTINATION
        world.run(0.02)
    pinged = [to for data, (ip, _), to in world.sent[since:] if ip == node.ip and is_ping(data)]
    assert 10 < len(pinged) <= 45
    assert node.core.own_address.learnt == node.ip
    assert len(node.core.verified()) >= 19


def test_a_node_whose_address_changes_learns_the_new_one_from_answers_to_its_pings():
    world = World()
    nodes = world.started(6, verification_lifetime_s=10.0)
    world.run(30)
    node = nodes[-1]
    assert node.core.own_address.learnt == node.ip
    node.core.set_interfaces([])
    del world.nodes[node.ip]
    node.ip = "30.1.1.1"
    world.nodes[node.ip] = node
    world.run(60)
    assert node.core.own_address.learnt == node.ip
    assert len(node.core.verified()) == 5
