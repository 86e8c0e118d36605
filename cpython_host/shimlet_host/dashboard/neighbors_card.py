"""The peers that autopeering has verified, the neighbors first.

In: a View. Out: rows. Used by page.py.
"""

from __future__ import annotations

from shimlet_host.dashboard.lists import RowList
from shimlet_host.dashboard.parts import card, say
from shimlet_host.dashboard.rows import neighbor_rows
from shimlet_host.dashboard.watch import View

OFF = "Autopeering is off. With it the node finds neighbors, and others learn our address."
NOBODY = "Nobody is verified yet."


class NeighborsCard:
    """One list."""

    def __init__(self) -> None:
        with card("Verified peers") as self._count:
            self._list = RowList(OFF).classes("verified")
        self._seen: object = None  # the lists come anew every few seconds, as one object
        self._limit = 0

    def show(self, view: View) -> None:
        """Who is verified now."""
        auto = view.info.auto_peering
        empty = NOBODY if auto else OFF
        if self._list.props["empty"] != empty:
            self._list.props["empty"] = empty
            self._list.update()
        say(self._count, str(len(view.neighbors.known)) if auto else "")
        if view.neighbors is not self._seen or self._list.limit != self._limit:
            self._seen, self._limit = view.neighbors, self._list.limit
            rows = neighbor_rows(view, self._list.limit)
            self._list.show(rows, max(len(view.neighbors.known), len(rows)))
