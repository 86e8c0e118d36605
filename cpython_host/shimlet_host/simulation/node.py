"""One simulated full node: a real autopeering core, a clock that may be wrong, and its links.

In: packets from the virtual network. Out: packets into it, and links for the neighbors that the
core selects, as a full node makes them. What a full node keeps on its disk (identity, verified
peers, salt chains) outlives a crash. Made by world.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from shimlet_host.autopeering import Autopeering, Parameters
from shimlet_host.autopeering.chains import ChainRecord
from shimlet_host.autopeering.events import NeighborChosen, NeighborDropped
from shimlet_host.autopeering.messages import Service
from shimlet_host.simulation.clock import UNIX_START, Clock
from shimlet_host.simulation.identity import identity_of
from shimlet_host.simulation.links import Link, Links
from shimlet_host.simulation.network import PORT, Address, Network

SERVICES = {"peering": Service("udp", PORT), "gossip": Service("tcp", 14666)}
ENTRY_SERVICES = {"peering": Service("udp", PORT)}


class Surroundings(NamedTuple):
    """What all nodes of a run share. `after_step` is called whenever a node has done something."""

    clock: Clock
    network: Network
    links: Links
    signatures: bool
    after_step: Callable[[SimulatedNode], None] | None


class SimulatedNode:
    """A node with one IP. `skew_s`: how much its wall clock is ahead."""

    def __init__(
        self,
        around: Surroundings,
        ip: str,
        seed: bytes,
        parameters: Parameters,
        skew_s: float = 0.0,
        *,
        only_entry: bool = False,
    ) -> None:
        self.around = around
        self.ip = ip
        self.identity = identity_of(seed, signatures=around.signatures)
        self.public_key = self.identity.public_key
        self.parameters = parameters
        self.skew_s = skew_s
        self.only_entry = only_entry
        self.links: dict[bytes, Link] = {}
        self.entry_nodes: list[SimulatedNode] = []
        self.is_up = False
        self.has_left = False
        self._seed = seed
        self._random = random.Random(seed)
        self._peers: list[tuple[bytes, str, int]] = []  # what its disk holds
        self._chains: dict[bytes, ChainRecord] = {}
        self._armed: float | None = None
        self.core = self._new_core()

    def _new_core(self) -> Autopeering:
        services = ENTRY_SERVICES if self.only_entry else SERVICES
        return Autopeering(
            self.identity, self._seed, self.parameters, services, self._random, [self.ip]
        )

    @property
    def unix_time(self) -> int:
        """What its wall clock shows."""
        return int(UNIX_START + self.around.clock.now + self.skew_s)

    @property
    def is_full(self) -> bool:
        """Whether every place of its neighborhood is taken."""
        selection = self.core.selection
        return selection.chosen.is_full and selection.accepted.is_full

    # LIFE

    def start(self) -> None:
        """Start, with what the disk holds."""
        self.is_up = True
        self.around.network.connect(self)
        self.around.links.join(self)
        for public_key, record in self._chains.items():
            self.core.load_chain(public_key, record)
        self.core.start(self.around.clock.now, self.unix_time)
        for public_key, ip, port in self._peers:
            self.core.add_known(public_key, ip, port)
        for entry in self.entry_nodes:
            self.core.add_entry_node(entry.public_key, entry.ip, PORT)
        self._settle()

    def crash(self) -> None:
        """Stop without a word."""
        if not self.is_up:
            return
        self._save()
        self.is_up = False
        self._armed = None
        self.around.links.fall_silent(self)

    def leave(self) -> None:
        """Stop as an operator stops a node: the neighbors are told."""
        if not self.is_up:
            return
        self.core.stop(self.around.clock.now, self.unix_time)
        self._settle()
        self.crash()
        self.has_left = True

    def restart(self) -> None:
        """Start again as the same node."""
        if not self.is_up and not self.has_left:
            self.core = self._new_core()
            self.start()

    def _save(self) -> None:
        self._peers = [
            (known.public_key, known.ip, known.port) for known in self.core.peers.verified.values()
        ]
        self._chains = dict(self.core.selection.accepting.chains.records)

    # PACKETS AND TIME

    def receive(self, data: bytes, source: Address) -> None:
        """A packet has arrived."""
        self.core.receive(data, source, self.around.clock.now, self.unix_time)
        self._settle()

    def _tick(self, moment: float) -> None:
        if self._armed == moment and self.is_up:
            self._armed = None
            self.core.handle_timer(self.around.clock.now, self.unix_time)
            self._settle()

    def _settle(self) -> None:
        """Send what the core wants to send, act upon its events, and wait for its next timer."""
        around = self.around
        if self.core.local.outbox:
            here = (self.ip, PORT)
            for data, address in self.core.take_outbox():
                around.network.send(data, here, address)
        if self.core.local.events:
            self._act()
        timer = self.core.next_timer()
        if timer is not None and (self._armed is None or timer < self._armed):
            self._armed = timer
            around.clock.at(timer, self._tick, timer)
        if around.after_step is not None:
            around.after_step(self)

    def _act(self) -> None:
        for event in self.core.take_events():
            if isinstance(event, NeighborChosen):
                self.around.links.dial(self, event.peer.public_key)
            elif isinstance(event, NeighborDropped):
                self.around.links.hang_up(self, event.peer.public_key)

    # LINKS

    def awaits(self, public_key: bytes) -> bool:
        """Only accepted neighbors may dial us."""
        return public_key in self.core.selection.accepted

    def dials(self, public_key: bytes) -> bool:
        """A chosen neighbor may have been dropped while it was dialled."""
        return public_key in self.core.selection.chosen

    def link_up(self, public_key: bytes) -> None:
        """Tell the core."""
        self.core.link_up(public_key)

    def link_lost(self, public_key: bytes) -> None:
        """Tell the core."""
        self.core.link_lost(public_key, self.around.clock.now, self.unix_time)
        self._settle()
