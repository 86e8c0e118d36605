"""The mana rank: which verified peers are similar enough to us to become neighbors.

The peers that count are those whose mana lies in one interval around ours (protocol.md, "Mana
rank"), so a peer is judged by two comparisons, and the interval is computed only when the mana of
somebody has changed. Called by selection.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

Bounds = tuple[int, float]  # lowest and highest mana that counts

_EVERYBODY: Bounds = (0, float("inf"))


def mana_bounds(holders: Mapping[int, int], ours: int, r: int, rho: float) -> Bounds:
    """The interval of mana that counts, from {mana: number of peers holding it} and our own."""
    if len(holders.keys() | {ours}) < 2 * r:
        return _EVERYBODY
    above = sorted(mana for mana in holders if mana > ours)
    below = sorted((mana for mana in holders if mana < ours), reverse=True)
    upper = [mana for mana in above if ours and mana / ours < rho]
    lower = [mana for mana in below if mana and ours / mana < rho]
    highest = _last(upper, above, holders, r, ours)
    lowest = _last(lower, below, holders, r, ours)
    return lowest, highest


def _last(
    similar: list[int], all_of_them: list[int], holders: Mapping[int, int], r: int, ours: int
) -> int:
    """How far one side reaches: as far as the ratio says, or to the r-th nearest value."""
    enough = sum(holders[mana] for mana in similar) >= r
    side = similar if enough else all_of_them[:r]
    return side[-1] if side else ours


class ManaRank:
    """The mana of the verified peers. `mana` maps public keys to mana; absent means 0."""

    def __init__(self, public_key: bytes, r: int, rho: float) -> None:
        self._own_key = public_key
        self._r = r
        self._rho = rho
        self._mana: Mapping[bytes, int] = {}
        self._holders: Counter[int] = Counter()
        self._bounds: Bounds | None = None
        self._potential = 0

    def of(self, public_key: bytes) -> int:
        """The mana of a node."""
        return self._mana.get(public_key, 0)

    def add(self, public_key: bytes) -> None:
        """A peer was verified."""
        self._holders[self.of(public_key)] += 1
        self._bounds = None

    def remove(self, public_key: bytes) -> None:
        """A peer is verified no more."""
        mana = self.of(public_key)
        self._holders[mana] -= 1
        if self._holders[mana] <= 0:
            del self._holders[mana]
        self._bounds = None

    def replace(self, mana: Mapping[bytes, int], verified: Iterable[bytes]) -> None:
        """Take new figures, and count the verified peers anew."""
        self._mana = mana
        self._holders = Counter(self.of(public_key) for public_key in verified)
        self._bounds = None

    def includes(self, public_key: bytes) -> bool:
        """Whether this peer, not ourselves, has a mana similar enough."""
        lowest, highest = self._interval()
        return public_key != self._own_key and lowest <= self.of(public_key) <= highest

    def includes_all(self) -> bool:
        """Whether every other peer is: the usual case, without a mana source."""
        return self._interval() == _EVERYBODY

    def potential(self) -> int:
        """How many verified peers are similar enough."""
        self._interval()
        return self._potential

    def _interval(self) -> Bounds:
        if self._bounds is None:
            ours = self.of(self._own_key)
            self._bounds = lowest, highest = mana_bounds(self._holders, ours, self._r, self._rho)
            self._potential = sum(
                count for mana, count in self._holders.items() if lowest <= mana <= highest
            )
        return self._bounds
