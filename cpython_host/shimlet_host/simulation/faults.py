"""What goes wrong in a run: nodes crash and come back, leave for good, join; a partition.

In: a World, populated, and its Settings. Out: all of it on the world's clock, before the run
begins, so that one seed makes one story. Called by running.py and tests.
"""

from __future__ import annotations

from shimlet_host.simulation.node import SimulatedNode
from shimlet_host.simulation.world import World

DOWN_S = (5.0, 120.0)  # how long a crashed node stays away


def plan_faults(world: World) -> None:
    """Put the faults of the settings on the clock. The entry node is spared by churn."""
    settings = world.settings
    hours = settings.minutes / 60
    for _ in range(round(settings.crashes * hours * settings.nodes)):
        plan_crash(world, world.random.choice(world.nodes), _moment(world))
    for node in _leaving(world, round(settings.churn * hours * settings.nodes)):
        moment = _moment(world)
        world.clock.at(moment, node.leave)
        world.clock.at(moment, join, world)
    if settings.split is not None:
        begin_s = settings.split.start_min * 60
        world.clock.at(begin_s, world.split)
        world.clock.at(begin_s + settings.split.length_min * 60, world.heal)


def plan_crash(world: World, node: SimulatedNode, moment: float) -> None:
    """A node crashes then, and comes back."""
    world.clock.at(moment, node.crash)
    world.clock.at(moment + world.random.uniform(*DOWN_S), node.restart)


def join(world: World) -> None:
    """A new node comes."""
    world.add_node().start()


def _leaving(world: World, count: int) -> list[SimulatedNode]:
    others = world.nodes[1:]
    return world.random.sample(others, min(count, len(others)))


def _moment(world: World) -> float:
    return world.random.uniform(0, world.settings.minutes * 60)
