"""How well simulated networks do, beside the limits, and what they cost.

Prints the share of full neighborhoods of 100 and 400 nodes over 20 seeds, with theta auto and with
the theta test off; how often each attack succeeds with its defence off and on; and the CPU time of
100, 1,000 and 5,000 nodes. `make bench` runs all of it in all processors, for up to an hour of one
of them; arguments pick parts: full, attacks, cost. Exit status 1 if a limit is missed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import Pool
from statistics import mean

from shimlet_host.simulation.experiments import EXPERIMENTS
from shimlet_host.simulation.intervals import Rate
from shimlet_host.simulation.running import simulate
from shimlet_host.simulation.settings import PARAMETERS, Settings
from shimlet_host.simulation.world import World

SEEDS = range(1, 21)
WORST = 0.95
# Nodes, whether the theta test is on, and the least mean share of full neighborhoods.
FULL = ((100, True, 0.98), (100, False, 0.995), (400, True, 0.98), (400, False, 0.995))
COST = ((100, 10), (1000, 10), (5000, 10))  # nodes, minutes
REAL_TIME = 1000  # nodes that one processor has to simulate in real time


def full_after(nodes: int, theta: bool, seed: int) -> tuple[float, float]:
    """The share of full neighborhoods after 10 and after 30 minutes."""
    parameters = replace(PARAMETERS, check_theta=theta)
    world = World(Settings(nodes=nodes, seed=seed, parameters=parameters))
    world.populate()
    shares = []
    for minutes in (10, 20):
        world.run(minutes * 60)
        shares.append(mean(node.is_full for node in world.nodes))
    return shares[0], shares[1]


def bench_full() -> bool:
    """No faults, equal mana."""
    good = True
    for nodes, theta, limit in FULL:
        with Pool() as pool:
            found = pool.starmap(full_after, [(nodes, theta, seed) for seed in SEEDS], 1)
        early, late = zip(*found, strict=True)
        good = good and mean(late) >= limit and min(late) >= WORST
        print(
            f"{nodes} nodes, theta {'auto' if theta else 'off'}: full after 10 minutes"
            f" {mean(early):.1%}, after 30 {mean(late):.2%} (limit {limit:.1%}), worst seed"
            f" {min(late):.1%} (limit {WORST:.0%})",
            flush=True,
        )
    return good


def bench_attacks() -> bool:
    """On and off must be told apart: their intervals do not overlap."""
    good = True
    with Pool() as pool:
        asked = [(number, on) for number in range(len(EXPERIMENTS)) for on in (False, True)]
        rates = dict(zip(asked, pool.starmap(_rate, asked, 1), strict=True))
    for number, experiment in enumerate(EXPERIMENTS):
        off, on = rates[number, False], rates[number, True]
        good = good and on.interval[1] < off.interval[0]
        print(f"{experiment.name}: {experiment.goal}\n  {experiment.defence} off: {off}, on: {on}")
    return good


def _rate(number: int, defended: bool) -> Rate:
    return EXPERIMENTS[number].rate(SEEDS, defended=defended)


def bench_cost() -> bool:
    """CPU time of one processor; most of it goes into the first minute, when all meet."""
    good = True
    for nodes, minutes in COST:
        run = simulate("", Settings(nodes=nodes, minutes=minutes))
        limit = ""
        if nodes == REAL_TIME:
            good = run.cpu_s < minutes * 60
            limit = f" (limit {minutes * 60} s)"
        print(
            f"{nodes} nodes, {minutes} minutes: {run.cpu_s:.0f} s of CPU{limit},"
            f" {run.cpu_ms_per_node_minute:.1f} ms a node and minute,"
            f" {run.summary.messages} messages",
            flush=True,
        )
    return good


PARTS: dict[str, Callable[[], bool]] = {
    "full": bench_full,
    "attacks": bench_attacks,
    "cost": bench_cost,
}


def main() -> int:
    parts = sys.argv[1:] or list(PARTS)
    results = [PARTS[part]() for part in parts]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
