"""Each attack with its defence on and off: how often it succeeds, with an interval.

An Experiment is one attack on one victim of a small network, what it wants, and the one defence
that is switched. Both ways run with the same seeds. Called by cli/simulate.py, the tests
and the benchmark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shimlet_host.autopeering import Parameters
from shimlet_host.autopeering.neighborhood import Half
from shimlet_host.simulation.attackers.grind_identities import GrindIdentitiesAttacker
from shimlet_host.simulation.attackers.grind_salts import GrindSaltsAttacker
from shimlet_host.simulation.attackers.refuse import RefuseAttacker
from shimlet_host.simulation.attackers.replay import ReplayAttacker
from shimlet_host.simulation.attackers.share import ShareAttacker
from shimlet_host.simulation.intervals import Rate
from shimlet_host.simulation.links import Link
from shimlet_host.simulation.network import PORT
from shimlet_host.simulation.node import SimulatedNode
from shimlet_host.simulation.settings import PARAMETERS, Settings
from shimlet_host.simulation.statistics import is_eclipsed
from shimlet_host.simulation.world import World

_THETA = 0.07
_SETTLED_S = 60.0  # the honest nodes have met
_REPLAY_S = 120.0
_PUPPETS = 30
_SCOUTS = 40
_FEW = 8
_SILENT = 20
Changes = Mapping[str, Any]
Judge = Callable[[], bool]  # asked at the end: did the attack succeed?


@dataclass(frozen=True)
class Experiment:
    """`attack` lets the attacker in at the moment that it needs, and returns the judge. `on` and
    `off` are the parameters that differ from those of a node, by name.
    """

    name: str
    goal: str
    defence: str
    attack: Callable[[World, SimulatedNode], Judge]
    on: Changes
    off: Changes
    minutes: float = 5.0
    nodes: int = 40
    private: bool = False

    def run(self, seed: int, *, defended: bool) -> bool:
        """Whether the attack succeeds in the run of this seed."""
        parameters = self.parameters(PARAMETERS, defended=defended)
        world = World(
            Settings(nodes=self.nodes, seed=seed, parameters=parameters, private=self.private)
        )
        world.populate()
        succeeded = self.attack(world, world.add_node())
        world.run(self.minutes * 60)
        return succeeded()

    def parameters(self, usual: Parameters, *, defended: bool) -> Parameters:
        """Those of the nodes."""
        changed = replace(usual, **self.on)
        return changed if defended else replace(changed, **self.off)

    def rate(self, seeds: Iterable[int], *, defended: bool) -> Rate:
        """How often it succeeds."""
        results = [self.run(seed, defended=defended) for seed in seeds]
        return Rate(sum(results), len(results))


def _share(world: World, victim: SimulatedNode) -> Judge:
    ShareAttacker(world, victim.public_key, (victim.ip, PORT), _PUPPETS)
    return _after_restart(world, victim)


def _grind_salts(world: World, victim: SimulatedNode) -> Judge:
    GrindSaltsAttacker(world, victim.public_key, (victim.ip, PORT), _PUPPETS, theta=_THETA)
    return _after_restart(world, victim)


def _eclipse(world: World, victim: SimulatedNode) -> Judge:
    address = (victim.ip, PORT)
    GrindSaltsAttacker(world, victim.public_key, address, _PUPPETS, theta=_THETA)
    GrindIdentitiesAttacker(world, victim.public_key, address, _SCOUTS)
    _after_restart(world, victim)
    return lambda: is_eclipsed(world, victim)


def _after_restart(world: World, victim: SimulatedNode) -> Judge:
    """All have met before; then all places are free."""
    victim.start()
    world.run(_SETTLED_S)
    victim.crash()
    victim.restart()
    accepted = victim.core.selection.accepted
    return lambda: accepted.is_full and _holds(world, accepted)


def _grind_identities(world: World, victim: SimulatedNode) -> Judge:
    GrindIdentitiesAttacker(world, victim.public_key, (victim.ip, PORT), _SCOUTS)
    _after_restart(world, victim)
    return lambda: _holds(world, victim.core.selection.chosen)


def _replay(world: World, victim: SimulatedNode) -> Judge:
    victim.start()
    ReplayAttacker(world, victim.public_key, (victim.ip, PORT), _FEW, _REPLAY_S)
    links: list[Link] = []
    world.clock.at(_REPLAY_S, lambda: links.extend(_honest_links(world, victim)))
    return lambda: not any(link in world.links.standing for link in links)


def _honest_links(world: World, victim: SimulatedNode) -> list[Link]:
    return [link for key, link in victim.links.items() if key in world.by_key]


def _refuse(world: World, victim: SimulatedNode) -> Judge:
    world.run(_SETTLED_S)
    RefuseAttacker(world, victim.public_key, (victim.ip, PORT), _SILENT)
    victim.start()
    return lambda: not victim.core.selection.chosen.neighbors


def _holds(world: World, half: Half) -> bool:
    """Whether there are neighbors in this half, and none of them is honest."""
    return bool(half.neighbors) and not any(key in world.by_key for key in half.neighbors)


_FIXED = {"theta": _THETA}
_CAPPED = {"limit_private_networks": True}  # all nodes are in one, where caps can be switched

EXPERIMENTS = (
    Experiment(
        "share",
        "after a restart all accepted neighbors are the attacker's, who has 30 of 71 nodes",
        "theta test",
        _share,
        on=_FIXED,
        off={"check_theta": False},
    ),
    Experiment(
        "grind-salts",
        "the same, by salts that pass the theta test",
        "salt chain",
        _grind_salts,
        on=_FIXED,
        off={"check_salt_chain": False},
    ),
    Experiment(
        "grind-identities",
        "after a restart all chosen neighbors are the attacker's, who has one subnet",
        "caps per IP and subnet",
        _grind_identities,
        on=_CAPPED,
        off={"limit_private_networks": False},
        minutes=2,
        private=True,
    ),
    Experiment(
        "eclipse",
        "after a restart all neighbors are the attacker's, who grinds salts and identities",
        "theta test, salt chain and caps",
        _eclipse,
        on=_FIXED | _CAPPED,
        off={
            "check_theta": False,
            "check_salt_chain": False,
            "limit_private_networks": False,
        },
        private=True,
    ),
    Experiment(
        "replay",
        "an old packet, shown to all, costs the victim all its links",
        "expiration of requests",
        _replay,
        on={},
        off={"request_expiration_time_s": 3600.0},
        minutes=3,
    ),
    Experiment(
        "refuse",
        "the victim, who joins late, finds no chosen neighbor in 5 minutes",
        "few attempts, then the next peer",
        _refuse,
        on={},
        off={"max_peering_attempts": 1_000_000},
    ),
)
