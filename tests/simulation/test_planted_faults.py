"""Each fault that is planted into discovery or selection makes one of the stories fail.

The stories pass without the fault, as test_stories.py and test_attacks.py show.
"""

import pytest
import simulation_checks as checks
from shimlet_host.autopeering import neighborhood, peers, score
from shimlet_host.autopeering.candidates import Candidates
from shimlet_host.autopeering.chains import SaltChains
from shimlet_host.autopeering.choosing import Choosing
from shimlet_host.autopeering.discovery import Discovery
from shimlet_host.autopeering.neighborhood import Half, Neighborhood
from shimlet_host.autopeering.salt import SaltChain
from shimlet_host.autopeering.selection import Selection
from shimlet_host.autopeering.verification import Verification
from shimlet_host.simulation.experiments import EXPERIMENTS
from shimlet_host.simulation.node import SERVICES

ATTACKS = {experiment.name: experiment for experiment in EXPERIMENTS}


def faults(first, last):
    for seed in range(first, last):
        checks.faults_and_quiet(seed)


def attack_fails(name, seed=2):
    assert not ATTACKS[name].run(seed, defended=True)


# The faults: each replaces something by something wrong.


def no_theta_test(patch):
    patch.setattr(Candidates, "theta", lambda self: float(score.WHOLE))


def no_salt_chain_test(patch):
    patch.setattr(SaltChains, "check", lambda *_: True)


class NeverCleared(set):
    def clear(self):
        """Not."""

    def discard(self, _):
        """Not."""


def filter_never_cleared(patch):
    start = Selection.start

    def started(self):
        self.choosing._filtered = NeverCleared()
        start(self)

    patch.setattr(Selection, "start", started)


def one_neighbor_too_many(patch):
    patch.setattr(Half, "is_full", property(lambda self: len(self.neighbors) > self.size))


def drop_not_sent(patch):
    patch.setattr(Neighborhood, "send_drop", lambda *_: None)


def salt_not_updated(patch):
    at, first = SaltChain.at, {}

    def stuck(self, unix_time):
        return first.setdefault(self, at(self, unix_time))

    patch.setattr(SaltChain, "at", stuck)


def unverified_sender_answered(patch):
    def believed(self, public_key, ip):
        known = self.verified.get(public_key)
        if known is None:
            known = peers.KnownPeer(public_key, ip, 14626)
            known.peer = peers.Peer(public_key, ip, SERVICES)
        return known

    patch.setattr(peers.Peers, "verified_at", believed)


def lost_peer_stays_neighbor(patch):
    patch.setattr(
        Selection, "_peer_lost", lambda self, peer: self.candidates.remove(peer) and None
    )


def silent_peer_stays_verified(patch):
    patch.setattr(Verification, "_unanswered", lambda self, known: self._pings.ended(known))


def entry_node_forgotten(patch):
    add = Verification.add_entry_node

    def added(self, public_key, ip, port):
        add(self, public_key, ip, port)
        self.peers.known[public_key, ip].entry = False

    patch.setattr(Verification, "add_entry_node", added)


def undialled_neighbor_kept(patch):
    patch.setattr(neighborhood, "ACCEPT_LINK_S", 1e9)


def known_list_without_bound(patch):
    patch.setattr(peers.Peers, "refuses", lambda *_, **__: None)


def nobody_asked_for_peers(patch):
    patch.setattr(Discovery, "_ask_for_peers", lambda *_: None)


def no_ping_back(patch):
    patch.setattr(Verification, "_ping_back", lambda *_: None)


def lost_peer_stays_filtered(patch):
    patch.setattr(Choosing, "peer_is_lost", lambda *_: None)


PLANTED = [
    (no_theta_test, lambda: attack_fails("share")),
    (no_salt_chain_test, lambda: attack_fails("grind-salts", 3)),
    (filter_never_cleared, checks.two_nodes_three_partitions),
    (one_neighbor_too_many, checks.ten_nodes),
    (drop_not_sent, checks.a_drop_alone),
    (salt_not_updated, lambda: faults(0, 5)),
    (unverified_sender_answered, lambda: faults(0, 20)),
    (lost_peer_stays_neighbor, lambda: faults(0, 20)),
    (silent_peer_stays_verified, checks.the_gone_are_forgotten),
    (entry_node_forgotten, checks.entry_node_gone_for_a_day),
    (undialled_neighbor_kept, lambda: faults(0, 20)),
    (known_list_without_bound, lambda: faults(0, 20)),
    (nobody_asked_for_peers, checks.ten_nodes),
    (no_ping_back, checks.two_nodes),
    (lost_peer_stays_filtered, lambda: faults(0, 20)),
]


@pytest.mark.parametrize(("fault", "story"), PLANTED, ids=lambda one: one.__name__)
def test_a_planted_fault_is_found(fault, story, monkeypatch):
    fault(monkeypatch)
    with pytest.raises(AssertionError):
        story()
