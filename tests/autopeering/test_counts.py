"""What is told of the search for neighbors is counted fast, and right after whatever happened."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from autopeering_world import PARAMETERS, PORT, SERVICES, World, WorldNode
from shimlet_host.autopeering.messages import Service
from shimlet_host.autopeering.peers import Peer

OTHERS = {"peering": Service("udp", PORT)}  # of an entry node
KEYS = [bytes([number]) * 32 for number in range(120)]


def one_by_one(node: WorldNode) -> tuple[int, int, set[bytes]]:
    """The same as open_candidates(), by looking at each verified peer."""
    selection = node.core.selection
    candidates, may_include = selection.candidates, selection.neighborhood.may_include
    peers = candidates.peers.items()
    every = {key for key, peer in peers if peer.gossip_port and may_include(key)}
    similar = {key for key in every if candidates.mana.includes(key)}
    theta = candidates.theta()
    in_range = {key for key in similar if candidates.score(candidates.peers[key]) < theta}
    return len(every), len(similar), in_range


class Changes:
    """Happenings at random, as often as a test likes."""

    def __init__(self, node: WorldNode, seed: int) -> None:
        self._core = node.core
        self._random = random.Random(seed)
        self._steps = [self._verified, self._verified, self._verified, self._lost, self._neighbor]
        self._steps += [self._dropped, self._listed, self._salts, self._mana]

    def step(self) -> None:
        """One of them."""
        self._random.choice(self._steps)()

    def _verified(self) -> None:
        services = self._random.choice([SERVICES, SERVICES, SERVICES, OTHERS])
        self._core.selection._peer_verified(
            Peer(self._random.choice(KEYS), f"192.0.2.{self._random.randrange(4)}", services)
        )

    def _lost(self) -> None:
        peers = list(self._core.selection.candidates.peers.values())
        if peers:
            self._core.selection._peer_lost(self._random.choice(peers))

    def _neighbor(self) -> None:
        neighborhood = self._core.selection.neighborhood
        for peer in self._core.selection.candidates.peers.values():
            if neighborhood.may_include(peer.public_key) and self._random.random() < 0.1:
                begin = self._random.choice([neighborhood.choose, neighborhood.accept])
                return begin(peer, self._random.randrange(1 << 32))

    def _dropped(self) -> None:
        self._core.selection.neighborhood.drop(self._random.choice(KEYS), "test")

    def _listed(self) -> None:
        self._core.set_manual(set(self._random.sample(KEYS, self._random.randrange(9))))

    def _salts(self) -> None:
        self._core.local.unix_time += 7200
        self._core.selection._update_salts()

    def _mana(self) -> None:
        holders = self._random.sample(KEYS, self._random.choice([0, 60, 120]))
        mana = {key: self._random.randrange(1, 5000) for key in holders}
        candidates = self._core.selection.candidates
        candidates.mana.replace(mana, candidates.peers)


@pytest.mark.parametrize("check_theta", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_open_candidates_are_those_that_are_found_one_by_one(seed: int, check_theta: bool) -> None:
    world = World(parameters=replace(PARAMETERS, check_theta=check_theta, k=4, r=2, ro=1.5))
    node = world.node()
    node.start()
    changes = Changes(node, seed)
    seen = set()
    for _ in range(400):
        changes.step()
        told = node.core.selection.open_candidates()
        assert told == one_by_one(node)
        seen.add((told[0] > told[1], told[1] > len(told[2])))
    assert len(seen) == (4 if check_theta else 2), "mana and theta have left out some, and nobody"
