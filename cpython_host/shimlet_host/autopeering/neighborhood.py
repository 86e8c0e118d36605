"""Chosen and accepted neighbors, each with its score under the salt that judges it.

Both halves are the same thing: some places, of which the farthest neighbor gives way to a closer
one. Called by selection.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shimlet_host.autopeering.peers import Peer


@dataclass(slots=True)
class Neighbor:
    """A peer that is a neighbor, its score, and the unix time since when."""

    peer: Peer
    score: int
    since: int


class Neighborhood:
    """At most `size` neighbors, by public key."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.neighbors: dict[bytes, Neighbor] = {}

    def __len__(self) -> int:
        return len(self.neighbors)

    def __contains__(self, public_key: bytes) -> bool:
        return public_key in self.neighbors

    @property
    def is_full(self) -> bool:
        """Whether one more must push another out."""
        return len(self.neighbors) >= self.size

    def farthest(self) -> Neighbor | None:
        """The neighbor with the highest score."""
        return max(self.neighbors.values(), key=lambda neighbor: neighbor.score, default=None)

    def takes(self, score: int) -> bool:
        """Whether there is room for this score, or a farther neighbor to replace."""
        if not self.is_full:
            return True
        farthest = self.farthest()
        return farthest is not None and score < farthest.score

    def add(self, neighbor: Neighbor) -> None:
        """Take a neighbor; room must have been made."""
        self.neighbors[neighbor.peer.public_key] = neighbor

    def remove(self, public_key: bytes) -> Neighbor | None:
        """The neighbor that was removed, None if it was none."""
        return self.neighbors.pop(public_key, None)

    def rescore(self, score_of: Callable[[Peer], int]) -> None:
        """A new salt: neighbors stay, with new scores."""
        for neighbor in self.neighbors.values():
            neighbor.score = score_of(neighbor.peer)
