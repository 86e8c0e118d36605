"""The network of neighbors as a graph: its components, and the diameter of the largest.

In: who is linked to whom, by number. Sets of nodes are bits of large ints, so that all distances
of thousands of nodes take a moment. Called by statistics.py.
"""

from __future__ import annotations

from collections.abc import Sequence

Neighbors = Sequence[Sequence[int]]  # for each node, the numbers of its neighbors


def components(neighbors: Neighbors) -> list[list[int]]:
    """The nodes that reach each other, the largest component first."""
    unseen = dict.fromkeys(range(len(neighbors)))
    found = []
    while unseen:
        start, _ = unseen.popitem()
        component = [start]
        for node in component:
            for other in neighbors[node]:
                if other in unseen:
                    del unseen[other]
                    component.append(other)
        found.append(component)
    return sorted(found, key=len, reverse=True)


def diameter(neighbors: Neighbors, component: Sequence[int]) -> int:
    """The most links that lie between two nodes of one component."""
    everybody = sum(1 << node for node in component)
    reached = {node: 1 << node for node in component}
    steps = 0
    while any(nodes != everybody for nodes in reached.values()):
        reached = {node: _reached_next(reached, node, neighbors[node]) for node in component}
        steps += 1
    return steps


def _reached_next(reached: dict[int, int], node: int, others: Sequence[int]) -> int:
    nodes = reached[node]
    for other in others:
        nodes |= reached[other]
    return nodes
